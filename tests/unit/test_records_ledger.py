"""The ledger takes each entry once, in order, and shows every way of falsifying it."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stanch.errors import ConfigError, DependencyError
from stanch.records import Entry, Records, verify_file
from stanch.records.spool import Spool

KEY = b"a key for tests, 32 bytes long.."
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(case: str, number: int, **changes: object) -> Entry:
    values: dict[str, object] = {
        "case_id": case,
        "episode": "e1",
        "key": f"k{number}",
        "time": START + timedelta(seconds=number),
        "actor": "system",
        "event": "case.noted",
        "data": {"number": number},
    }
    return Entry(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    opened = Records(f"sqlite:///{path}", KEY)
    yield opened
    opened.close()


def tamper(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        db.execute(sql, values)
    db.close()


def fill(records: Records, cases: int = 3, entries: int = 5) -> None:
    records.append([entry(f"case-{c}", n) for n in range(entries) for c in range(cases)])


def test_entries_come_back_in_order_and_verify(records: Records) -> None:
    fill(records)
    line = records.timeline("case-1")
    assert [(item.seq, item.data["number"]) for item in line] == [(n + 1, n) for n in range(5)]
    assert line[0].time == START
    result = records.verify()
    assert (result.ok, result.entries, result.cases, result.first_bad) == (True, 15, 3, None)
    assert records.verify("case-1").entries == 5
    assert records.timeline("case-9") == []


def test_an_empty_ledger_verifies(records: Records) -> None:
    assert records.verify().ok


def test_the_same_key_counts_once_per_episode(records: Records) -> None:
    records.append([entry("c", 1), entry("c", 1)])
    records.append([entry("c", 1, data={"number": 99}), entry("c", 1, episode="e2")])
    assert [(item.episode, item.data["number"]) for item in records.timeline("c")] == [("e1", 1), ("e2", 1)]
    assert records.verify().ok


def test_an_intent_without_outcome_is_uncertain(records: Records) -> None:
    def effect(number: int, name: str, phase: str, **data: str) -> Entry:
        return entry("c", number, effect=name, event=f"block.scope.{phase}", data=data)

    records.append([effect(1, "a", "intent"), effect(2, "b", "intent"), effect(3, "a", "outcome", outcome="CONFIRMED")])
    records.append([effect(4, "c", "intent"), effect(5, "c", "outcome", outcome="UNCERTAIN")])
    assert [item.uncertain for item in records.timeline("c")] == [False, True, False, True, True]
    records.append([effect(6, "c", "outcome", outcome="CONFIRMED")])
    assert {item.effect for item in records.timeline("c") if item.uncertain} == {"b"}


def test_writers_in_parallel_make_one_chain(records: Records, path: Path) -> None:
    other = Records(f"sqlite:///{path}", KEY)

    def work(number: int) -> None:
        (records if number % 2 else other).append([entry("shared", number), entry(f"own-{number % 3}", number)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    other.close()
    result = records.verify()
    assert (result.ok, result.entries, result.cases) == (True, 80, 4)
    assert {item.data["number"] for item in records.timeline("shared")} == set(range(40))


COLUMNS = ("episode", "key", "time", "actor", "event", "step", "effect", "plan_digest", "request_digest")
MORE = ("response_digest", "data", "salt", "data_digest", "prev_hash", "hash")


@pytest.mark.parametrize("column", COLUMNS + MORE)
def test_a_change_of_any_field_is_found_where_it_is(records: Records, path: Path, column: str) -> None:
    fill(records)
    tamper(path, f"UPDATE ledger SET {column} = '2026' WHERE case_id = 'case-1' AND seq = 3")
    bad = records.verify().first_bad
    assert bad is not None
    assert (bad.case_id, bad.seq) == ("case-1", 3)
    assert not records.verify("case-1").ok
    assert records.verify("case-2").ok


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("DELETE FROM ledger WHERE case_id = 'case-1' AND seq = 3", ("case-1", 3)),
        ("DELETE FROM ledger WHERE case_id = 'case-1' AND seq > 3", ("case-1", 4)),
        ("DELETE FROM ledger WHERE case_id = 'case-1'", ("case-1", 1)),
        ("DELETE FROM ledger_heads WHERE case_id = 'case-1'", ("case-1", 6)),
        ("UPDATE ledger_heads SET entries = 4 WHERE case_id = 'case-1'", ("case-1", 6)),
        ("UPDATE ledger_heads SET ordinal = 9 WHERE case_id = 'case-1'", ("case-1", 6)),
        ("UPDATE ledger SET seq = seq + 10 WHERE case_id = 'case-1'", ("case-1", 1)),
        ("UPDATE ledger SET data = NULL, salt = NULL WHERE case_id = 'case-1' AND seq = 2", ("case-1", 2)),
        ("UPDATE ledger SET data = x'00ff' WHERE case_id = 'case-1' AND seq = 2", ("case-1", 2)),
        ("UPDATE ledger_root SET cases = 2", ("", 0)),
        ("DELETE FROM ledger_root", ("", 0)),
    ],
)
def test_deleting_reordering_and_truncating_is_found(
    records: Records, path: Path, sql: str, place: tuple[str, int]
) -> None:
    fill(records)
    tamper(path, sql)
    bad = records.verify().first_bad
    assert bad is not None
    assert (bad.case_id, bad.seq) == place


def test_a_whole_case_cannot_vanish(records: Records, path: Path) -> None:
    fill(records)
    for table in ("ledger", "ledger_heads"):
        tamper(path, f"DELETE FROM {table} WHERE case_id = 'case-1'")
    bad = records.verify().first_bad
    assert bad is not None
    assert "whole case is missing" in bad.why


def test_two_entries_cannot_change_places(records: Records, path: Path) -> None:
    fill(records)
    tamper(path, "UPDATE ledger SET seq = seq + 100 WHERE case_id = 'case-1' AND seq IN (2, 3)")
    tamper(path, "UPDATE ledger SET seq = 105 - seq WHERE case_id = 'case-1' AND seq > 100")
    assert [item.data["number"] for item in records.timeline("case-1")] == [0, 2, 1, 3, 4]
    bad = records.verify().first_bad
    assert bad is not None
    assert (bad.case_id, bad.seq) == ("case-1", 2)


@pytest.mark.parametrize("last", [3, 4])
def test_an_entry_of_a_restored_copy_cannot_be_mixed_in(
    records: Records, path: Path, tmp_path: Path, last: int
) -> None:
    """Both copies are sealed with the same key, so only the link to the next entry, or to the head, can tell."""
    records.append([entry("c", 1), entry("c", 2)])
    records.close()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    other = Records(f"sqlite:///{copy}", KEY)
    for opened, word in ((records, "true"), (other, "false")):
        opened.append([entry("c", number, data={"word": word}) for number in range(3, last + 1)])
    other.close()
    with sqlite3.connect(path) as db:
        db.execute("ATTACH ? AS copy", (str(copy),))
        db.execute("DELETE FROM ledger WHERE seq = 3")
        db.execute("INSERT INTO ledger SELECT * FROM copy.ledger WHERE seq = 3")
    db.close()
    assert records.timeline("c")[2].data == {"word": "false"}
    bad = records.verify().first_bad
    assert bad is not None
    assert bad.seq == 4


def test_erased_data_leaves_a_chain_that_says_so(records: Records) -> None:
    fill(records)
    records.erase(entry("case-1", 50, actor="user:dpo", data={"why": "request of the person"}), seq=2)
    line = records.timeline("case-1")
    assert (line[1].erased, line[1].data) == (True, {})
    assert (line[5].event, line[5].data["seq"], line[5].actor) == ("ledger.erased", 2, "user:dpo")
    assert records.verify().ok


Lines = list[str]


def _edit(lines: Lines, at: int, pick: random.Random) -> None:
    values = json.loads(lines[at])
    field = pick.randrange(len(values))
    values[field] = 77 if isinstance(values[field], int) else "x" + str(values[field])
    lines[at] = json.dumps(values)


def _drop(lines: Lines, at: int, pick: random.Random) -> None:
    del lines[at]


def _swap(lines: Lines, at: int, pick: random.Random) -> None:
    other = pick.choice([number for number in range(HEADS + 1, len(lines)) if number != at])
    lines[at], lines[other] = lines[other], lines[at]


def _cut(lines: Lines, at: int, pick: random.Random) -> None:
    del lines[at:]


def _double(lines: Lines, at: int, pick: random.Random) -> None:
    lines.insert(at, lines[at])


def _garble(lines: Lines, at: int, pick: random.Random) -> None:
    lines[at] = lines[at][: len(lines[at]) // 2]


HEADS = 4


@pytest.mark.parametrize("change", [_edit, _drop, _swap, _cut, _double, _garble])
def test_every_random_falsification_of_an_exported_ledger_is_found(
    records: Records, tmp_path: Path, change: Callable[[Lines, int, random.Random], None]
) -> None:
    fill(records, cases=HEADS, entries=6)
    exported, forged = tmp_path / "ledger.jsonl", tmp_path / "forged.jsonl"
    assert records.export(exported) == 24
    assert verify_file(exported, KEY).ok
    original = exported.read_text().splitlines()
    pick = random.Random(7)
    for _ in range(170):
        lines = list(original)
        change(lines, pick.randrange(HEADS + 1, len(lines)), pick)
        forged.write_text("\n".join(lines) + "\n")
        assert not verify_file(forged, KEY).ok


def test_one_case_can_be_exported_alone(records: Records, tmp_path: Path) -> None:
    fill(records)
    assert records.export(tmp_path / "one.jsonl", case_id="case-2") == 5
    result = verify_file(tmp_path / "one.jsonl", KEY)
    assert (result.ok, result.entries, result.cases) == (True, 5, 1)
    assert not verify_file(tmp_path / "one.jsonl", b"another key of enough bytes").ok


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"format": "other"}\n')
    with pytest.raises(ConfigError, match="not an exported ledger"):
        verify_file(tmp_path / "x", KEY)


def test_any_text_can_be_recorded(records: Records) -> None:
    odd = "\ud800 \0 é \u202e 😀"
    records.append([entry("c", 1, actor=odd, data={"odd": odd, "list": [odd], odd: 1})])
    assert records.verify().ok
    assert records.timeline("c")[0].data["list"] == ["\ufffd \ufffd é \u202e 😀"]


def test_records_survive_reopening_and_refuse_another_key(records: Records, path: Path) -> None:
    fill(records)
    again = Records(f"sqlite:///{path}", KEY)
    assert again.verify().entries == 15
    again.close()
    with pytest.raises(ConfigError, match="another key"):
        Records(f"sqlite:///{path}", b"not the same key, sorry.")
    tamper(path, "UPDATE meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(ConfigError, match="schema 99"):
        Records(f"sqlite:///{path}", KEY)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x", "not a url"])
def test_a_database_that_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Records(url, KEY)


def test_a_database_that_is_not_there_is_a_dependency_error_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(DependencyError) as caught:
        Records(f"sqlite:///{tmp_path}/no/such/folder/x.db", KEY)
    assert "OperationalError" in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_every_commit_is_forced_to_disk(records: Records) -> None:
    with records._read() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_what_was_spooled_while_records_were_down_is_merged_once(records: Records, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool" / "lifts.jsonl")
    assert spool.merge(records) == 0
    spool.add(entry("c", 1, effect="f", event="block.lift.intent"))
    spool.add(entry("c", 2))
    records.append([entry("c", 1, effect="f", event="block.lift.intent")])
    assert Spool(tmp_path / "spool" / "lifts.jsonl").merge(records) == 2
    assert [item.data["number"] for item in records.timeline("c")] == [1, 2]
    assert (spool.entries(), records.verify().ok) == ([], True)


def test_a_spool_that_another_merges_meanwhile_is_no_error(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "taken.jsonl"
    spool = Spool(file)
    spool.add(entry("c", 1, effect="f", event="block.lift.intent"))
    read = Path.read_bytes

    def too_late(path: Path) -> bytes:
        path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", too_late)
    assert spool.merge(records) == 0


def test_a_spool_keeps_its_entries_while_records_stay_down_and_skips_a_torn_line(
    records: Records, tmp_path: Path
) -> None:
    class Down:
        def append(self, entries: list[Entry]) -> None:
            raise DependencyError("down")

    file = tmp_path / "lifts.jsonl"
    spool = Spool(file)
    spool.add(entry("c", 1))
    with file.open("ab") as out:
        out.write(b'\n{"case_id": "c", "epi')
    spool.add(entry("c", 2))
    with pytest.raises(DependencyError):
        spool.merge(Down())
    assert spool.merge(records) == 2
    assert [item.data["number"] for item in records.timeline("c")] == [1, 2]


def test_a_writer_that_dies_before_the_first_entry_of_a_case_falsifies_nothing(records: Records) -> None:
    records._begin_cases(["case-x"])
    assert records.verify().ok
    fill(records)
    records.append([entry("case-x", 1)])
    result = records.verify()
    assert (result.ok, result.cases) == (True, 4)


def test_processes_that_start_at_once_open_the_same_new_records(path: Path) -> None:
    def opened(number: int) -> bool:
        records = Records(f"sqlite:///{path}", KEY)
        records.append([entry(f"case-{number}", 1)])
        records.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(opened, range(16)))
    final = Records(f"sqlite:///{path}", KEY)
    assert final.verify().cases == 16
    final.close()
