"""The case: what repeats, comes too late, is refused or cancelled, and what wakes it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.approvals import Code
from stanch.contract import CaseCommand, Decision, TicketChange
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(skipping.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


async def blocked(case: Case) -> None:
    """Found, agreed, blocked."""
    await case.report("d1")
    await case.until("approval")
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")


async def fixed(case: Case) -> None:
    """Blocked, then proved to be fixed."""
    await blocked(case)
    await case.report("clean", status="resolved")
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done", by="m"))
    await case.until("verifying")


async def test_a_redelivery_changes_nothing(world: World) -> None:
    case = Case(world, "redelivered")
    await case.report("d1", times=3)
    view = await case.until("approval")
    assert (view.summary.deliveries, view.summary.findings) == (1, 1)
    await case.report("d1")
    view = await case.view()
    assert (view.summary.deliveries, view.summary.findings) == (1, 1)
    assert world.actions(case.id).count("ticket.create") == 1


async def test_a_repeat_is_counted_and_nothing_more(world: World) -> None:
    case = Case(world, "repeated")
    await case.report("d1")
    await case.until("approval")
    before = sorted(world.actions(case.id))
    await case.report("d2")
    view = await case.view()
    assert (view.summary.deliveries, view.summary.findings) == (2, 2)
    assert sorted(world.actions(case.id)) == before


async def test_a_proved_fix_lifts_and_closes_once(world: World) -> None:
    case = Case(world, "fixed")
    await fixed(case)
    view = await case.view()
    assert {step["status"] for step in view.steps.values()} == {"ok"}
    done = world.actions(case.id)
    assert [done.count(name) for name in ("ticket.create", "block.scope", "block.lift", "ticket.close")] == [1] * 4


async def test_a_regression_opens_the_same_case_again(world: World) -> None:
    case = Case(world, "regressed")
    await fixed(case)
    await case.report("back")
    await case.until("approval")
    created = [call for call in world.calls if call.scene.case_id == case.id and call.action == "ticket.create"]
    assert [call.scene.ticket_key for call in created] == ["", "PAY-1"], (
        "the second round knows the ticket of the first"
    )
    assert len({call.key for call in created}) == 2
    await until(lambda: "case.reopened" in {note.event for note in world.ledger(case.id)})


async def test_a_redelivery_in_the_verify_window_is_no_regression(world: World) -> None:
    case = Case(world, "absorbed")
    await fixed(case)
    await case.report("d1")
    assert (await case.view()).summary.state == "verifying"


async def test_cancelling_takes_back_what_was_done(world: World) -> None:
    case = Case(world, "cancelled")
    await blocked(case)
    await case.handle.signal(contract.CASE_COMMAND, CaseCommand(kind="cancel", by="user:ana", command_id="c1"))
    view = await case.until("needs_person")
    assert [change["state"] for change in view.changes] == ["undone"]
    assert world.actions(case.id).count("block.lift") == 1


async def test_cancelling_the_workflow_takes_back_as_well(world: World) -> None:
    case = Case(world, "terminated")
    await blocked(case)
    await case.handle.cancel()
    view = await case.until("needs_person")
    assert [change["state"] for change in view.changes] == ["undone"]


async def test_silence_is_never_consent_and_a_late_vote_is_explained(
    world: World, skipping: WorkflowEnvironment
) -> None:
    case = Case(world, "silent")
    await case.report("d1")
    asked = await case.until("approval")
    await case.vote("user:maria")
    await skipping.sleep(timedelta(hours=4, minutes=1))
    view = await case.until("waiting")
    assert view.steps["ok_to_block"]["status"] == "rejected"
    assert "block.scope" not in world.actions(case.id)
    verdict = await case.vote("user:ana", at=asked)
    assert (verdict.accepted, verdict.code) == (False, Code.SETTLED)
    assert "expired" in verdict.message
    await until(lambda: [call.outcome for call in world.closed if call.scene.case_id == case.id] == ["expired"])


async def test_who_asked_for_the_run_cannot_agree_to_it(world: World) -> None:
    case = Case(world, "four-eyes", requested_by="user:ana")
    await case.report("d1")
    await case.until("approval")
    verdict = await case.vote("user:ana")
    assert (verdict.accepted, verdict.code) == (False, Code.EXCLUDED)
    await case.vote("user:maria")
    assert (await case.view()).summary.state == "approval"
    await case.vote("user:tom")
    await until(lambda: "block.scope" in world.actions(case.id))


async def test_the_same_click_counts_once_by_whichever_way_it_comes(world: World) -> None:
    case = Case(world, "twice")
    await case.report("d1")
    view = await case.until("approval")
    vote = case.ballot(view, "user:maria")
    await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    view = await case.view()
    assert [item.principal for item in view.approvals[0].votes] == ["user:maria"]


async def test_a_denial_ends_it_and_the_ticket_says_so(world: World) -> None:
    case = Case(world, "denied")
    await case.report("d1")
    await case.until("approval")
    verdict = await case.vote("user:maria", "deny")
    assert verdict.settled is not None
    await case.until("waiting")
    assert "block.scope" not in world.actions(case.id)
    assert world.actions(case.id).count("ticket.comment") == 1


async def test_the_case_closes_when_the_verify_window_is_over(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "closing")
    await fixed(case)
    await skipping.sleep(timedelta(days=7, minutes=1))
    assert await case.handle.result() == "closed"
    assert world.ledger(case.id)[-1].data == {"status": "closed"}
