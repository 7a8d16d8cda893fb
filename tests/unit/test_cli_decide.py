"""Decisions from the shell: what is printed before, and which options go together."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli import decide, decide_group
from stanch.cli.client import Api


@pytest.mark.parametrize("command", [decide.approve, decide.deny])
def test_a_digest_is_not_taken_for_a_group(command: object) -> None:
    app = typer.Typer()
    app.command()(command)  # type: ignore[type-var]
    environment = {"STANCH_URL": "http://127.0.0.1:9", "STANCH_API_TOKEN": "t"}
    done = CliRunner().invoke(app, ["case-1", "--group", "--digest", "abc"], env=environment)
    assert done.exit_code == 2
    assert "--digest is about one request" in done.stderr


def listed(case: str) -> dict[str, Any]:
    return {"group": "g", "request": {"case_id": case, "approval_id": f"a-{case}", "step": "ok"}}


def test_the_cases_own_request_is_found_where_the_list_of_all_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = {"": [listed("case-2"), listed("case-3")], "case-1": [listed("case-1")]}
    shown: list[str] = []

    def get(_self: Api, _path: str, query: dict[str, str] | None = None, *, part: str) -> dict[str, Any]:
        return {"approvals": lists[(query or {}).get("case_id", "")]}

    monkeypatch.setattr(Api, "get", get)
    monkeypatch.setattr(decide_group, "print_request", lambda item: shown.append(item["case_id"]))
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    with pytest.raises(typer.Exit):
        decide_group.vote_together(
            Api("http://x", "t"), "case-1", "", verdict="approve", reason="", yes=False, as_json=False
        )
    assert shown == ["case-1", "case-2", "case-3"]
