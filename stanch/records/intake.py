"""What came in: deliveries remembered so that repeats get the same answer, and findings nobody could map."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from stanch.records import schema
from stanch.records.database import Database, rows

KEEP_DELIVERIES = timedelta(days=7)
KEEP_REPORTS = timedelta(days=400)


@dataclass(frozen=True)
class New:
    """The first time this delivery is seen."""


@dataclass(frozen=True)
class Repeat:
    """Seen before with the same body. `finished` is False where the first attempt never got to an answer."""

    result: Any
    finished: bool


@dataclass(frozen=True)
class Conflict:
    """The id was used before for another body."""


@dataclass(frozen=True)
class Quarantined:
    """A delivery, authentic and parseable, that could not be mapped; `body` is redacted."""

    item_id: str
    source: str
    at: datetime
    code: str
    message: str
    body: str
    delivery_id: str = ""
    status: str = "held"
    settled_by: str = ""
    settled_at: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """How many findings of a large delivery have reached their cases; `failed` names those that never will, and why."""

    source: str
    delivery_id: str
    total: int
    done: int
    failed: tuple[str, ...] = ()


class Intake(Database):
    """Deliveries and quarantine."""

    def remember_delivery(
        self, source: str, delivery_id: str, body_digest: str, *, at: datetime
    ) -> New | Repeat | Conflict:
        """Note that a delivery arrived; only one of many at once is told that it is new."""
        values = {"source": source, "delivery_id": delivery_id, "body_digest": body_digest, "at": at, "result": None}
        table = schema.deliveries
        with self._write() as db:
            if self._insert_new(db, table, values):
                return New()
            query = select(table.c.body_digest, table.c.result, table.c.finished)
            row = db.execute(query.where(table.c.source == source, table.c.delivery_id == delivery_id)).one()
        return Repeat(row.result, row.finished) if row.body_digest == body_digest else Conflict()

    def delivery(self, delivery_id: str, *, source: str) -> Repeat | None:
        """The answer of a delivery, None where it is unknown."""
        return self.deliveries(delivery_id).get(source)

    def deliveries(self, delivery_id: str) -> dict[str, Repeat]:
        """The answers of the deliveries that have this id, by source."""
        table = schema.deliveries
        query = select(table.c.source, table.c.result, table.c.finished).where(table.c.delivery_id == delivery_id)
        with self._read() as db:
            return {row.source: Repeat(row.result, row.finished) for row in db.execute(query.limit(100))}

    def forget_deliveries(self, now: datetime, *, keep: timedelta = KEEP_DELIVERIES) -> int:
        """Drop deliveries older than a week and what cases were told long ago; returns how many deliveries."""
        with self._write() as db:
            db.execute(delete(schema.progress).where(schema.progress.c.at < now - keep))
            db.execute(delete(schema.case_reports).where(schema.case_reports.c.at < now - KEEP_REPORTS))
            return db.execute(delete(schema.deliveries).where(schema.deliveries.c.at < now - keep)).rowcount

    def put_progress(self, progress: Progress, *, part: int, at: datetime) -> None:
        """Note how far one part of a large delivery has come; it only ever grows."""
        values = {**vars(progress), "failed": list(progress.failed), "part": part, "at": at}
        with self._write() as db:
            self._upsert(db, schema.progress, values, unless_newer="done")

    def progress(self, source: str, delivery_id: str) -> Progress | None:
        """How far a large delivery has come; None where none of it has."""
        table = schema.progress
        with self._read() as db:
            found = rows(db, select(table).where(table.c.source == source, table.c.delivery_id == delivery_id))
        if not found:
            return None
        failed = tuple(item for row in found for item in row["failed"])
        done = sum(row["done"] for row in found)
        return Progress(source, delivery_id, total=found[0]["total"], done=done, failed=failed)

    def quarantined(self, *, status: str = "held", limit: int = 100) -> list[Quarantined]:
        """Held items, newest first; status "" gives all."""
        table = schema.quarantine
        query = select(table).order_by(table.c.at.desc(), table.c.item_id).limit(limit)
        with self._read() as db:
            found = rows(db, query.where(table.c.status == status) if status else query)
        return [Quarantined(**row) for row in found]

    def quarantined_item(self, item_id: str) -> Quarantined | None:
        with self._read() as db:
            found = rows(db, select(schema.quarantine).where(schema.quarantine.c.item_id == item_id))
        return Quarantined(**found[0]) if found else None

    def settle_quarantine(self, item_id: str, *, status: str, by: str, at: datetime) -> bool:
        """End a held item (`released` or `discarded`); False where somebody was faster."""
        table = schema.quarantine
        which = (table.c.item_id == item_id) & (table.c.status == "held")
        with self._write() as db:
            done = db.execute(update(table).where(which).values(status=status, settled_by=by, settled_at=at))
            return done.rowcount == 1
