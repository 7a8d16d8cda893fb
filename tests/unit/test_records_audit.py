"""`stanch audit` proves a ledger and names the first bad entry."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stanch.cli.audit import app
from stanch.keys import Keys
from stanch.records import CaseRow, Entry, Records
from stanch.settings import load_settings

runner = CliRunner()
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANCH_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    settings = load_settings()
    records = Records(settings.url_of_records, Keys(settings).ledger)
    records.append([Entry(f"case-{c}", "e", f"k{n}", START, "system", "noted") for c in range(2) for n in range(3)])
    records.close()
    return tmp_path / "data" / "records.db"


def falsify(database: Path) -> None:
    with sqlite3.connect(database) as db:
        db.execute("UPDATE ledger SET actor = 'nobody' WHERE case_id = 'case-1' AND seq = 2")
    db.close()


def run(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, list(arguments))
    return result.exit_code, result.output.strip()


def test_a_sound_ledger(database: Path) -> None:
    assert run("verify") == (0, "ok: 6 entries of 2 cases are as they were written")
    assert run("verify", "--case", "case-1") == (0, "ok: 3 entries of 1 cases are as they were written")
    status, output = run("verify", "--json")
    assert (status, json.loads(output)["entries"]) == (0, 6)


def test_a_falsified_ledger_is_named_and_exits_1(database: Path) -> None:
    falsify(database)
    assert run("verify") == (1, "falsified: case case-1, entry 2: was changed")
    status, output = run("verify", "--json")
    assert (status, json.loads(output)["first_bad"]) == (1, {"case_id": "case-1", "seq": 2, "why": "was changed"})


def test_an_emptied_ledger_is_not_an_empty_one(database: Path) -> None:
    records = Records(load_settings().url_of_records, Keys(load_settings()).ledger)
    records.put_case(CaseRow(case_id="case-1", version=1, opened=START, updated=START))
    records.close()
    assert run("verify")[0] == 0
    with sqlite3.connect(database) as db:
        for table in ("ledger", "ledger_heads", "ledger_root"):
            db.execute(f"DELETE FROM {table}")
    db.close()
    status, output = run("verify")
    assert (status, output.partition(": ")[2]) == (
        1,
        "case case-1, entry 1: the case is known, and nothing of it is in the ledger",
    )


def test_an_exported_file_is_checked_without_the_database(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    assert run("export", str(file)) == (0, "6 entries")
    database.unlink()
    assert run("verify", str(file))[0] == 0
    assert run("verify", str(file), "--key", Keys(load_settings()).ledger.hex())[0] == 0
    assert run("verify", str(file), "--key", "00" * 32)[0] == 1
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    status, output = run("verify", str(file))
    assert (status, "case case-1, entry 3" in output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["no-such-file"], 2), (["other.txt"], 3), (["other.txt", "--key", "xyz"], 3), (["other.txt", "--json"], 3)],
)
def test_what_cannot_be_checked_says_so(database: Path, arguments: list[str], status: int) -> None:
    Path("other.txt").write_text("hello\n")
    assert run("verify", *arguments)[0] == status


def test_records_that_cannot_be_reached_exit_4(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANCH_RECORDS_URL", "sqlite:////no/such/folder/records.db")
    assert run("verify")[0] == 4


@pytest.mark.parametrize("folder", ["another", "data/deeper"])
def test_in_another_folder_no_key_is_made_and_nothing_is_called_falsified(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    file, key = tmp_path / "ledger.jsonl", Keys(load_settings()).ledger.hex()
    assert run("export", str(file))[0] == 0
    monkeypatch.setenv("STANCH_DATA_DIR", str(tmp_path / folder))
    status, output = run("verify", str(file))
    assert (status, "--key" in output, "falsified" in output) == (4, True, False)
    status, output = run("verify", str(file), "--json")
    assert (status, json.loads(output)["error"]) == (4, "D010")
    assert not (tmp_path / folder).exists(), "nothing is made"
    monkeypatch.setenv("STANCH_LEDGER_KEY", key)
    assert run("verify", str(file))[0] == 0


def test_records_whose_key_is_gone_are_not_opened_with_a_new_one(database: Path) -> None:
    key = database.with_name("case.key")
    key.unlink()
    status, output = run("verify")
    assert (status, "D010" in output, key.exists()) == (4, True, False)


def test_a_key_that_cannot_be_had_is_told_as_such(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("export", "ledger.jsonl")[0] == 0
    monkeypatch.setenv("STANCH_CASE_KEY", "secret://env/NO_SUCH_KEY")
    assert run("verify", "ledger.jsonl")[0] == 3


def test_what_is_told_has_no_control_characters(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANCH_CONFIG", "no\x1b]0;owned\x07.toml")
    status, output = run("verify")
    assert (status, "C012" in output, output.isprintable()) == (3, True, True)
