"""What the commands make of answers, without a service: exit codes, block descriptions, harmless lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli import case, lease
from stanch.cli.client import exit_code, show_facts
from stanch.lease_words import words_of_json


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (401, "W001", 1),
        (403, "G003", 5),
        (403, "W002", 1),
        (404, "W005", 1),
        (409, "A006", 1),
        (422, "W006", 2),
        (421, "W004", 4),
        (429, "W008", 4),
        (500, "W009", 4),
        (503, "D010", 4),
    ],
)
def test_scripts_can_tell_no_from_later(status: int, code: str, wanted: int) -> None:
    assert exit_code(status, code) == wanted


def test_blocks_are_described_in_one_line() -> None:
    spec = {"kind": "block", "host": "a.example", "path": "/x", "methods": ["GET"], "ips": ["192.0.2.1"]}
    named = spec | {"principal": {"token_id": "t1", "user_id": None}}
    assert words_of_json(named) == "GET a.example/x token_id t1 from 192.0.2.1"
    assert words_of_json({"kind": "suspend", "user_id": "u1"}) == "user u1"


def test_time_left_ends_at_over() -> None:
    assert lease.left({"expires_at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}) == "over"
    assert lease.left({"expires_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}).startswith("4m5")


def test_facts_are_aligned_and_empty_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_facts([("a", "1"), ("long name", "2\x1b[0m\nx"), ("none", None), ("empty", [])])
    assert capsys.readouterr().out == "a          1\nlong name  2\ufffd[0m x\n"


def test_without_a_token_the_way_to_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("STANCH_URL", "STANCH_API_TOKEN", "STANCH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(case.app, ["list"])
    assert result.exit_code == 4
    assert "api.token" in result.stderr


def test_every_command_takes_json() -> None:
    for app in (case.app, lease.app):
        group = typer.main.get_command(app)
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            assert any("--json" in option.opts for option in command.params), name
