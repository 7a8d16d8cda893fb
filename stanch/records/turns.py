"""Whose turn it is: cases that share a concurrency key stand in line, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from stanch.records import schema
from stanch.records.database import Database

_OVER = ("verifying", "needs_person", "closed")
_table = schema.turns


@dataclass(frozen=True)
class Standing:
    """A place in a line.

    Args:
        since: when the case came.
        behind: the next case, where this one has the turn; else "".
    """

    since: datetime
    behind: str


class Turns(Database):
    """Lines by key; whoever stands first has the turn."""

    def take_turn(self, key: str, case_id: str, *, now: datetime, stays: bool = True) -> tuple[str, ...]:
        """Stand in line, once.

        Args:
            key: of the line.
            case_id: who comes.
            now: the time of that.
            stays: with False nobody is added, and only those who stand there are told.

        Returns:
            The cases ahead, the one that has the turn first; nobody where it is ours.
        """
        with self._write() as db:
            self._lock(db, f"turn:{key}")
            self._drop_gone(db, key, case_id)
            number: int = db.execute(select(func.coalesce(func.max(_table.c.number), 0))).scalar_one()
            values = {"key": key, "case_id": case_id, "number": number + 1, "at": now}
            if stays:
                self._insert_new(db, _table, values)
            return _ahead(db, key, case_id)

    def turns_of(self, case_id: str) -> dict[str, Standing]:
        """The lines in which a case stands, by key."""
        with self._read() as db:
            found = db.execute(select(_table.c.key, _table.c.at).where(_table.c.case_id == case_id)).all()
            return {key: Standing(at, _behind(db, key, case_id)) for key, at in found}

    def leave_turn(self, key: str, case_id: str) -> None:
        with self._write() as db:
            db.execute(delete(_table).where(_table.c.key == key, _table.c.case_id == case_id))

    def _drop_gone(self, db: Connection, key: str, case_id: str) -> None:
        """A case that was over after it had come is in nobody's way, even where it could not say that it left."""
        cases = schema.cases
        over = select(cases.c.case_id).where(
            cases.c.case_id == _table.c.case_id, cases.c.state.in_(_OVER), cases.c.updated > _table.c.at
        )
        db.execute(delete(_table).where(_table.c.key == key, _table.c.case_id != case_id, over.exists()))


def _line(db: Connection, key: str) -> list[str]:
    found = select(_table.c.case_id).where(_table.c.key == key).order_by(_table.c.number)
    return list(db.execute(found).scalars())


def _ahead(db: Connection, key: str, case_id: str) -> tuple[str, ...]:
    line = _line(db, key)
    return tuple(line[: line.index(case_id)] if case_id in line else line)


def _behind(db: Connection, key: str, case_id: str) -> str:
    line = _line(db, key)
    return line[1] if line[:1] == [case_id] and len(line) > 1 else ""
