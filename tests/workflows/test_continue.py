"""What survives continue-as-new, and what a real server writes into history: on a server that suggests it early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.approvals import Code
from stanch.catalog import Queue
from stanch.contract import CaseInput
from tests.workflows.conftest import EARLY
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(early: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(early.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


async def runs(case: Case) -> int:
    """How many runs the case has had; histories name their first."""
    described = await case.handle.describe()
    return 1 if described.run_id == (await first_run(case)) else 2


async def first_run(case: Case) -> str:
    history = await case.handle.fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.first_execution_run_id


async def test_votes_and_deadlines_survive(world: World) -> None:
    case = Case(world, "continued")
    await case.report("d1")
    asked = await case.until("approval")
    await case.vote("user:maria")
    for number in range(EARLY):
        await case.report(f"r{number}")
        if await runs(case) > 1:
            break
    assert await runs(case) > 1
    view = await case.until("approval")
    assert view.approvals[0].request == asked.approvals[0].request, "the same approval, with its absolute deadline"
    assert [vote.principal for vote in view.approvals[0].votes] == ["user:maria"]
    history = await case.handle.fetch_history()
    timers = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    assert timers, "the next timer runs again"
    waits = timers[0].timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
    assert waits <= timedelta(hours=1)
    again = await case.vote("user:maria", again="late")
    assert again.code is Code.ALREADY_VOTED
    verdict = await case.vote("user:ana")
    assert verdict.settled is not None
    await case.until("waiting")
    done = world.actions(case.id)
    assert [done.count(name) for name in ("ticket.create", "block.scope")] == [1, 1]
    assert len({call.scene.episode for call in world.calls if call.scene.case_id == case.id}) == 1


async def test_deliveries_are_remembered(world: World) -> None:
    case = Case(world, "remembered")
    await case.report("d1")
    await case.until("approval")
    number = 0
    while await runs(case) == 1:
        number += 1
        await case.report(f"r{number}")
        assert number < EARLY
    before = (await case.until("approval")).summary.deliveries
    await case.report("d1")
    await case.report("r1")
    assert (await case.view()).summary.deliveries == before


async def test_a_refusal_leaves_one_trace_however_often_it_is_repeated(world: World) -> None:
    case = Case(world, "refused")
    await case.report("d1")
    await case.until("approval")
    first = await case.vote("user:nobody")
    assert (first.accepted, first.code, first.fresh) == (False, Code.NOT_AN_APPROVER, True)
    await until(lambda: [note.event for note in world.ledger(case.id)].count("approval.vote") == 1)
    length = await case.events()
    for number in range(5):
        with pytest.raises(WorkflowUpdateFailedError):
            await case.vote("user:nobody", again=str(number))
    assert await case.events() == length
    noted = [note for note in world.ledger(case.id) if note.event == "approval.vote"]
    assert [note.data["code"] for note in noted] == ["A006"]


async def test_a_state_of_another_version_waits_for_the_right_worker(world: World) -> None:
    case = Case(world, "newer")
    await case.report("d1")
    await case.until("approval")
    history = await case.handle.fetch_history()
    assert history.events
    carried = await carried_state(world)
    carried["core"]["core"] = 999
    handle = await world.client.start_workflow(
        contract.CASE_WORKFLOW,
        CaseInput(case_id="case-newer2", carried={**carried, "case_id": "case-newer2"}),
        id="case-newer2",
        task_queue=contract.queue(Queue.CORE),
    )
    newer = Case(world, "newer2")
    await newer.report("clean", status="resolved")
    tries = 0
    while not await newer.events("WORKFLOW_TASK_FAILED"):
        tries += 1
        assert tries < 500
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def carried_state(world: World) -> dict[str, Any]:
    """The state a case takes into its next run."""
    case = Case(world, "donor")
    await case.report("d1")
    await case.until("approval")
    number = 0
    while await runs(case) == 1:
        number += 1
        await case.report(f"r{number}")
    history = await case.handle.fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    given = pydantic_data_converter.payload_converter.from_payloads(started.input.payloads, [CaseInput])[0]
    assert given.carried is not None
    return dict(given.carried)
