"""Blocks and approvals of cases that nobody hears of, or that are in a group: nothing of them is lost or delayed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.workflows.quiet_town import Group, Town, group_of
from tests.workflows.scene import Case, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = datetime.now(UTC)
ATTACK: dict[str, Any] = {
    "kind": "attack",
    "phase": "exploit",
    "actor": {"token_id": "tok-1"},
    "api": {
        "host": "shop.example.com",
        "path": "/api/users/7",
        "path_template": "/api/users/{id}",
        "method": "GET",
        "environment": "prod",
    },
}


def noise() -> str:
    begun, ends = START - timedelta(days=1), START + timedelta(days=3)
    span = f"from: {begun:%Y-%m-%dT%H:%M:%SZ}, until: {ends:%Y-%m-%dT%H:%M:%SZ}, by: user:tom"
    return f"""grouping:
  - {{id: same-kind, when: "finding.type.startsWith('grouped')", by: [owner, type], wait: 2h, max: 500}}
silences:
  - {{id: pentest, when: "finding.type == 'pentest'", {span}, reason: planned test}}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    town = Town(skipping, tmp_path_factory.mktemp("blocks"), noise())
    async with serving(town):
        yield town


def heard(case: Case | Group) -> Counter[tuple[str, str]]:
    """(template, to) of every message of a case, with how often it was sent."""
    calls = [call for call in case.world.calls if call.scene.case_id == case.id and call.action == "chat.message"]
    return Counter((str(call.params["template"]), str(call.params["to"])) for call in calls)


async def test_who_is_asked_is_reminded_of_a_silenced_case_or_silence_would_decide(world: Town) -> None:
    case = Case(world, "reminded")
    await case.report("d1", said={"type": "pentest"})
    await case.until("approval")
    await until(lambda: len([call for call in world.shown if call.scene.case_id == case.id]) == 1)
    assert heard(case) == Counter()
    await world.later(hours=2, minutes=5)
    await until(lambda: any(template == "escalation" for template, _ in heard(case)))
    assert any(template == "reminder" for template, _ in heard(case))
    assert not [what for what in heard(case) if what[0] not in ("reminder", "escalation")]
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await until(lambda: heard(case)[("data_exposure_pm", "user:maria")] == 1)
    assert world.actions(case.id).count("block.scope") == world.actions(case.id).count("ticket.create") == 1


async def test_a_silenced_attack_is_contained_and_its_people_are_told_so(world: Town) -> None:
    case = Case(world, "attacked")
    await case.report("d1", said={**ATTACK, "type": "pentest"})
    view = await case.until("approval")  # the review; the block stands
    assert [change["action"] for change in view.changes] == ["block.scope"]
    assert view.summary.muted
    await until(lambda: heard(case)[("attack", "schedule:appsec-oncall")] == 1)
    assert world.actions(case.id).count("ticket.create") == 1


async def test_members_block_ask_and_undo_each_for_itself_and_the_parent_waits_for_all(world: Town) -> None:
    cases = [Case(world, f"member-{number}") for number in range(3)]
    await asyncio.gather(*(case.report("d1", said={"type": "grouped"}) for case in cases))
    views = [await case.until("approval") for case in cases]  # without two hours of waiting for more
    assert len({view.approvals[0].request.approval_id for view in views}) == 3
    group = await group_of(cases[0])
    assert len(group.calls("ticket.create")) == 1
    for person in ("user:maria", "user:ana"):
        await cases[0].vote(person)
        await cases[1].vote(person)
    await cases[2].vote("user:maria", "deny")
    for case in cases:
        await case.until("waiting")
    assert [world.actions(case.id).count("block.scope") for case in cases] == [1, 1, 0]
    keys = {call.key for case in cases[:2] for call in world.calls if call.action == "block.scope"}
    assert len(keys) >= 2
    await until(lambda: heard(cases[0])[("data_exposure_pm", "user:maria")] == 1)
    assert heard(cases[2]) == Counter(), "it has changed nothing: the group has told of it"
    await cases[0].report("clean", status="resolved", said={"type": "grouped"})
    await group.ticket("done", "t1")
    await cases[0].until("verifying")
    assert [world.actions(case.id).count("block.lift") for case in cases] == [1, 0, 0]
    await world.later(minutes=1)
    await until(lambda: bool(group.calls("ticket.reopen")))
    assert group.calls("ticket.close") == []
    for case in cases[1:]:
        await case.report("clean", status="resolved", said={"type": "grouped"})
    await group.ticket("done", "t2")
    await group.until("verifying")
    assert [world.actions(case.id).count("block.lift") for case in cases] == [1, 1, 0]
    assert len(group.calls("ticket.close")) == 1


async def test_a_grouped_attack_that_cannot_be_contained_is_heard_although_the_group_was_told(world: Town) -> None:
    first = Case(world, "flood")
    await first.report("d1", said={**ATTACK, "type": "grouped-attack"})
    await first.until("approval")
    group = await group_of(first)
    await until(lambda: heard(group)[("group", "schedule:appsec-oncall")] == 1)
    world.failing.add("block.scope")
    second = Case(world, "swallowed")
    await second.report("d1", said={**ATTACK, "type": "grouped-attack"})
    await second.until("needs_person")
    world.failing.clear()
    assert (await group_of(second)).id == group.id
    await until(lambda: heard(second)[("attack", "schedule:appsec-oncall")] == 1)


async def test_who_was_told_of_small_things_hears_of_a_graver_one_at_once(world: Town) -> None:
    small = Case(world, "small")
    await small.report("d1", said={"type": "grouped-rising", "severity": "medium", "category": "API8:2023"})
    await until(lambda: bool(world.ledger(small.id)))
    await world.later(hours=2, minutes=1)
    await small.until("waiting")
    group = await group_of(small)
    before = sum(heard(group).values())
    same, graver = Case(world, "small-too"), Case(world, "graver")
    await same.report("d1", said={"type": "grouped-rising", "severity": "medium", "category": "API8:2023"})
    await same.until("waiting")
    assert sum(heard(group).values()) == before
    await graver.report("d1", said={"type": "grouped-rising", "severity": "critical", "category": "API8:2023"})
    await graver.until("waiting")
    await until(lambda: sum(heard(group).values()) > before)
