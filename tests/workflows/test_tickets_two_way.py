"""Cases and their tickets, whoever moved last: echoes, a person's reopen, a tracker that quarrels, looks that wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import ActionCall, ActionReply, TicketChange
from stanch.wire_tickets import TicketWord
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import until
from workflows.desk import MOST_WAITING

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Tracker(World):
    """A world whose tracker counts versions, and holds our close until a test lets it go."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.gates: dict[str, asyncio.Event] = {}
        self.begun: set[str] = set()
        self.versions: Counter[str] = Counter()

    async def act(self, call: ActionCall) -> ActionReply:
        case_id = call.scene.case_id
        if call.action.startswith("ticket.") and call.action != "ticket.comment":
            if call.action == "ticket.close" and case_id in self.gates:
                self.begun.add(case_id)
                await self.gates[case_id].wait()
            reply = await super().act(call)
            return ActionReply(outputs={**reply.outputs, "version": self.next(case_id)})
        return await super().act(call)

    def next(self, case_id: str) -> int:
        """The version that one more change of the ticket gives it."""
        self.versions[case_id] += 1
        return self.versions[case_id]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tracker]:
    folder: Path = tmp_path_factory.mktemp("tracker")
    async with serving(Tracker(skipping.client, folder)) as found:
        assert isinstance(found, Tracker)
        yield found


async def moved(case: Case, event: str, state: str, *, by: str = "user:tom", **more: Any) -> TicketChange:
    assert isinstance(case.world, Tracker)
    given: dict[str, Any] = {"version": more.pop("version", 0) or case.world.next(case.id), "assignee": "user:maria"}
    change = TicketChange(event_id=event, key=more.pop("key", "PAY-1"), state=state, by=by, **given, **more)
    await case.handle.signal(contract.TICKET_CHANGED, change)
    return change


def lines(case: Case, event: str) -> list[dict[str, Any]]:
    return [note.data for note in case.world.ledger(case.id) if note.event == event]


async def waiting(case: Case) -> None:
    await case.report("d1")
    await case.until("approval")
    await case.vote("user:maria", "deny")
    await case.until("waiting")


async def closing(world: Tracker, name: str) -> Case:
    """A proven case whose ticket.close is under way."""
    case = Case(world, name)
    world.gates[case.id] = asyncio.Event()
    await waiting(case)
    await case.report("clean", status="resolved")
    await moved(case, "done", "done")
    await until(lambda: case.id in world.begun)
    return case


async def test_our_own_close_that_comes_back_first_is_no_persons_word(world: Tracker) -> None:
    case = await closing(world, "echo")
    await moved(case, "echo", "done", by="stanch")  # the tracker's word of our transition, before our call returns
    world.gates[case.id].set()
    await case.until("verifying")
    await case.view()
    assert len(lines(case, "ticket.resolved")) == 1
    assert "case.reopened" not in [note.event for note in world.ledger(case.id)]


async def test_a_person_who_reopens_while_we_close_wins(world: Tracker) -> None:
    case = await closing(world, "wins")
    later = world.versions[case.id] + 50
    await moved(case, "reopen", "in_progress", version=later)
    world.gates[case.id].set()
    await until(lambda: bool(lines(case, "case.reopened")))
    assert "user:tom" in lines(case, "case.reopened")[0]["why"]
    await case.until("approval")


async def test_a_person_whom_our_close_has_just_overruled_wins(world: Tracker) -> None:
    case = await closing(world, "overruled")
    await moved(case, "reopen", "in_progress")  # older than the version that our close gives the ticket
    world.gates[case.id].set()
    await until(lambda: bool(lines(case, "case.reopened")))
    await case.until("approval")


async def test_a_look_from_before_the_end_is_overruled_by_nobody(world: Tracker) -> None:
    case = await closing(world, "late-look")
    await moved(case, "late", "in_progress", version=1)
    world.gates[case.id].set()
    await case.until("verifying")
    await moved(case, "echo", "done", by="stanch")
    assert (await case.view()).summary.state == "verifying"
    assert not lines(case, "case.reopened")


