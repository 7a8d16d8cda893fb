"""Silences, inhibition and the ladder of a case: who hears what, when, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import TicketChange
from tests.workflows.quiet_town import Resident, Town
from tests.workflows.scene import Case, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = datetime.now(UTC)


def noise() -> str:
    begun, ends = START - timedelta(days=1), START + timedelta(days=3)
    span = f"from: {begun:%Y-%m-%dT%H:%M:%SZ}, until: {ends:%Y-%m-%dT%H:%M:%SZ}, by: user:tom"
    return f"""grouping: []
inhibit:
  - id: host-down
    source: {{when: "finding.type == 'down'"}}
    target: {{when: "finding.severity == 'medium'"}}
    equal: [api.host]
silences:
  - {{id: pentest, when: "finding.type == 'pentest'", {span}, reason: planned test}}
  - {{id: known, match: {{host: quiet.example.org}}, {span}, keep: [record, ticket], reason: known}}
  - {{id: blocked, when: "finding.labels.exists(l, l == 'silenced')", {span}, reason: planned test}}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    town = Town(skipping, tmp_path_factory.mktemp("quiet"), noise())
    async with serving(town):
        yield town


def on(host: str) -> dict[str, str]:
    return {"host": host, "path": "/x", "method": "GET", "environment": "prod"}


def heard(case: Case, world: Town) -> list[tuple[str, str]]:
    """(template, to) of every message of a case."""
    calls = [call for call in world.calls if call.scene.case_id == case.id and call.action == "chat.message"]
    return [(str(call.params["template"]), str(call.params["to"])) for call in calls]


async def test_a_silence_that_keeps_the_ticket_opens_it_and_tells_nobody(world: Town) -> None:
    case = Resident(world, "kept", api=on("quiet.example.org"))
    await case.found()
    view = await case.until("waiting")
    assert world.actions(case.id) == ["ticket.create"]
    assert view.summary.ticket_key == "PAY-1"


async def test_a_change_in_production_is_told_whatever_is_silenced(world: Town) -> None:
    case = Case(world, "loud")
    await case.report("d1", said={"labels": ["silenced"]})
    view = await case.until("approval")
    assert view.summary.muted
    await until(lambda: len(world.shown) == 1)
    assert heard(case, world) == [], "people are asked although nobody is told"
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await until(lambda: len(heard(case, world)) > 0)
    assert "block.scope" in world.actions(case.id)
    assert "ticket.create" in world.actions(case.id)


async def test_a_case_that_is_fixed_under_a_silence_never_speaks(world: Town) -> None:
    case = Resident(world, "pentest-fixed", type="pentest")
    await case.found()
    await case.until("waiting")
    await case.fixed()
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="", state="done"))
    await case.until("verifying")
    assert world.actions(case.id) == []


async def test_a_silenced_case_is_kept_and_speaks_once_when_the_silence_ends(world: Town) -> None:
    case = Resident(world, "pentest", type="pentest")
    await case.found()
    view = await case.until("waiting")
    assert world.actions(case.id) == []
    assert view.summary.muted.startswith("silenced by pentest until")
    assert "user:tom: planned test" in view.summary.muted
    assert any(note.event == "noise.held" for note in world.ledger(case.id))
    await world.later(days=2)
    assert world.actions(case.id) == []
    await world.later(days=2)
    await until(lambda: len(heard(case, world)) == 1)
    assert [call.params["system"] for call in case.calls("ticket.create")] == ["jira"]
    view = await case.view()
    assert (view.summary.muted, view.summary.ticket_key) == ("", "PAY-1")
    await world.later(days=2)
    assert [name for name, _ in heard(case, world)] == ["finding"]
    await case.fixed()
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done"))
    await case.until("verifying")
    assert [call.params["key"] for call in case.calls("ticket.close")] == ["PAY-1"], "its step knows no key"


async def test_a_target_is_held_while_its_source_is_open_and_speaks_when_it_closes(world: Town) -> None:
    source = Resident(world, "source", type="down", severity="high", api=on("one.example.org"))
    await source.found()
    await source.until("waiting")
    target = Resident(world, "target", api=on("one.example.org"))
    other = Resident(world, "other", api=on("two.example.org"))
    for case in (target, other):
        await case.found()
        await case.until("waiting")
    assert [len(heard(case, world)) for case in (source, target, other)] == [1, 0, 1]
    assert (await target.view()).summary.muted == f"held back by host-down while {source.id} is open"
    assert world.actions(target.id) == ["ticket.create"]
    await source.fixed()
    await source.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done"))
    await source.until("verifying")
    await until(lambda: len(heard(target, world)) == 1)
    assert (await target.view()).summary.muted == ""


async def test_a_finding_on_both_sides_holds_nothing_like_itself_back(world: Town) -> None:
    both = [Resident(world, f"both-{number}", type="down", api=on("both.example.org")) for number in (1, 2)]
    for case in both:
        await case.found()
        await case.until("waiting")
    assert [len(heard(case, world)) for case in both] == [1, 1]


async def test_the_ladder_is_climbed_once_and_ends_with_the_case(world: Town) -> None:
    case = Resident(world, "ladder")
    await case.found()
    await case.until("waiting")
    before = await case.events()
    await world.later(days=16)  # half of thirty
    await until(lambda: ("escalation", "user:ana") in heard(case, world))
    assert [template for template, _ in heard(case, world)].count("escalation") == 1
    await world.later(days=9)
    await until(lambda: [template for template, _ in heard(case, world)].count("escalation") == 3)
    assert ("escalation", "team:appsec") in heard(case, world)
    assert await case.events() - before < 90, "two rungs with three messages, and three reminders"
    await case.fixed()
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done"))
    await case.until("verifying")
    count = len(heard(case, world))
    await world.later(days=6)
    assert len(heard(case, world)) == count


async def test_whoever_takes_it_ends_the_search_but_not_the_deadline(world: Town) -> None:
    case = Resident(world, "taken")
    await case.found()
    await case.until("waiting")
    change = TicketChange(event_id="t1", key="PAY-1", state="in_progress", assignee="user:tom", by="user:tom")
    await case.handle.signal(contract.TICKET_CHANGED, change)
    await case.view()
    await world.later(days=29)
    escalated = [to for template, to in heard(case, world) if template == "escalation"]
    assert escalated == []
    await world.later(days=2)
    await until(lambda: ("escalation", "schedule:appsec-oncall") in heard(case, world))


async def test_a_handed_over_ticket_takes_the_ladder_along(world: Town) -> None:
    case = Resident(world, "moved")
    await case.found()
    await case.until("waiting")
    change = TicketChange(event_id="t1", key="PAY-1", state="new", group="team:payments", by="user:tom")
    await case.handle.signal(contract.TICKET_CHANGED, change)
    await case.view()
    await world.later(days=16)
    await until(lambda: any(template == "escalation" for template, _ in heard(case, world)))
    assert ("escalation", "user:ana") not in heard(case, world)
