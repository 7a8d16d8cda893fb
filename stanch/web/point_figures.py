"""Figures of enforcement points: what stands past its end, and what the last look at them showed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from stanch.leases import LeaseState
from stanch.records import Records
from stanch.shapes import is_dict

LATE = timedelta(seconds=60)
SEEN = "points.seen"


def overdue(records: Records) -> Counter[str]:
    """Leases that are held more than a minute past their end, by point."""
    moment = datetime.now(UTC) - LATE
    held = (row.lease for row in records.leases() if row.state is LeaseState.HELD)
    return Counter(lease.point for lease in held if lease.expires_at <= moment)


def seen(records: Records) -> tuple[dict[str, int], dict[str, int]]:
    """What the last look showed: orphans by point, and points that did not answer."""
    last: Any = records.setting(SEEN)
    found: dict[str, Any] = last if is_dict(last) else {}
    return dict(found.get("orphaned", {})), dict.fromkeys(found.get("unreachable", ()), 1)
