"""`stanch original` and the holds of `stanch case`: what they print, where they write, and how they leave."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stanch.cli import case, original
from stanch.cli.app import explain
from stanch.errors import StanchError
from stanch.keys import Keys
from stanch.records import Records
from stanch.sealing import Original, seal_original
from stanch.settings import load_settings

runner = CliRunner()
BODY = b'{"title": "t\x1b[31m",\n "n": 1}'


@pytest.fixture(autouse=True)
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANCH_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    records = opened()
    made = Original("own", "d-1", BODY, "application/json", datetime.now(UTC), ("case-a",))
    records.add_originals([seal_original(made)], keys=Keys(load_settings()).sealing)
    records.close()


def opened() -> Records:
    return Records(load_settings().url_of_records, Keys(load_settings()).ledger)


def show(*arguments: str) -> Result:
    return runner.invoke(original.app, ["show", "d-1", "--source", "own", *arguments])


def status(result: Result) -> int:
    """The status with which the program would leave."""
    return explain(result.exception) if isinstance(result.exception, StanchError) else result.exit_code


def events() -> list[tuple[str, str]]:
    records = opened()
    found = [(line.event, str(line.data.get("reason", ""))) for line in records.timeline("case-a")]
    records.close()
    return found


def test_the_original_is_shown_without_control_characters() -> None:
    result = show("--reason", "dispute 3", "--as", "user:maria")
    assert status(result) == 0
    assert result.stdout.count("\n") == 2
    assert '"n": 1}' in result.stdout
    assert "\x1b" not in result.stdout
    assert "sha256" in result.stderr
    assert events() == [("original.opened", "dispute 3")]


def test_the_exact_bytes_go_to_a_file_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "body"
    assert status(show("--reason", "r", "--out", str(file))) == 0
    assert file.read_bytes() == BODY
    assert file.stat().st_mode & 0o077 == 0
    assert status(show("--reason", "r", "--out", str(file))) == 2
    assert status(show("--reason", "r", "--out", str(tmp_path / "none" / "body"))) == 2


def test_json_holds_the_body_too() -> None:
    answer = json.loads(show("--reason", "r", "--json").stdout)
    assert base64.b64decode(answer["body"]) == BODY
    assert answer["cases"] == ["case-a"]


def test_no_reason_no_look() -> None:
    assert status(show()) == 2
    assert status(show("--reason", " ")) == 2
    assert events() == []


def test_what_is_not_there_is_a_negative_answer() -> None:
    result = runner.invoke(original.app, ["show", "d-2", "--source", "own", "--reason", "r"])
    assert status(result) == 1


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_hold_unhold_and_shred(as_json: list[str]) -> None:
    def run(command: str) -> int:
        return status(runner.invoke(case.app, [command, "case-a", "--reason", "matter 12", *as_json]))

    assert [run(word) for word in ("unhold", "hold", "hold", "shred", "unhold", "shred")] == [1, 0, 1, 5, 0, 0]
    assert [event for event, _ in events()] == ["hold.placed", "hold.released", "originals.shredded"]
    assert status(show("--reason", "r")) == 1


@pytest.mark.parametrize("command", ["hold", "unhold", "shred"])
def test_holds_need_a_reason(command: str) -> None:
    assert runner.invoke(case.app, [command, "case-a"]).exit_code == 2
    assert runner.invoke(case.app, [command, "case-a", "--reason", ""]).exit_code == 2


def test_a_key_that_is_not_here_is_a_setting_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", secrets.token_hex())
    monkeypatch.setenv("STANCH_SEAL_KEY", "secret://env/OTHER")
    assert status(show("--reason", "r")) == 0  # derived before, and readable still
    records = opened()
    made = Original("own", "d-2", BODY, "", datetime.now(UTC) - timedelta(days=1), ("case-b",))
    records.add_originals([seal_original(made)], keys=Keys(load_settings()).sealing)
    records.close()
    monkeypatch.delenv("STANCH_SEAL_KEY")
    result = runner.invoke(original.app, ["show", "d-2", "--source", "own", "--reason", "r"])
    assert status(result) == 3
