"""People are quicker than the answer to a create: what they did to the ticket meanwhile is neither lost nor undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import ActionCall, ActionReply, TicketChange
from tests.workflows.scene import ANSWERS, Case, World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class SlowTracker(World):
    """A world whose tracker answers a create as a test says, and when."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.made: dict[str, dict[str, str]] = {}
        self.asked: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}

    async def act(self, call: ActionCall) -> ActionReply:
        name = call.scene.case_id
        if call.action != "ticket.create" or name not in self.made:
            return await super().act(call)
        self.asked.add(name)
        if name in self.held:
            await self.held[name].wait()
        return ActionReply(outputs={**ANSWERS["ticket.create"], **self.made[name]})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SlowTracker]:
    made = SlowTracker(skipping.client, tmp_path_factory.mktemp("world"))
    async with serving(made):
        yield made


def events(case: Case, name: str) -> int:
    return sum(note.event == name for note in case.world.ledger(case.id))


async def tell(case: Case, state: str, **more: str) -> None:
    change = TicketChange(event_id=f"{state}-{more}", key="PAY-1", state=state, by="user:tom", **more)
    await case.handle.signal(contract.TICKET_CHANGED, change)


async def overtaken(world: SlowTracker, name: str, *, state: str, assignee: str) -> Case:
    """The tracker's word about the ticket comes before the answer that made it."""
    case = Case(world, name)
    world.made[case.id], world.held[case.id] = {}, asyncio.Event()
    await case.report("d1")
    await until(lambda: case.id in world.asked)
    await tell(case, state, assignee=assignee)
    world.held[case.id].set()
    await case.until("approval")
    await case.vote("user:maria", "deny")
    await case.until("waiting")
    return case


async def test_a_ticket_that_was_resolved_before_its_case_knew_it(world: SlowTracker) -> None:
    case = Case(world, "resolved-early")
    world.made[case.id] = {"state": "done"}
    await case.report("d1")
    await case.until("approval")
    await case.vote("user:maria", "deny")
    await until(lambda: "ticket.reopen" in world.actions(case.id))
    await until(lambda: events(case, "ticket.resolved"))
    assert world.actions(case.id).count("scanner.rescan") == 1
    assert events(case, "ticket.resolved") == 1


async def test_a_ticket_that_was_given_away_before_its_case_knew_it(world: SlowTracker) -> None:
    case = Case(world, "given-early")
    world.made[case.id] = {"assignee": "user:tom"}
    await case.report("d1")
    view = await case.until("approval")
    assert view.summary.assignee == "user:tom"
    await case.vote("user:maria", "deny")
    await until(lambda: events(case, "ticket.reassigned"))
    assert events(case, "ticket.reassigned") == 1


async def test_a_word_that_overtook_the_answer_stays(world: SlowTracker) -> None:
    case = await overtaken(world, "overtaken", state="in_progress", assignee="user:tom")
    summary = (await case.view()).summary
    assert (summary.ticket_key, summary.ticket_state, summary.assignee) == ("PAY-1", "in_progress", "user:tom")


async def test_a_ticket_with_who_has_the_case_was_given_to_nobody(world: SlowTracker) -> None:
    case = await overtaken(world, "same-holder", state="in_progress", assignee="user:maria")
    await tell(case, "new", assignee="user:maria")
    await until(lambda: any(note.data.get("status") == "waiting" for note in world.ledger(case.id)))
    assert events(case, "ticket.reassigned") == 0
    assert (await case.view()).summary.assignee == "user:maria"
