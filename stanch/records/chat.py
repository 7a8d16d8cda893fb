"""Where the messages of a case are in the chat system: one is not posted twice, and a case keeps to one thread."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from stanch.records.database import Database
from stanch.records.schema import cases, chat_messages

KEEP_MESSAGES = timedelta(days=90)


class ChatMessages(Database):
    """Messages by case, place as it was asked for, and key."""

    def chat_message(self, case_id: str, place: str, key: str) -> tuple[str, str] | None:
        """Channel and reference of a message that was posted."""
        table = chat_messages
        which = (table.c.case_id == case_id) & (table.c.place == place) & (table.c.key == key)
        with self._read() as db:
            row = db.execute(select(table.c.channel, table.c.ref).where(which)).first()
        return (row.channel, row.ref) if row is not None else None

    def chat_thread(self, case_id: str, place: str) -> str:
        """The first message of a case in a place, under which the later ones go; "" where there is none."""
        table = chat_messages
        which = (table.c.case_id == case_id) & (table.c.place == place)
        first = select(table.c.ref).where(which).order_by(table.c.at, table.c.ref).limit(1)
        with self._read() as db:
            return db.execute(first).scalar() or ""

    def chat_places(self, case_id: str, key: str) -> frozenset[str]:
        """Every channel that a message with this key was posted to."""
        table = chat_messages
        which = select(table.c.channel).where(table.c.case_id == case_id, table.c.key == key)
        with self._read() as db:
            return frozenset(db.execute(which).scalars())

    def chat_cards(self, case_id: str, key: str) -> list[tuple[str, str]]:
        """Channel and reference of every message with this key, oldest first."""
        table = chat_messages
        which = select(table.c.channel, table.c.ref).where(table.c.case_id == case_id, table.c.key == key)
        with self._read() as db:
            return [(row.channel, row.ref) for row in db.execute(which.order_by(table.c.at, table.c.ref))]

    def forget_chat_messages(self, now: datetime, *, keep: timedelta = KEEP_MESSAGES) -> int:
        """Forget where old messages of cases are that are over, or that records no longer have; gives how many."""
        table, still = chat_messages, cases.alias()
        running = select(still.c.case_id).where(still.c.case_id == table.c.case_id, still.c.closed.is_(None))
        with self._write() as db:
            return db.execute(delete(table).where(table.c.at < now - keep, ~running.exists())).rowcount

    def put_chat_message(self, case_id: str, place: str, key: str, *, posted: tuple[str, str], at: datetime) -> None:
        """Remember a message; the first with this key stays."""
        channel, ref = posted
        values = {"case_id": case_id, "place": place, "key": key, "channel": channel, "ref": ref, "at": at}
        with self._write() as db:
            self._insert_new(db, chat_messages, values)
