"""The shipped scenarios on the whole stack, with every stand-in, and the same cases simulated: the same effects.

And what attackers write into findings, on its way through all of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from stack_support import without_temporal
from temporalio.client import Client, WorkflowHistory

from stanch.sandbox.client import StanchClient, wait_until
from stanch.sandbox.scenarios import Scenarios
from stanch.sandbox.stack import Stack
from tests.workflows.case_history import Real, in_order, simulated_effects

SCENARIOS = ("manual", "semi", "auto", "attack")
UNDONE = {"semi": ["block.lift"], "attack": ["block.lift"]}


HOSTILE = "${{ 7 * 191 }} {% if true %}{{ 7 * 191 }}{% endif %} ' + string(7 * 191) + ' =7*191 \u202egnp \x1b[2J"
EVALUATED = "1337"  # what the product would be


@dataclass(frozen=True)
class Played:
    """Every scenario as its history tells it, and everything that stand-ins were sent about hostile findings."""

    cases: dict[str, Real]
    sent: dict[str, str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("played")
    more = {"playbooks": {"attach_owasp_policy": {"inputs": {"soak": "2s"}}}}
    with without_temporal(folder):
        stack = Stack(folder / "stack", more=more)
        stack.start()
        try:
            yield _play(stack)
        finally:
            stack.stop()


def _play(stack: Stack) -> Played:
    secret = stack.estate.secret
    client = StanchClient(stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: secret(f"source_{name}"))
    scenarios = Scenarios(stack, client, lambda _scenario, _line: None)
    try:
        scenarios.normal_traffic()
        for name in SCENARIOS:
            assert getattr(scenarios, name)(), name
        sent = _sent_of_hostile(stack, client)
    finally:
        client.close()
    return Played({name: Real(asyncio.run(_history(stack, case))) for name, case in scenarios.cases.items()}, sent)


def _sent_of_hostile(stack: Stack, client: StanchClient) -> dict[str, str]:
    """One finding for ServiceNow and one for Jira with a card in Slack; what each was sent after that."""
    estate = stack.estate
    standins = {"jira": estate.jira, "servicenow": estate.servicenow, "slack": estate.slack}
    before = {name: len(each.ledger.entries()) for name, each in standins.items()}
    places = {
        "waiting": {"category": "API8:2023", "api": {"host": "mobile.example.com", "path": "/x", "method": "GET"}},
        "approval": {"category": "API3:2023", "api": {"host": "api.example.com", "path": "/h", "method": "GET"}},
    }
    for state, place in places.items():
        case = str(client.send("own", json.dumps(_hostile(place)).encode())["case_id"])
        wait_until(f"{case} is {state}", lambda case=case, state=state: client.state(case) == state)

    def sent() -> dict[str, str]:
        told = {name: each.ledger.entries()[before[name] :] for name, each in standins.items()}
        return {name: json.dumps(entries, ensure_ascii=False) for name, entries in told.items()}

    wait_until("all of them heard of it", lambda: all("7 * 191" in words for words in sent().values()))
    return sent()


def _hostile(place: dict[str, Any]) -> dict[str, Any]:
    words = {name: f"{HOSTILE} {name}" for name in ("title", "description", "rule", "type")}
    actor = {"user_id": HOSTILE, "client_id": HOSTILE}
    more = {"schema": "finding/1", "severity": "high", "confidence": 0.99, "labels": [HOSTILE], "actor": actor}
    return {**words, **more, "kind": "weakness", **place}


async def _history(stack: Stack, case: str) -> WorkflowHistory:
    client = await Client.connect(stack.temporal_address)
    return await client.get_workflow_handle(case).fetch_history()


@pytest.mark.parametrize("name", SCENARIOS)
def test_simulated_and_real_effects_are_the_same(played: Played, name: str) -> None:
    """Every action with all its parameters, changes and looks in order; who was asked what; the way back."""
    real = played.cases[name]
    report = real.simulated()
    assert len(real.effects) >= 4
    assert in_order(simulated_effects(report)) == in_order(real.effects)
    assert [(line.step, line.question, line.who) for line in report.approvals] == real.approvals
    assert (report.status, report.refused, report.problems, report.open_changes) == (
        "done",
        (),
        (),
        report.open_changes if name == "auto" else (),
    )
    assert [effect.action for effect in real.effects if effect.purpose == "undo"] == UNDONE.get(name, [])


def test_the_comparison_notices_a_difference(played: Played) -> None:
    real = played.cases["semi"]
    assert real.report is not None
    other = real.report.finding.model_copy(update={"api": real.report.finding.api.model_copy(update={"host": "x"})})
    real.report = real.report.model_copy(update={"finding": other})
    assert in_order(simulated_effects(real.simulated())) != in_order(real.effects)


@pytest.mark.parametrize("name", ["jira", "servicenow", "slack"])
def test_what_attackers_write_arrives_as_text(played: Played, name: str) -> None:
    sent = played.sent[name]
    assert "7 * 191" in sent, "it is shown"
    assert EVALUATED not in sent
    assert not {"\u202e", "\x1b"} & set(sent)
    assert "\\u001b" not in sent
