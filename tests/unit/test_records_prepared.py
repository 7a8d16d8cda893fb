"""Statements of records that are compiled once: lists of any size, types, errors, and how many a new problem takes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from arrival_support import KEYS
from sqlalchemy import bindparam, event, func, select

from stanch.errors import DependencyError
from stanch.records import Arrival, FindingRow, Item, Names, Records, schema
from stanch.records.places import Place
from stanch.records.prepared import Inserting, Prepared
from stanch.sealing import Original

START = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
_keys = schema.case_keys
_LISTED = Prepared(select(_keys.c.case_id).where(_keys.c.case_id.in_(bindparam("listed", expanding=True))))
_KEYS = Inserting(_keys)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def records(file: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{file}", b"k" * 32)
    yield made
    made.close()


def key(number: int, at: datetime = START) -> dict[str, Any]:
    return {"case_id": f"c{number}", "wrapped": b"%d" % number, "at": at}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 16, 17, 500])
def test_a_list_of_any_size_finds_what_is_in_it_once(records: Records, count: int) -> None:
    with records._write() as db:
        _KEYS.new(db, [key(number) for number in range(40)])
        found = _LISTED.rows(db, {"listed": [f"c{number}" for number in range(count)]})
    assert sorted(found) == sorted((f"c{number}",) for number in range(min(count, 40)))


@pytest.mark.parametrize("count", [1, 15, 16, 17, 50])
def test_rows_that_were_there_are_not_named_and_stay(records: Records, count: int) -> None:
    with records._write() as db:
        known = [key(number) for number in range(0, count, 2)]
        assert sorted(_KEYS.new(db, known)) == sorted((row["case_id"],) for row in known)
        again = [key(number) | {"wrapped": b"other"} for number in range(count)]
        assert sorted(_KEYS.new(db, again)) == sorted((f"c{number}",) for number in range(1, count, 2))
        stored = {row.case_id: row.wrapped for row in db.execute(select(_keys))}
    assert all(stored[row["case_id"]] == row["wrapped"] for row in known)


def test_every_row_of_many_goes_through_the_types_of_its_columns(records: Records, file: Path) -> None:
    there = START.astimezone(timezone(timedelta(hours=5)))
    with records._write() as db:
        _KEYS.new(db, [key(number, there) | {"case_id": f"c\0{number}"} for number in range(20)])
    with sqlite3.connect(file) as db:
        stored = db.execute("SELECT case_id, at FROM case_keys").fetchall()
    db.close()
    assert sorted(stored) == sorted((f"c\ufffd{number}", "2026-03-01T12:00:05.000000Z") for number in range(20))


def test_two_times_that_a_clock_shows_alike_stay_apart(records: Records) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    times = {"a": first, "b": first.replace(fold=1)}
    with records._write() as db:
        _KEYS.new(db, [key(0, at) | {"case_id": case} for case, at in times.items()])
        stored = {row.case_id: row.at.hour for row in db.execute(select(_keys))}
    assert stored == {"a": 0, "b": 1}


def test_a_value_of_no_type_is_not_stored(records: Records) -> None:
    untyped = Prepared(select(_keys.c.case_id).where(func.coalesce(bindparam("what"), bindparam("else")).is_(None)))
    with records._write() as db, pytest.raises(TypeError, match="else, what"):
        untyped.rows(db, {"what": START, "else": START})


def arrival() -> Arrival:
    place = Place("a", "exposure", "api.example.com", "GET", "/orders/{id}", "", START)
    row = FindingRow("a", "f", "s", START, {"a": 1}, "d")
    item = Item(row, Names("s", "id-1", ("i-1", "i-2")), "content", "open", "exposure", place)
    return Arrival("s", "d", "digest", START, (item,), original=Original("s", "d", b"body", "text/plain", START))


def test_what_the_driver_raises_is_told_like_every_failure_of_records(records: Records, file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("DROP TABLE aliases")
    db.close()
    with pytest.raises(DependencyError) as caught:
        records.look([arrival()])
    assert caught.value.code == "D010"
    assert "aliases" not in str(caught.value)


def test_a_database_that_somebody_else_holds_is_such_a_failure(file: Path) -> None:
    records = Records(f"sqlite:///{file}", b"k" * 32)
    with records._write() as db:
        db.exec_driver_sql("PRAGMA busy_timeout=1")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DependencyError):
        records.finish([])
    other.close()
    assert records.finish([]) == []
    records.close()


def test_a_new_problem_takes_few_statements(records: Records) -> None:
    said: list[str] = []
    event.listen(records._engine, "checkout", lambda raw, *_: raw.set_trace_callback(said.append))
    taken = records.look([arrival()])
    assert [line.split()[0] for line in said] == ["BEGIN", "SELECT", "SELECT", "SELECT", "COMMIT"]
    said.clear()
    records.keep(taken, keys=KEYS, keep=timedelta(days=1))
    assert len([line for line in said if line.startswith(("SELECT", "INSERT", "UPDATE"))]) <= 13, said
