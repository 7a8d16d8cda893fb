"""People and files that change a case which nobody hears of, or which is in a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import CaseCommand, CaseView
from tests.workflows.quiet_town import Group, Resident, Town, group_of
from tests.workflows.scene import Case, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = datetime.now(UTC)


def span(days: float) -> str:
    begun, ends = START - timedelta(days=1), START + timedelta(days=days)
    return f"from: {begun:%Y-%m-%dT%H:%M:%SZ}, until: {ends:%Y-%m-%dT%H:%M:%SZ}, by: user:tom"


MISTAKE = f"  - {{id: mistake, when: \"finding.type == 'mistaken'\", {span(25)}, reason: planned test}}\n"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    noise = f"""grouping:
  - {{id: same-kind, when: "finding.type.startsWith('grouped')", by: [owner, type], wait: 2m, max: 500}}
silences:
  - {{id: short, when: "finding.type == 'pentest' && finding.severity != 'high'", {span(3)}, reason: planned test}}
  - {{id: others, when: "finding.type == 'others'", {span(20)}, reason: planned test}}
{MISTAKE}"""
    async with serving(Town(skipping, tmp_path_factory.mktemp("people"), noise)) as found:
        assert isinstance(found, Town)
        yield found


def heard(case: Case | Group) -> list[tuple[str, str]]:
    """(template, to) of every message of a case."""
    calls = [call for call in case.world.calls if call.scene.case_id == case.id and call.action == "chat.message"]
    return [(str(call.params["template"]), str(call.params["to"])) for call in calls]


async def seen(case: Case | Group, is_so: Callable[[CaseView], bool]) -> CaseView:
    """Poll until the case shows something."""
    async with asyncio.timeout(20):
        while True:
            view = await case.view()
            if is_so(view):
                return view
            await asyncio.sleep(0.02)


async def command(case: Case | Group, kind: str, **more: str) -> None:
    word = CaseCommand(kind=kind, by="user:ana", command_id=f"{case.id}-{kind}", **more)  # type: ignore[arg-type]
    await case.handle.signal(contract.CASE_COMMAND, word)


async def members(world: Town, kind: str, count: int) -> tuple[list[Resident], Group]:
    cases = [Resident(world, f"{kind}-{number}", type=kind) for number in range(count)]
    await asyncio.gather(*(case.found() for case in cases))
    for case in cases:
        await case.routed()
    await world.later(minutes=2, seconds=1)
    for case in cases:
        await case.until("waiting")
    return cases, await group_of(cases[0])


async def test_a_silenced_case_that_becomes_graver_than_its_silence_speaks(world: Town) -> None:
    case = Resident(world, "raised", type="pentest")
    await case.found()
    await case.until("waiting")
    assert world.actions(case.id) == []
    await Resident(world, "raised", type="pentest", severity="high").found("d2")
    await until(lambda: {("finding", "team:appsec"), ("raised", "team:appsec")} <= set(heard(case)))
    assert (await case.view()).summary.muted == ""


async def test_a_member_that_is_raised_tells_it_itself_and_the_group_climbs_its_ladder(world: Town) -> None:
    cases, group = await members(world, "grouped-raise", 2)
    before = await group.view()
    await Resident(world, "grouped-raise-0", type="grouped-raise", severity="critical").found("d2")
    await until(lambda: ("raised", "team:appsec") in heard(cases[0]))
    assert heard(cases[1]) == []
    after = await seen(group, lambda view: view.route.severity == "critical")
    assert after.route.due is not None
    assert before.route.due is not None
    assert after.route.due < before.route.due
    await world.later(hours=37)  # half of 72 hours; of the others' thirty days it is nothing
    await until(lambda: ("group", "user:ana") in heard(group))
    assert len(group.calls("ticket.create")) == 1


async def test_a_member_that_is_given_away_takes_the_others_ticket_from_nobody(world: Town) -> None:
    cases, group = await members(world, "grouped-given", 3)
    await command(cases[0], "assign", to="user:tom", text="his")
    await until(lambda: ("assigned", "user:tom") in heard(cases[0]))
    view = await cases[0].view()
    assert (view.summary.assignee, view.summary.ticket_key) == ("user:tom", "PAY-1")
    assert [call for call in world.calls if call.action == "ticket.assign"] == []
    assert [(await case.view()).summary.assignee for case in cases[1:]] == ["user:maria"] * 2
    assert heard(group) == [("group", "team:appsec")]


async def test_a_group_that_is_given_away_moves_its_ticket_and_tells_once(world: Town) -> None:
    cases, group = await members(world, "grouped-whole", 3)
    await command(group, "assign", to="team:payments", lead="user:tom", text="theirs")
    await until(lambda: ("assigned", "team:payments") in heard(group))
    for case in cases:
        await seen(case, lambda view: view.summary.owner == "team:payments")
        assert heard(case) == []
        assert case.calls("ticket.assign") == []
    assert [call.params["to"] for call in group.calls("ticket.assign")] == ["team:payments"]
    assert heard(group).count(("assigned", "team:payments")) == 1
    assert (await group.view()).summary.owner == "team:payments"


async def test_what_was_held_for_one_goes_to_whoever_has_the_case_by_then(world: Town) -> None:
    case = Resident(world, "handed", type="pentest")
    await case.found()
    await case.until("waiting")
    await command(case, "assign", to="team:payments", lead="user:tom", text="theirs")
    await case.view()
    assert world.actions(case.id) == []
    await world.later(days=3)
    await until(lambda: ("finding", "team:payments") in heard(case))
    assert ("finding", "team:appsec") not in heard(case)
    await until(lambda: bool(case.calls("ticket.create")))
    assert case.calls("ticket.create")[0].params["assignee"] == "user:tom"


async def test_a_member_that_a_person_closes_before_the_ticket_opens_none_and_ends_alone(world: Town) -> None:
    cases = [Resident(world, f"grouped-shut-{number}", type="grouped-shut") for number in range(2)]
    for case in cases:
        await case.found()
        await case.routed()
    await until(lambda: all(world.ledger(case.id) for case in cases))
    await command(cases[0], "close", text="known", resolution="false_positive")
    assert await cases[0].handle.result() == "closed"
    await world.later(minutes=3)
    await cases[1].until("waiting")
    group = await group_of(cases[1])
    assert (await group.view()).summary.waiting_on == "1 of 2 findings"
    assert world.actions(cases[0].id) == []
    await cases[1].fixed()
    await group.ticket("done", "t1")
    await group.until("verifying")
    assert "1 false positive, 1 fixed" in group.calls("ticket.close")[0].params["text"]


async def test_a_silence_that_is_taken_out_of_the_file_ends_within_a_day(world: Town) -> None:
    case = Resident(world, "mistaken", type="mistaken")
    await case.found()
    await case.until("waiting")
    await world.later(days=1, hours=1)
    assert (await case.view()).summary.muted.startswith("silenced by mistake")
    assert world.actions(case.id) == []
    world.edit(MISTAKE, "")
    await world.later(days=1)
    await until(lambda: heard(case) == [("finding", "team:appsec")])
    assert (await case.view()).summary.muted == ""
    assert world.actions(case.id).count("ticket.create") == 1


async def test_a_grouping_that_is_taken_out_of_the_file_keeps_its_open_group(world: Town) -> None:
    cases, group = await members(world, "grouped-edited", 2)
    world.edit("startsWith('grouped')", "startsWith('nothing')")
    for case in cases:
        await case.fixed()
    await group.ticket("done", "t1")
    await group.until("verifying")
    assert len(group.calls("ticket.close")) == 1
    alone = Resident(world, "grouped-edited-later", type="grouped-edited")
    await alone.found()
    assert (await alone.until("waiting")).noise.group is None


async def test_a_case_that_a_person_closes_while_it_is_held_never_speaks(world: Town) -> None:
    case = Resident(world, "closed", type="others")
    await case.found()
    await case.until("waiting")
    await command(case, "close", text="known", resolution="false_positive")
    assert await case.handle.result() == "closed"
    await world.later(days=21)
    assert world.actions(case.id) == []
