"""Full reports: which cases a source's scan of one scope has shown, and which were missing from two in a row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select, update

from stanch.records import schema
from stanch.records.database import Database, rows_in_parts

MISSES_TO_CLOSE = 2
KEEP_REPORTS = timedelta(days=30)


class Scopes(Database):
    """What was in the full reports of each source and scope."""

    def full_report(
        self,
        source: str,
        scope: str,
        *,
        delivery_id: str,
        present: Collection[str],
        at: datetime,
        db: Connection | None = None,
    ) -> tuple[str, ...]:
        """Count one full report: what is in it is there, what is not has been missed once more.

        The same delivery gives the same answer again, so that whoever was interrupted can go on. A report that is not
        newer than the last one counted changes nothing: order is the reports' own, not that of their arrival.

        Args:
            source: whose report it is.
            scope: what it covers, as the source declares it.
            delivery_id: one report counts once.
            present: the cases of everything in it, nothing held back.
            at: when the report was made, or when it came where it does not say.
            db: an open write transaction to take part in.

        Returns:
            Cases that were missing from this report and from the one before it, in order.
        """
        values: dict[str, Any] = {"source": source, "scope": scope, "delivery_id": delivery_id, "absent": [], "at": at}
        with self._joining(db) as db:
            self._lock(db, f"scope:{source}:{scope}")
            table = schema.scope_deliveries
            if not self._insert_new(db, table, values):
                return tuple(db.execute(select(table.c.absent).where(*_key(values))).scalar_one())
            if not self._is_newest(db, source, scope, at):
                return ()
            absent = self._count(db, source, scope, present=set(present), at=at)
            db.execute(update(table).where(*_key(values)).values(absent=list(absent)))
        return absent

    def forget_full_reports(self, now: datetime, *, keep: timedelta = KEEP_REPORTS) -> int:
        """Drop answers that nobody can ask for any more; the counts themselves stay. Returns how many."""
        table = schema.scope_deliveries
        with self._write() as db:
            return db.execute(delete(table).where(table.c.at < now - keep)).rowcount

    def _is_newest(self, db: Connection, source: str, scope: str, at: datetime) -> bool:
        table = schema.scopes
        last = db.execute(select(table.c.at).where(table.c.source == source, table.c.scope == scope)).scalar()
        if last is not None and at <= last:
            return False
        self._upsert(db, table, {"source": source, "scope": scope, "at": at})
        return True

    def _count(self, db: Connection, source: str, scope: str, *, present: set[str], at: datetime) -> tuple[str, ...]:
        table = schema.scope_cases
        ours = (table.c.source == source) & (table.c.scope == scope)
        known = {row.case_id: row.misses for row in db.execute(select(table.c.case_id, table.c.misses).where(ours))}
        for case_id in sorted(present):
            if known.get(case_id) != 0:
                self._upsert(db, table, {"source": source, "scope": scope, "case_id": case_id, "misses": 0, "at": at})
        missed = sorted(case_id for case_id in known if case_id not in present)
        gone = tuple(case_id for case_id in missed if known[case_id] + 1 >= MISSES_TO_CLOSE)
        for part in rows_in_parts(missed):
            db.execute(update(table).where(ours, table.c.case_id.in_(part)).values(misses=table.c.misses + 1))
        for part in rows_in_parts(gone):
            db.execute(delete(table).where(ours, table.c.case_id.in_(part)))
        return gone


def _key(values: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    columns = schema.scope_deliveries.c
    return [columns[name] == values[name] for name in ("source", "scope", "delivery_id")]
