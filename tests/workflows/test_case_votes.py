"""Votes that come late: after the run, after their end, or stored; each has one answer, and leaves one trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.approvals import Code
from stanch.contract import CaseView, Decision, LedgerNote, TicketChange
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(skipping.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


def refusals(world: World, case: Case) -> list[LedgerNote]:
    votes = [note for note in world.ledger(case.id) if note.event == "approval.vote"]
    return [note for note in votes if not note.data["accepted"]]


def answers(world: World, case: Case) -> list[tuple[str, str]]:
    """Each message about a stored vote that was refused: to whom, and what it says."""
    calls = [call for call in world.calls if call.scene.case_id == case.id and call.purpose == "vote_refused"]
    return [(call.params["to"], call.params["text"]) for call in calls]


async def over(case: Case) -> CaseView:
    """Agreed to, blocked, fixed, and the run is at its end; gives the case as it was while it asked."""
    await case.report("d1")
    asked = await case.until("approval")
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await case.report("clean", status="resolved")
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done", by="m"))
    await case.until("verifying")
    return asked


async def test_a_vote_after_the_run_is_refused_in_the_ledger_and_again_costs_no_history(world: World) -> None:
    case = Case(world, "after-the-run")
    asked = await over(case)
    verdict = await case.vote("user:tom", at=asked)
    assert (verdict.accepted, verdict.code) == (False, Code.SETTLED)
    await until(lambda: [note.data["code"] for note in refusals(world, case)] == ["A003"])
    before = await case.events("WORKFLOW_EXECUTION_UPDATE_ACCEPTED")
    for number in range(3):
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await case.vote("user:tom", at=asked, again=str(number))
        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.type == "A003"
    assert await case.events("WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == before


async def test_who_gave_a_stored_vote_that_cannot_count_is_told_why(world: World) -> None:
    case = Case(world, "stored")
    await case.report("d1")
    asked = await case.until("approval")
    stored = case.ballot(asked, "user:eve")
    stale = case.ballot(asked, "user:maria").model_copy(update={"digest": "0" * 64})
    for vote in (stored, stored, stale):
        await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    await case.view()

    await until(lambda: len(answers(world, case)) == 2)
    said = dict(answers(world, case))
    assert "not among the approvers" in said["user:eve"]
    assert "open the request again" in said["user:maria"]
    await until(lambda: {note.data["code"] for note in refusals(world, case)} == {"A006", "A002"})
    assert (await case.view()).approvals[0].votes == ()


async def test_stored_votes_without_end_are_answered_once_for_each_reason(world: World) -> None:
    """Digests and requests are of the sender's choice, and each answer would cost an activity and a line."""
    case = Case(world, "stored-without-end")
    await case.report("d1")
    asked = await case.until("approval")
    eve = case.ballot(asked, "user:eve")
    for number in range(5):
        stale = eve.model_copy(update={"digest": f"{number:064}", "decision_id": f"stale-{number}"})
        made_up = eve.model_copy(update={"approval_id": f"made-up-{number}", "decision_id": f"made-up-{number}"})
        for vote in (stale, stale, made_up, eve):
            await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    await case.view()
    await case.vote("user:maria", "deny")
    await case.until("waiting")
    assert sorted(to for to, _ in answers(world, case)) == ["user:eve"] * 3
    assert sorted(note.data["code"] for note in refusals(world, case)) == ["A001", "A002", "A006"]


async def test_who_gave_a_stored_vote_that_counts_needs_no_word(world: World) -> None:
    case = Case(world, "stored-and-counted")
    await case.report("d1")
    asked = await case.until("approval")
    vote = case.ballot(asked, "user:maria")
    await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    await case.handle.signal(contract.DECIDE_LATER, Decision(vote=vote))
    await case.vote("user:ana", "deny")
    await case.until("waiting")
    assert answers(world, case) == []


async def test_a_click_just_before_the_end_counts_though_it_comes_just_after_it(
    world: World, skipping: WorkflowEnvironment
) -> None:
    case = Case(world, "last-second")
    await case.report("d1")
    asked = await case.until("approval")
    end = asked.approvals[0].request.expires_at
    await skipping.sleep(end - await skipping.get_current_time() + timedelta(seconds=1))
    late = case.ballot(asked, "user:tom").model_copy(update={"at": end, "timed": True})
    verdict = await case.give(late)
    assert (verdict.accepted, verdict.code) == (False, Code.TOO_LATE)
    for person in ("user:maria", "user:ana"):
        given = case.ballot(asked, person).model_copy(update={"at": end - timedelta(seconds=1), "timed": True})
        assert (await case.give(given)).accepted
    await until(lambda: "block.scope" in world.actions(case.id))


async def test_silence_ends_a_request_soon_after_its_end(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "silence")
    await case.report("d1")
    end = (await case.until("approval")).approvals[0].request.expires_at
    await skipping.sleep(end - await skipping.get_current_time() + timedelta(seconds=10))
    view = await case.until("waiting")
    assert view.steps["ok_to_block"]["status"] == "rejected"
    assert "block.scope" not in world.actions(case.id)
