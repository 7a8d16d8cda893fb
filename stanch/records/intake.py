"""What came in: deliveries remembered so that repeats get the same answer, and findings nobody could map."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from stanch.records import schema
from stanch.records.database import Database, rows

KEEP_DELIVERIES = timedelta(days=7)


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

    def finish_delivery(self, source: str, delivery_id: str, *, result: Any) -> None:
        """Keep the answer for repeats; the first answer stays."""
        table = schema.deliveries
        which = (table.c.source == source) & (table.c.delivery_id == delivery_id) & table.c.finished.is_(False)
        with self._write() as db:
            db.execute(update(table).where(which).values(result=result, finished=True))

    def delivery(self, delivery_id: str, *, source: str) -> Repeat | None:
        """The answer of a delivery, None where it is unknown."""
        table = schema.deliveries
        query = select(table.c.result, table.c.finished)
        with self._read() as db:
            row = db.execute(query.where(table.c.source == source, table.c.delivery_id == delivery_id)).one_or_none()
        return None if row is None else Repeat(row.result, row.finished)

    def forget_deliveries(self, now: datetime, *, keep: timedelta = KEEP_DELIVERIES) -> int:
        """Drop deliveries older than a week; returns how many."""
        with self._write() as db:
            return db.execute(delete(schema.deliveries).where(schema.deliveries.c.at < now - keep)).rowcount

    def quarantine(self, item: Quarantined) -> bool:
        """Hold something that could not be mapped; False where it is held already."""
        with self._write() as db:
            return self._insert_new(db, schema.quarantine, vars(item))

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
