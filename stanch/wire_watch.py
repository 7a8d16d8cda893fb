"""Messages of the look at all points: what stands there past its end, and when to look again."""

from __future__ import annotations

from datetime import datetime, timedelta

from stanch.leases import Wire

INCIDENT = timedelta(seconds=60)  # so long past its end a block may stand before people hear of it
SEEN = "points.seen"  # setting in records: what the last look showed


class Overdue(Wire):
    """A block that should be gone for more than a minute and, for all we know, is not.

    Args:
        frozen: a freeze keeps it, so that nobody looks for a fault of the point.
    """

    point: str
    lease_id: str
    case_id: str
    ended: datetime
    frozen: bool = False


class PointsSeen(Wire):
    """What a look showed.

    Args:
        again: when something may be past its end that nobody has lifted; None where nothing stands.
        overdue: what people must hear of.
    """

    again: datetime | None = None
    overdue: tuple[Overdue, ...] = ()


class Paging(Wire):
    """Tell the owners of these."""

    overdue: tuple[Overdue, ...]
