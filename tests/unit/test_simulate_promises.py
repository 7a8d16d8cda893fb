"""What `stanch playbook simulate` promises before anything runs; and that it sends nothing."""

from __future__ import annotations

import json
import socket
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from stanch.cli.playbook import app
from stanch.plan import Plan
from stanch.playbooks import compile_plan, load_playbook
from stanch.simulate.bounds import containment

ROOT = Path(__file__).parents[2]
BOOKS = ROOT / "playbooks"
runner = CliRunner()


def plan_of(name: str, *pairs: tuple[str, str]) -> Plan:
    text = (BOOKS / f"{name}.yaml").read_text("utf-8")
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return compile_plan(load_playbook(text))


def told(name: str, finding: str) -> Any:
    words = ["simulate", str(BOOKS / f"{name}.yaml"), "--finding", str(BOOKS / f"fixtures/{finding}.json"), "--json"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_nothing_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a simulation opened a socket or started a process")

    for name in ("connect", "connect_ex", "sendto", "bind", "listen"):
        monkeypatch.setattr(socket.socket, name, refused)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(AssertionError):
        socket.create_connection(("192.0.2.1", 9))
    for name, finding in (
        ("contain_attacker", "attack_token"),
        ("data_exposure_block", "data_exposure"),
        ("attach_owasp_policy", "no_policy"),
        ("config_issue_ticket", "config_issue"),
    ):
        assert told(name, finding)["effects"]


def test_the_longest_time_until_containment_is_the_sum_of_what_may_happen_before() -> None:
    parts = dict(containment(plan_of("data_exposure_block")).parts)
    assert parts["ok_to_block"] == timedelta(hours=4)
    assert parts["block: proof"] == timedelta(minutes=5)
    assert "ticket" not in parts  # a slow tracker holds nothing up
    longer = containment(plan_of("data_exposure_block", ("expires: 4h", "expires: 6h"))).longest
    usual = containment(plan_of("data_exposure_block")).longest
    assert longer is not None
    assert usual is not None
    assert longer - usual == timedelta(hours=2)


def test_of_branches_the_slowest_counts_and_of_inputs_the_value() -> None:
    parts = dict(containment(plan_of("contain_attacker")).parts)
    assert parts["ok_to_block"] == timedelta(hours=1)
    assert "block_user" not in parts
    assert dict(containment(plan_of("attach_owasp_policy")).parts)["soak"] > timedelta(0)


def test_a_playbook_without_changes_promises_no_containment() -> None:
    report = told("triage", "cloud_finding")
    assert report["containment"]["longest"] is None
    assert report["approvals_needed"] == report["undo_path"] == []


def test_plan_approvals_and_undo_path_are_told() -> None:
    report = told("contain_attacker", "attack_token")
    assert [step["step"] for step in report["plan"]][:3] == ["evidence", "ticket", "page"]
    assert {line["step"] for line in report["approvals_needed"]} == {"ok_to_block", "review"}
    assert [(way["step"], way["by"]) for way in report["undo_path"]] == [
        ("revoke_token", "nothing: it cannot be undone"),
        ("bridge", "block.lift"),
    ]
    words = ["simulate", str(BOOKS / "contain_attacker.yaml"), "--finding", str(BOOKS / "fixtures/attack_token.json")]
    out = runner.invoke(app, words).stdout
    sections = [line for line in out.splitlines() if line.endswith(":")]
    assert sections[1:4] == ["approvals needed:", "undo path:", "approvals:"]
    assert "containment: at the latest after 1h7m30s" in out
