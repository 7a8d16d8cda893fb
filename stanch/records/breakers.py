"""Circuit breakers by scope, counted where every worker sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from stanch.guards.breaker import Breaker, BreakerRules, failed
from stanch.records import schema
from stanch.records.database import Database

PREFIX = "breaker:"


class Breakers(Database):
    """The state of each scope that has had a failed change; a scope without one is closed."""

    def change_failed(self, scopes: Sequence[str], rules: BreakerRules, *, now: datetime, cause: str = "") -> list[str]:
        """Count a failed change, once for a cause; gives the scopes whose breaker opens by it, once each time."""
        opened: list[str] = []
        with self._write() as db:
            self._lock(db, "breakers")
            for scope in scopes:
                before = _of(db, scope)
                after = failed(before, now, rules, cause)
                value = after.model_dump(mode="json")
                self._upsert(db, schema.settings, {"name": PREFIX + scope, "value": value})
                opened += [scope] if after.is_open(now) and not before.is_open(now) else []
        return opened

    def change_worked(self, scopes: Sequence[str]) -> list[str]:
        """A change worked: what was open closes; gives those scopes. Failures of a closed breaker age by themselves."""
        if not any(scope in scopes and breaker.until for scope, breaker in self.breakers()):
            return []
        closed: list[str] = []
        with self._write() as db:
            self._lock(db, "breakers")
            for scope in scopes:
                if _of(db, scope).until is not None:
                    db.execute(delete(schema.settings).where(schema.settings.c.name == PREFIX + scope))
                    closed.append(scope)
        return closed

    def breakers(self) -> list[tuple[str, Breaker]]:
        """Every scope that has had a failure."""
        with self._read() as db:
            return read_breakers(db)


def read_breakers(db: Connection) -> list[tuple[str, Breaker]]:
    """Within a transaction of the caller."""
    table = schema.settings
    named = select(table.c.name, table.c.value).where(table.c.name.startswith(PREFIX, autoescape=True))
    found = db.execute(named.order_by(table.c.name)).all()
    return [(str(name)[len(PREFIX) :], Breaker.model_validate(value)) for name, value in found]


def _of(db: Connection, scope: str) -> Breaker:
    table = schema.settings
    found: Any = db.execute(select(table.c.value).where(table.c.name == PREFIX + scope)).scalar_one_or_none()
    return Breaker() if found is None else Breaker.model_validate(found)
