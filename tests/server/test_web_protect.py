"""The never-block list from the shell: added, checked, listed, removed, and in force at the next call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result
from web_support import Edge

from stanch.cli import decide, protect
from stanch.guards import Attempt, GuardState, check, load_guards
from stanch.leases import BlockSpec
from stanch.web.actions import CONTROL

Run = Callable[..., Result]


@pytest.fixture
def run(edge: Edge) -> Run:
    def invoke(target: typer.Typer | Callable[..., None], *arguments: str) -> Result:
        environment = {"STANCH_URL": edge.url, "STANCH_API_TOKEN": edge.services.api_token}
        if not isinstance(target, typer.Typer):
            made = typer.Typer(pretty_exceptions_enable=False)
            made.command()(target)
            target = made
        return CliRunner().invoke(target, arguments, env=environment)

    return invoke


def refused(edge: Edge, ip: str) -> bool:
    """Whether the guard as every worker reads it stops a block of this address."""
    view = edge.records.guard_view()
    state = GuardState(protected=tuple((item.kind, item.value) for item in view.protected))
    policy = load_guards("version: guards/v1\nmodes: {default: auto}\n")
    trial = Attempt(action="block.scope", mode="auto", ttl=60)
    return bool(check(BlockSpec(host="x.test", path="/a", ips=(ip,)), trial, policy=policy, state=state))


def test_what_is_added_is_protected_in_every_spelling_until_it_is_removed(edge: Edge, run: Run) -> None:
    assert run(protect.app, "check", "ip", "198.18.113.7").exit_code == 0
    assert not refused(edge, "198.18.113.7")
    added = run(protect.app, "add", "ip", "198.18.113.0/28", "--as", "user:tom", "--reason", "the office")
    assert added.stdout == "protected: ip 198.18.113.0/28\n"
    assert refused(edge, "198.18.113.7")
    for spelled in ("198.18.113.7", "::ffff:198.18.113.7", "198.18.112.0/23"):
        found = run(protect.app, "check", "ip", spelled, "--json")
        assert (found.exit_code, json.loads(found.stdout)["by"][0]["code"]) == (5, "G120")
    rows = [line.split("\t") for line in run(protect.app, "list").stdout.splitlines()]
    (row,) = [row for row in rows if row[1] == "198.18.113.0/28"]
    assert (row[0], row[3:]) == ("ip", ["user:tom", "the office"])
    assert run(protect.app, "remove", "ip", "198.18.113.0/28", "--as", "user:tom").exit_code == 0
    assert run(protect.app, "remove", "ip", "198.18.113.0/28", "--as", "user:tom").exit_code == 1
    assert not refused(edge, "198.18.113.7")
    events = [(line.event, line.actor) for line in edge.records.timeline(CONTROL)]
    assert events == [("protect.added", "user:tom"), ("protect.removed", "user:tom")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("ip", "203.0.113.999"), ("host", "exa mple"), ("path", "no-slash\x00"), ("planet", "mars"), ("user", "")],
)
def test_what_cannot_be_read_is_not_listed_since_it_would_refuse_everything(run: Run, kind: str, value: str) -> None:
    assert run(protect.app, "add", kind, value, "--as", "user:tom").exit_code == 2
    assert run(protect.app, "check", kind, value).exit_code == 2
    assert json.loads(run(protect.app, "list", "--json").stdout)["added"] == []


def test_only_a_person_may_take_protection_away(edge: Edge, run: Run) -> None:
    assert run(protect.app, "add", "user", "ceo").exit_code == 0
    assert run(protect.app, "remove", "user", "ceo").exit_code == 1
    assert run(protect.app, "check", "user", "ceo").exit_code == 5
    assert run(protect.app, "remove", "user", "ceo", "--as", "user:tom").exit_code == 0


def test_hostile_values_are_data(run: Run) -> None:
    value = "[red]x[/red]\u202e"
    assert run(protect.app, "add", "user", value, "--as", "user:tom").exit_code in (0, 2)
    assert "\u202e" not in run(protect.app, "list").stdout
    run(protect.app, "remove", "user", value, "--as", "user:tom")


def test_a_halt_is_acknowledged_within_a_second_and_nothing_new_passes_after(edge: Edge, run: Run) -> None:
    edge.http.get("/healthz")
    headers = {"authorization": f"Bearer {edge.services.api_token}"}
    began = time.monotonic()
    answer: dict[str, Any] = edge.http.post("/v1/halt", json={"reason": "now"}, headers=headers).json()
    took = time.monotonic() - began
    halts = [halt.scope for halt in edge.records.guard_view().halts]
    run(decide.resume)
    assert (answer["status"], halts) == ("halted", ["all"])
    assert took < 1.0
