"""Tickets whose create had an unknown end: once the tracker has caught up, somebody looks for a second one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from stanch.records.database import Database, rows
from stanch.records.schema_doubts import doubts

SWEEP_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Doubt:
    """One create of a ticket.

    Args:
        key: the idempotency key that its ticket carries.
        system: the tracker, by its name in stanch.toml.
        due: when it is time to look.
    """

    key: str
    case_id: str
    episode: str
    system: str
    due: datetime


class Doubts(Database):
    """Creates that are to be looked at again, and what was found."""

    def doubt_ticket(self, doubt: Doubt) -> None:
        """Keep it; the newest doubt of a key counts, and it is looked at again."""
        with self._write(lasting=False) as db:
            self._upsert(db, doubts, {**asdict(doubt), "swept": None})

    def ticket_doubts(self, now: datetime, *, limit: int = 100) -> Sequence[Doubt]:
        """Those whose time has come, oldest first."""
        names = ("key", "case_id", "episode", "system", "due")
        query = select(*(doubts.c[name] for name in names)).where(doubts.c.due <= now, doubts.c.swept.is_(None))
        with self._read() as db:
            return [Doubt(**row) for row in rows(db, query.order_by(doubts.c.due, doubts.c.key).limit(limit))]

    def put_off_doubt(self, key: str, until: datetime) -> None:
        """Look later: its tracker did not answer."""
        with self._write(lasting=False) as db:
            db.execute(update(doubts).where(doubts.c.key == key).values(due=until))

    def settle_doubt(self, doubt: Doubt, *, closed: int, at: datetime) -> None:
        """It was looked at, whether or not anybody had doubts, and so many tickets too many were closed."""
        which = doubts.c.key == doubt.key
        with self._write(lasting=False) as db:
            if closed:
                self._insert_new(db, doubts, asdict(doubt))
            db.execute(update(doubts).where(which).values(swept=at, closed=doubts.c.closed + closed))

    def duplicates_closed(self) -> int:
        """Tickets that were made twice and closed by a sweep, since records began."""
        with self._read() as db:
            return int(db.execute(select(func.coalesce(func.sum(doubts.c.closed), 0))).scalar_one())
