"""Records of schema 1 are opened, kept and brought to this release's schema; what cannot be is left as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stanch.errors import ConfigError
from stanch.records import Records
from stanch.records.schema import SCHEMA_VERSION

KEY = b"a key for tests, 32 bytes long.."
NEW = ("turns", "inhibitors", "inhibited", "case_noise", "group_generations", "policy_uses", "kept_texts")
COLUMNS = ("key", "case_id", "by", "from_owner", "to_owner", "rule", "category", "host", "path")
COLUMNS += ("method", "severity", "source", "environment")
AT = "2026-03-01T12:00:00.000000Z"


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as db, db:
        yield db


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as schema 1 had it, with one change of hands in it."""
    file = tmp_path / "records.db"
    Records(f"sqlite:///{file}", KEY).close()
    with raw(file) as db:
        for table in (*NEW, "reassignments"):
            db.execute(f"DROP TABLE {table}")
        columns = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
        db.execute(f"CREATE TABLE reassignments ({columns}, at VARCHAR(27) NOT NULL, PRIMARY KEY (key))")
        db.execute("CREATE INDEX ix_reassignments_at ON reassignments (at)")
        values = ["k", "case-1", "user:ana", "team:a", "team:b", *("" for _ in COLUMNS[5:]), AT]
        db.execute(f"INSERT INTO reassignments VALUES ({', '.join('?' for _ in values)})", values)
        db.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
    return file


def opened(file: Path, key: bytes = KEY) -> Records:
    return Records(f"sqlite:///{file}", key)


def version(file: Path) -> str:
    with raw(file) as db:
        return str(db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()[0])


def tables(file: Path) -> set[str]:
    with raw(file) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_records_of_schema_1_go_on(old: Path) -> None:
    records = opened(old)
    (kept,) = records.reassignments(since=datetime(2026, 1, 1, tzinfo=UTC))
    records.close()
    assert (kept.case_id, kept.by, kept.from_owner, kept.to_owner, kept.via) == (
        "case-1",
        "user:ana",
        "team:a",
        "team:b",
        "",
    )
    assert version(old) == str(SCHEMA_VERSION)
    assert set(NEW) <= tables(old)
    opened(old).close()  # once more changes nothing
    assert version(old) == str(SCHEMA_VERSION)


def test_an_upgraded_schema_is_that_of_new_records(old: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.db"
    for file in (old, fresh):
        opened(file).close()

    def columns(file: Path, table: str) -> set[tuple[str, str, int]]:
        with raw(file) as db:
            return {(row[1], row[2], row[3]) for row in db.execute(f"PRAGMA table_info({table})")}

    assert tables(old) == tables(fresh)
    for table in tables(fresh):
        assert columns(old, table) == columns(fresh, table), table


def test_processes_that_open_them_at_once_do_not_disturb_each_other(old: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for records in pool.map(opened, [old] * 4):
            records.close()
    assert version(old) == str(SCHEMA_VERSION)


@pytest.mark.parametrize("found", ["0", "3", "x" * 500, ""])
def test_a_schema_that_nobody_knows_is_refused_and_left_alone(old: Path, found: str) -> None:
    with raw(old) as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'schema'", [found])
    before = tables(old)
    with pytest.raises(ConfigError) as refused:
        opened(old)
    assert refused.value.code == "C303"
    assert refused.value.hint
    assert (version(old), tables(old)) == (found, before)


def test_another_key_changes_nothing(old: Path) -> None:
    before = tables(old)
    with pytest.raises(ConfigError) as refused:
        opened(old, b"another key for tests, 32 bytes.")
    assert refused.value.code == "C304"
    assert (version(old), tables(old)) == ("1", before)


def test_a_step_that_fails_leaves_everything_as_it_was(old: Path) -> None:
    with raw(old) as db:
        db.execute("ALTER TABLE reassignments RENAME TO kept")
        db.execute("CREATE VIEW reassignments AS SELECT * FROM kept")
    before = tables(old)
    with pytest.raises(Exception, match=r"records cannot be used|already"):
        opened(old)
    assert (version(old), tables(old)) == ("1", before)


def test_records_of_an_earlier_release_get_the_index_by_side(tmp_path: Path) -> None:
    file = tmp_path / "records.db"
    opened(file).close()
    with raw(file) as db:
        db.execute("DROP INDEX operations_by_side")
        db.execute("CREATE INDEX operations_by_place ON operations (host, path)")
    opened(file).close()
    with raw(file) as db:
        plan = db.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM operations WHERE host IN ('h') AND path IN ('/p') AND kind IN ('attack')"
        ).fetchall()
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert "operations_by_side (host=? AND path=? AND kind=?)" in str(plan)
    assert "operations_by_place" not in names
