"""The same case in a simulation and on Temporal: the same effects, parameters, requests and undo, whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import TicketChange
from tests.workflows.case_history import Real, in_order, simulated_effects
from tests.workflows.scene import Case, World, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(skipping.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


@pytest.fixture(autouse=True)
def all_is_well(world: World) -> None:
    world.failing.clear()


async def compared(case: Case, *, status: str) -> list[str]:
    """The actions of both, once they are known to be the same."""
    real = Real(await case.handle.fetch_history())
    report = real.simulated()
    assert in_order(simulated_effects(report)) == in_order(real.effects)
    assert [(line.step, line.question, line.who) for line in report.approvals] == real.approvals
    assert report.refused == ()
    assert report.status == status
    view = await case.view()
    assert {name: step["status"] for name, step in view.steps.items()} == {
        name: step["status"] for name, step in report.steps.items()
    }
    standing = [change for change in view.changes if change["state"] in ("open", "undoing", "stuck")]
    assert [change["path"] for change in standing] == [change.step for change in report.open_changes]
    return [effect.action for effect in real.effects]


async def asked(case: Case) -> None:
    await case.report("d1")
    await case.until("approval")


async def test_approved_blocked_fixed_and_lifted(world: World) -> None:
    case = Case(world, "sim-fixed")
    await asked(case)
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await case.report("clean", status="resolved")
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done", by="m"))
    await case.until("verifying")
    actions = await compared(case, status="done")
    assert actions[-2:] == ["block.lift", "ticket.close"]


async def test_refused_by_a_person(world: World) -> None:
    case = Case(world, "sim-denied")
    await asked(case)
    await case.vote("user:maria", "deny")
    await case.until("waiting")
    assert "block.scope" not in await compared(case, status="running")


async def test_nobody_answers(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "sim-silent")
    await asked(case)
    await skipping.sleep(timedelta(hours=4, minutes=1))
    await case.until("waiting")
    assert "block.scope" not in await compared(case, status="running")


async def test_the_block_has_no_effect_and_is_taken_back(world: World) -> None:
    world.failing.add("probe.expect_blocked")
    case = Case(world, "sim-no-effect")
    await asked(case)
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    actions = await compared(case, status="running")
    assert "block.lift" in actions


async def test_tracker_and_chat_are_down(world: World) -> None:
    world.failing |= {"ticket.create", "chat.message"}
    case = Case(world, "sim-down")
    await case.report("d1")
    await case.until("approval")
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    assert "block.scope" in await compared(case, status="running")