async def test_a_rename_and_words_that_wait_outlast_a_storm_of_changes(world: Tracker) -> None:
    case = await closing(world, "storm")
    word = TicketWord(id="c1", by="user:tom", text="is this live?")
    await moved(case, "moved", "done", key="NEW-1", was="PAY-1", url="https://jira.example.com/NEW-1", words=(word,))
    for number in range(MOST_WAITING + 5):
        await moved(case, f"bot-{number}", "done", by="automation", key="NEW-1")
    world.gates[case.id].set()
    await case.until("verifying")
    await until(lambda: bool(lines(case, "ticket.moved")))
    assert (await case.view()).summary.ticket_key == "NEW-1"
    assert [data["text"] for data in lines(case, "ticket.comment")] == ["is this live?"]


async def test_who_reopens_a_ticket_that_was_renamed_while_we_close_wins(world: Tracker) -> None:
    case = await closing(world, "renamed")
    later = world.versions[case.id] + 50
    await moved(case, "moved", "done", key="NEW-1", was="PAY-1", version=later)
    await moved(case, "reopen", "in_progress", key="NEW-1", version=later + 1)
    world.gates[case.id].set()
    await until(lambda: bool(lines(case, "case.reopened")))


async def test_a_person_who_reopens_what_is_being_verified_wins(world: Tracker) -> None:
    case = Case(world, "window")
    await waiting(case)
    await case.report("clean", status="resolved")
    await moved(case, "done", "done")
    await case.until("verifying")
    await moved(case, "old", "in_progress", version=1)  # a look from before, delivered late
    assert (await case.view()).summary.state == "verifying"
    await moved(case, "again", "in_progress")
    await case.until("approval")
    assert world.actions(case.id).count("ticket.create") == 2  # which finds the ticket there is


async def test_a_tracker_that_closes_whatever_we_do_is_left_to_a_person(world: Tracker) -> None:
    case = Case(world, "quarrel")
    await waiting(case)
    for number in range(6):
        await moved(case, f"bot-{number}", "done", by="automation")
        await until(lambda number=number: world.actions(case.id).count("scanner.rescan") > number)
        if number < 3:
            await until(lambda number=number: world.actions(case.id).count("ticket.reopen") > number)
            continue
        await moved(case, f"bot-open-{number}", "in_progress", by="automation")
    await until(lambda: len(lines(case, "ticket.closed_without_proof")) == 3)
    assert world.actions(case.id).count("ticket.reopen") == 3
    told = [call.params["text"] for call in world.calls if call.scene.case_id == case.id and call.purpose == "ticket"]
    assert len(told) == 1
    assert "4 times" in told[0]
    assert (await case.view()).summary.state == "waiting"


async def test_a_lost_ticket_is_asked_about_once_and_holds_up_no_proof(world: Tracker) -> None:
    case = Case(world, "lost")
    await waiting(case)
    for event in ("gone", "gone-again"):
        await moved(case, event, "new", gone=True)
    await until(lambda: any(call.purpose == "ticket" for call in world.calls if call.scene.case_id == case.id))
    assert len(lines(case, "ticket.gone")) == 1
    await moved(case, "back", "done")  # somebody has restored it, and it is done
    await case.report("clean", status="resolved")
    await case.until("verifying")
    assert len(lines(case, "ticket.found")) == 1


async def test_words_priority_and_key_are_told_and_change_no_severity(world: Tracker) -> None:
    case = Case(world, "told")
    await waiting(case)
    severity = (await case.view()).summary.severity
    word = TicketWord(id="c1", by="user:tom", text="is this live?")
    for event in ("w1", "w2"):
        await moved(case, event, "new", words=(word,), priority="High" if event == "w1" else "Low")
    await moved(case, "moved", "new", key="NEW-1", was="PAY-1", priority="Low", url="https://jira.example.com/NEW-1")
    await moved(case, "foreign", "done", key="OTHER-1")
    view = await case.view()
    assert (view.summary.ticket_key, view.summary.ticket_state, view.summary.severity) == ("NEW-1", "new", severity)
    await until(lambda: bool(lines(case, "ticket.moved")))
    assert [data["text"] for data in lines(case, "ticket.comment")] == ["is this live?"]
    assert [(data["from"], data["to"]) for data in lines(case, "ticket.priority")] == [("High", "Low")]


async def test_a_resolution_that_is_set_after_the_transition_counts(world: Tracker) -> None:
    case = Case(world, "resolution")
    await waiting(case)
    world.lossy.add("scanner.rescan")
    await moved(case, "first", "done", resolution="")
    await moved(case, "then", "done", resolution="false_positive")
    await until(lambda: bool(lines(case, "case.put_away")))
    assert lines(case, "case.put_away")[0]["as"] == "false_positive"
