"""Decisions from the shell: what is printed before, and which options go together."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli import decide


@pytest.mark.parametrize("command", [decide.approve, decide.deny])
def test_a_digest_is_not_taken_for_a_group(command: object) -> None:
    app = typer.Typer()
    app.command()(command)  # type: ignore[type-var]
    environment = {"STANCH_URL": "http://127.0.0.1:9", "STANCH_API_TOKEN": "t"}
    done = CliRunner().invoke(app, ["case-1", "--group", "--digest", "abc"], env=environment)
    assert done.exit_code == 2
    assert "--digest is about one request" in done.stderr
