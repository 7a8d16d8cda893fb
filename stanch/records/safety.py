"""What guards must know right now: halts, protected targets, budgets and settings, under one generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from stanch.guards.breaker import Breaker
from stanch.records import schema
from stanch.records.breakers import read_breakers
from stanch.records.database import Database, rows

EVERYTHING = "all"
GENERATION = "guard_generation"


@dataclass(frozen=True)
class Halt:
    """Changes of a scope are stopped; `freeze` stops lifts too.

    Args:
        scope: `all`, `playbook:ID`, `point:NAME`, `action:NAME`, `source:NAME` or `host:NAME`.
    """

    scope: str
    freeze: bool
    generation: int
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Protected:
    """Something that may never be blocked, added at run time. `kind`: ip, user, client, token, path or host."""

    kind: str
    value: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class GuardView:
    """What guards need, read in one transaction. A worker whose plan saw a later generation must read again."""

    generation: int
    halts: tuple[Halt, ...]
    protected: tuple[Protected, ...]
    breakers: tuple[tuple[str, Breaker], ...] = ()


@dataclass(frozen=True)
class Budget:
    """At most `limit` reservations of a scope in any `window`."""

    scope: str
    limit: int
    window: timedelta


@dataclass(frozen=True)
class Reservation:
    """Whether every budget had room; nothing is taken unless all had. `left` is by scope, after this reservation."""

    ok: bool
    left: dict[str, int]


class Safety(Database):
    """Halts, protected targets, budgets and settings."""

    def halt(self, scope: str = EVERYTHING, *, by: str, reason: str, at: datetime, freeze: bool = False) -> int:
        """Stop changes of a scope; returns the new generation."""
        with self._write() as db:
            generation = self._next_generation(db)
            values = {"freeze": freeze, "generation": generation, "by": by, "reason": reason, "at": at}
            self._upsert(db, schema.halts, {"scope": scope} | values)
        return generation

    def resume(self, scope: str = EVERYTHING) -> bool:
        """Allow changes of a scope again; False where it was not halted."""
        with self._write() as db:
            self._next_generation(db)
            return db.execute(delete(schema.halts).where(schema.halts.c.scope == scope)).rowcount == 1

    def halts(self) -> list[Halt]:
        return list(self.guard_view().halts)

    def protect(self, item: Protected) -> int:
        """Add to the never-block list; returns the new generation."""
        with self._write() as db:
            self._upsert(db, schema.protected, vars(item))
            return self._next_generation(db)

    def unprotect(self, kind: str, value: str) -> bool:
        """Take an entry off the never-block list; False where it was not there."""
        table = schema.protected
        with self._write() as db:
            self._next_generation(db)
            return db.execute(delete(table).where(table.c.kind == kind, table.c.value == value)).rowcount == 1

    def guard_view(self) -> GuardView:
        """Everything guards must know, as of one moment."""
        with self._read(snapshot=True) as db:
            halts = tuple(Halt(**row) for row in rows(db, select(schema.halts).order_by("scope")))
            listed = rows(db, select(schema.protected).order_by("kind", "value"))
            protected = tuple(Protected(**row) for row in listed)
            return GuardView(_setting(db, GENERATION) or 0, halts, protected, tuple(read_breakers(db)))

    def reserve(self, budgets: Sequence[Budget], *, key: str, now: datetime) -> Reservation:
        """Take one from every budget, or from none; the same key again takes nothing more."""
        with self._write() as db:
            self._lock(db, "budgets")
            left = {budget.scope: self._room(db, budget, key=key, now=now) for budget in budgets}
            ok = all(room >= 0 for room in left.values())
            for budget in budgets if ok else ():
                self._insert_new(db, schema.spent, {"scope": budget.scope, "key": key, "at": now})
        return Reservation(ok, {scope: max(room, 0) for scope, room in left.items()})

    def forget_spent(self, now: datetime, *, keep: timedelta = timedelta(days=8)) -> int:
        """Drop reservations older than any window; returns how many."""
        with self._write() as db:
            return db.execute(delete(schema.spent).where(schema.spent.c.at < now - keep)).rowcount

    def setting(self, name: str) -> Any:
        """A stored value, None where there is none."""
        with self._read() as db:
            return _setting(db, name)

    def put_setting(self, name: str, value: Any) -> None:
        with self._write() as db:
            self._upsert(db, schema.settings, {"name": name, "value": value})

    def _next_generation(self, db: Connection) -> int:
        self._lock(db, GENERATION)
        generation = (_setting(db, GENERATION) or 0) + 1
        self._upsert(db, schema.settings, {"name": GENERATION, "value": generation})
        return generation

    def _room(self, db: Connection, budget: Budget, *, key: str, now: datetime) -> int:
        """What would be left after one more, or is left where the key has been counted."""
        table = schema.spent
        recent = select(func.count()).where(table.c.scope == budget.scope, table.c.at > now - budget.window)
        others: int = db.execute(recent.where(table.c.key != key)).scalar_one()
        return budget.limit - others - 1


def _setting(db: Connection, name: str) -> Any:
    return db.execute(select(schema.settings.c.value).where(schema.settings.c.name == name)).scalar_one_or_none()
