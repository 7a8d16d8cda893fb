"""Many findings of one kind and owner: one ticket, one message, and an end with the proof of the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import CaseCommand
from tests.workflows.quiet_town import Group, Resident, Town, group_of
from tests.workflows.scene import serving
from tests.workflows.yard import at_rest, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUPING = """grouping:
  - {id: attacks, when: "finding.kind == 'attack'", by: [owner, type], wait: 24h}
  - {id: small, when: "finding.labels.exists(l, l == 'few')", by: [owner, type], wait: 1m, add_for: 24h, max: 2}
  - {id: same-kind, by: [owner, type], wait: 2m, add_for: 24h, max: 500}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    town = Town(skipping, folder, GROUPING)
    async with serving(town):
        yield town


async def gathered(world: Town, kind: str, count: int, **said: object) -> tuple[list[Resident], Group]:
    """A group that has opened its ticket, with every member waiting for the fix."""
    cases = [Resident(world, f"{kind}-{number}", type=kind, **said) for number in range(count)]
    await asyncio.gather(*(case.found() for case in cases))
    for case in cases:
        await case.routed()
    await world.later(minutes=2, seconds=1)
    for case in cases:
        await case.until("waiting")
    return cases, await group_of(cases[0])


async def test_many_findings_open_one_ticket_and_one_message(world: Town) -> None:
    cases, group = await gathered(world, "one-ticket", 12)
    assert len(group.calls("ticket.create")) == 1
    assert [call.params["to"] for call in group.calls("chat.message")] == ["team:appsec"]
    assert [case.calls("ticket.create") + case.calls("chat.message") for case in cases] == [[]] * 12
    views = [await case.view() for case in cases]
    assert {view.summary.ticket_key for view in views} == {"PAY-1"}
    assert {view.steps["ticket"]["outputs"]["key"] for view in views} == {"PAY-1"}
    assert (await group.view()).summary.findings == 12
    assert "12 findings" in group.calls("ticket.create")[0].params["summary"]


async def test_the_parent_closes_when_the_last_member_is_proven(world: Town) -> None:
    cases, group = await gathered(world, "last-one", 3)
    for case in cases[:-1]:
        await case.fixed()
    await group.ticket("done", "t1")
    for case in cases[:-1]:
        await case.until("verifying")
    await until(lambda: bool(cases[-1].calls("scanner.rescan")))  # it is still there
    await world.later(minutes=1)
    await until(lambda: len(group.calls("ticket.reopen")) == 1)
    assert (await group.view()).summary.waiting_on == "1 of 3 findings"
    assert group.calls("ticket.close") == []
    await cases[-1].fixed()
    await group.ticket("done", "t2")
    await group.until("verifying")
    assert len(group.calls("ticket.close")) == 1
    assert group.calls("ticket.close")[0].params["resolution"] == "fixed_and_verified"
    assert [case.calls("ticket.close") for case in cases] == [[], [], []]


async def test_done_in_the_tracker_reaches_every_member(world: Town) -> None:
    cases, group = await gathered(world, "all-hear", 3)
    await group.ticket("done", "t1")
    for case in cases:
        await case.until("waiting")
        await until(lambda case=case: any(note.event == "ticket.resolved" for note in world.ledger(case.id)))


async def test_a_word_that_comes_twice_makes_no_second_ticket(world: Town) -> None:
    world.stutter = 3
    try:
        _, group = await gathered(world, "stutter", 4)
    finally:
        world.stutter = 1
    assert len(group.calls("ticket.create")) == 1
    assert len(group.calls("chat.message")) == 1
    assert (await group.view()).summary.findings == 4


async def test_a_late_member_gets_the_ticket_and_one_note_tells_of_many(world: Town) -> None:
    _, group = await gathered(world, "late", 2)
    later = [Resident(world, f"late-more-{number}", type="late") for number in range(6)]
    await asyncio.gather(*(case.found() for case in later))
    for case in later:
        view = await case.until("waiting")
        assert view.summary.ticket_key == "PAY-1"
    await world.later(minutes=3)
    await until(lambda: bool(group.calls("ticket.comment")))
    assert len(group.calls("ticket.create")) == 1
    assert len(group.calls("ticket.comment")) <= 2
    assert "8 findings" in group.calls("ticket.comment")[-1].params["text"]


