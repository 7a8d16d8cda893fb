"""Records of an earlier release brought to the schema of this one, in the transaction that opens them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, inspect, update

from stanch.records.schema import SCHEMA_VERSION, meta


def upgraded(db: Connection, version: str) -> str:
    """Take every step from a version on; returns the version that the schema has now.

    Missing tables exist already: they are made whenever records are opened. A version without a step stays as it is,
    and is refused by the caller.
    """
    now = version
    while now != str(SCHEMA_VERSION) and now in _STEPS:
        _STEPS[now](db)
        now = str(int(now) + 1)
    if now != version:
        db.execute(update(meta).where(meta.c.name == "schema").values(value=now))
    return now


def tuned(db: Connection) -> None:
    """Change what only speed depends on; releases with either form read the same records.

    The index by place made a finding look through all others on its operation, though only the other side matters.
    """
    db.exec_driver_sql("CREATE INDEX IF NOT EXISTS operations_by_side ON operations (host, path, kind)")
    db.exec_driver_sql("DROP INDEX IF EXISTS operations_by_place")


def _from_1(db: Connection) -> None:
    """Who gave a case away did so by some way, which earlier releases did not keep."""
    if "via" not in {column["name"] for column in inspect(db).get_columns("reassignments")}:
        db.exec_driver_sql("ALTER TABLE reassignments ADD COLUMN via TEXT NOT NULL DEFAULT ''")


_STEPS: Mapping[str, Callable[[Connection], None]] = {"1": _from_1}
