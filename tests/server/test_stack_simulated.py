"""The shipped scenarios on the whole stack, with every stand-in, and the same cases simulated: the same effects."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from stack_support import without_temporal
from temporalio.client import Client, WorkflowHistory

from stanch.sandbox.client import StanchClient
from stanch.sandbox.scenarios import Scenarios
from stanch.sandbox.stack import Stack
from tests.workflows.case_history import Real, in_order, simulated_effects

SCENARIOS = ("manual", "semi", "auto", "attack")
UNDONE = {"semi": ["block.lift"], "attack": ["block.lift"]}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Real]]:
    """Every scenario once, as its history tells it."""
    folder = tmp_path_factory.mktemp("played")
    more = {"playbooks": {"attach_owasp_policy": {"inputs": {"soak": "2s"}}}}
    with without_temporal(folder):
        stack = Stack(folder / "stack", more=more)
        stack.start()
        try:
            yield _play(stack)
        finally:
            stack.stop()


def _play(stack: Stack) -> dict[str, Real]:
    secret = stack.estate.secret
    client = StanchClient(stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: secret(f"source_{name}"))
    scenarios = Scenarios(stack, client, lambda _scenario, _line: None)
    scenarios.normal_traffic()
    for name in SCENARIOS:
        assert getattr(scenarios, name)(), name
    client.close()
    return {name: Real(asyncio.run(_history(stack, case))) for name, case in scenarios.cases.items()}


async def _history(stack: Stack, case: str) -> WorkflowHistory:
    client = await Client.connect(stack.temporal_address)
    return await client.get_workflow_handle(case).fetch_history()


@pytest.mark.parametrize("name", SCENARIOS)
def test_simulated_and_real_effects_are_the_same(played: dict[str, Real], name: str) -> None:
    """Every action with all its parameters, changes and looks in order; who was asked what; the way back."""
    real = played[name]
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


def test_the_comparison_notices_a_difference(played: dict[str, Real]) -> None:
    real = played["semi"]
    assert real.report is not None
    other = real.report.finding.model_copy(update={"api": real.report.finding.api.model_copy(update={"host": "x"})})
    real.report = real.report.model_copy(update={"finding": other})
    assert in_order(simulated_effects(real.simulated())) != in_order(real.effects)
