"""Figures of enforcement points: what the last look at them showed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stanch.records import Records
from stanch.shapes import is_dict
from stanch.wire_watch import SEEN


@dataclass(frozen=True)
class Seen:
    """By point: blocks past their end, entries nobody holds, blocks that vanished, 1 where nothing answered."""

    overdue: dict[str, int]
    orphaned: dict[str, int]
    drifted: dict[str, int]
    unreachable: dict[str, int]


def seen(records: Records) -> Seen:
    """What the last look showed; nothing before the first."""
    last: Any = records.setting(SEEN)
    found: dict[str, Any] = last if is_dict(last) else {}
    away = dict.fromkeys(found.get("unreachable", ()), 1)
    return Seen(dict(found.get("overdue", {})), dict(found.get("orphaned", {})), dict(found.get("drifted", {})), away)
