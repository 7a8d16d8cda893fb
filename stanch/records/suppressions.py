"""What people have put away: false positives and accepted risks, until a day; never for good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from stanch.records import schema
from stanch.records.database import Database, rows_in_parts
from stanch.records.prepared import Prepared, columns_of


@dataclass(frozen=True)
class Suppression:
    """Reports of this case's problem open no run before `until`.

    Args:
        kind: false_positive, risk_accepted or duplicate.
        by: the person who has said so.
        contradicted_by: the case of an attack on what was put away, where there has been one.
    """

    case_id: str
    kind: str
    until: datetime
    reason: str
    by: str
    at: datetime
    contradicted_by: str = ""
    contradicted_at: datetime | None = None

    def covers(self, kind: str) -> bool:
        """Whether it speaks of a finding of this kind: an accepted risk never covers an attack on it."""
        return not (kind == "attack" and self.kind == "risk_accepted")

    @property
    def words(self) -> str:
        """In words, such as `risk accepted until 2026-08-01 by user:ana`."""
        return f"{self.kind.replace('_', ' ')} until {self.until:%Y-%m-%d} by {self.by}"


_table = schema.suppressions
_STANDING = Prepared(
    select(*columns_of(_table, Suppression)).where(
        _table.c.case_id.in_(bindparam("cases", expanding=True)), _table.c.until > bindparam("now")
    )
)


class Suppressions(Database):
    """Suppressions by case."""

    def suppress(self, wanted: Suppression) -> bool:
        """Put a case's problem away; a later word replaces an earlier one. False where as late a one stands."""
        table = schema.suppressions
        with self._write() as db:
            known: datetime | None = db.execute(select(table.c.at).where(table.c.case_id == wanted.case_id)).scalar()
            return (known is None or known < wanted.at) and self._upsert(db, table, asdict(wanted))

    def unsuppress(self, case_id: str, *, by: str, at: datetime) -> bool:
        """End it now, so that nobody who still knows it can bring it back; False where nothing was put away."""
        table = schema.suppressions
        which = (table.c.case_id == case_id) & (table.c.until > at)
        with self._write() as db:
            return db.execute(update(table).where(which).values(until=at, at=at, by=by)).rowcount == 1

    def suppressions_of(
        self, case_ids: Collection[str], now: datetime, *, db: Connection | None = None
    ) -> dict[str, Suppression]:
        """The suppressions that stand at `now`, by case.

        Args:
            case_ids: the cases asked about.
            now: aware.
            db: an open transaction to take part in.
        """
        if db is not None:
            return standing(db, case_ids, now)
        with self._read() as own:
            return standing(own, case_ids, now)

    def contradict(self, case_id: str, *, by: str, at: datetime) -> bool:
        """Note that what was put away is under attack; the first attack stays named. False where it was noted."""
        table = schema.suppressions
        which = (table.c.case_id == case_id) & (table.c.contradicted_by == "")
        with self._write() as db:
            done = db.execute(update(table).where(which).values(contradicted_by=by, contradicted_at=at))
            return done.rowcount == 1


def standing(db: Connection, case_ids: Collection[str], now: datetime) -> dict[str, Suppression]:
    """The suppressions of these cases that stand."""
    found: dict[str, Suppression] = {}
    for part in rows_in_parts(sorted(case_ids)):
        found |= {row[0]: Suppression(*row) for row in _STANDING.rows(db, {"cases": part, "now": now})}
    return found