async def test_a_full_group_is_followed_by_the_next(world: Town) -> None:
    cases = [Resident(world, f"few-{number}", type="few", labels=("few",)) for number in range(3)]
    for case in cases:
        await case.found()
        await case.routed()
        await world.later(minutes=2)
        await case.until("waiting")
    ids = [(await group_of(case)).id for case in cases]
    assert ids[0] == ids[1]
    assert ids[2] == f"{ids[0]}-2"
    assert len(Group(world, ids[2]).calls("ticket.create")) == 1
    fourth = Resident(world, "few-3", type="few", labels=("few",))
    await fourth.found()
    await fourth.routed()
    await world.later(minutes=2)
    await fourth.until("waiting")
    assert (await group_of(fourth)).id == ids[2]
    joins = [letter for letter in world.letters if fourth.id in letter.members]
    assert all(letter.message["elsewhere"] == 0 for letter in joins), "it knew the generation beforehand"


async def test_an_attack_does_not_wait(world: Town) -> None:
    attack = Resident(world, "attack", type="stuffing", kind="attack")
    await attack.found()
    view = await attack.until("waiting")
    assert view.summary.ticket_key == "PAY-1"
    group = await group_of(attack)
    opened = next(note for note in world.ledger(group.id) if note.event == "group.opened")
    assert (await group.view()).summary.opened == opened.at


async def test_a_member_that_comes_back_opens_the_parent_again(world: Town) -> None:
    cases, group = await gathered(world, "back", 2)
    for case in cases:
        await case.fixed()
    await group.ticket("done", "t1")
    await group.until("verifying")
    await cases[0].found("d2")
    await group.until("waiting")
    assert len(group.calls("ticket.reopen")) == 1
    assert "1 of 2 findings" in group.calls("ticket.reopen")[0].params["text"]
    assert len(group.calls("ticket.create")) == 1


async def test_a_person_who_reopens_the_parent_wins(world: Town) -> None:
    cases, group = await gathered(world, "reopened", 2)
    for case in cases:
        await case.fixed()
    await group.ticket("done", "t1")
    await group.until("verifying")
    await group.ticket("in_progress", "t2")
    await group.until("waiting")
    assert len(group.calls("ticket.close")) == 1
    await group.ticket("done", "t3")
    await group.until("verifying")


async def test_a_persons_word_to_the_group_is_said_to_every_member(world: Town) -> None:
    cases, group = await gathered(world, "word", 3)
    command = CaseCommand(kind="close", by="user:ana", text="known", command_id="c1", resolution="false_positive")
    await group.handle.signal(contract.CASE_COMMAND, command)
    await group.until("verifying")
    for case in cases:
        assert (await case.view()).summary.resolution == "false_positive"
    assert group.calls("ticket.close")[0].params["resolution"] == "false_positive"


async def test_a_member_whose_parent_cannot_be_opened_goes_on_alone(world: Town) -> None:
    world.failing.add("ticket.create")
    case = Resident(world, "alone", type="alone")
    await case.found()
    await case.routed()
    await world.later(minutes=3)
    group = await group_of(case)
    await until(lambda: bool(group.calls("ticket.create")) and bool(case.calls("ticket.create")))
    world.failing.clear()
    view = await case.until("waiting")
    assert "ticket: turned away" in view.problems


async def test_a_group_that_is_lost_is_asked_again(world: Town) -> None:
    case = Resident(world, "lost", type="lost")
    await case.found()
    await case.routed()
    group = await group_of(case)
    await until(lambda: any(note.event == "case.routed" for note in world.ledger(case.id)))
    await at_rest(group.handle)
    await group.handle.terminate("an operator's mistake")
    await world.later(hours=2)
    view = await case.until("waiting")
    assert view.summary.ticket_key == "PAY-1"
    assert len(group.calls("ticket.create")) == 1


async def test_a_parent_whose_answer_was_lost_is_asked_for_under_the_same_key(world: Town) -> None:
    world.lossy |= {"ticket.create", "chat.message"}
    _, group = await gathered(world, "lossy", 3)
    await world.later(seconds=10)
    for action in ("ticket.create", "chat.message"):
        calls = group.calls(action)
        assert len(calls) == 2, "once more after the lost answer"
        assert len({call.key for call in calls}) == 1, "the tracker finds by it what is there already"


async def test_a_recurring_group_is_a_new_episode_with_keys_of_its_own(world: Town) -> None:
    cases, group = await gathered(world, "episode", 1)
    await cases[0].fixed()
    await group.ticket("done", "t1")
    await group.until("verifying")
    await world.later(days=8)
    assert await group.handle.result() == "closed"
    again = Resident(world, "episode-again", type="episode")
    await again.found()
    await again.routed()
    await world.later(minutes=3)
    await again.until("waiting")
    keys = [call.key for call in group.calls("ticket.create")]
    assert len(set(keys)) == len(keys) == 2
