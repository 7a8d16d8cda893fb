"""What processes say of the policy they use, and the texts that running cases have begun with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from stanch.policy_state import PolicyUse
from stanch.records import schema
from stanch.records.database import Database, rows

SILENT = timedelta(seconds=60)  # a process that has said nothing for so long is taken to have ended
FORGOTTEN = timedelta(days=1)


class Policies(Database):
    """The policy in use, by process; texts by digest."""

    def say_policy(self, use: PolicyUse) -> tuple[PolicyUse, ...]:
        """Say what this process uses, and hear what the others have said."""
        table = schema.policy_uses
        with self._write() as db:
            self._upsert(db, table, asdict(use))
            db.execute(delete(table).where(table.c.at < use.at - FORGOTTEN))
        return self.policy_uses(use.at)

    def policy_uses(self, now: datetime) -> tuple[PolicyUse, ...]:
        """What the processes that run now use."""
        table = schema.policy_uses
        query = select(table).where(table.c.at > now - SILENT).order_by(table.c.process)
        with self._read() as db:
            return tuple(PolicyUse(**row) for row in rows(db, query))

    def keep_texts(self, digest: str, sources: Mapping[str, str]) -> None:
        """Keep these templates; the same ones once."""
        with self._write() as db:
            self._insert_new(db, schema.kept_texts, {"digest": digest, "sources": dict(sources)})

    def kept_texts(self, digest: str) -> dict[str, str] | None:
        """The templates of that digest, None where nobody has kept them."""
        query = select(schema.kept_texts.c.sources).where(schema.kept_texts.c.digest == digest)
        with self._read() as db:
            found: dict[str, str] | None = db.execute(query).scalar()
            return found
