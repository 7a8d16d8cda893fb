"""The life of a finding in its case: corrected, proven gone, put away, attacked; what never acts; which word counts."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import CaseCommand, CaseView, TicketChange
from stanch.records import FindingRow
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(skipping.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


async def say(case: Case, kind: str, *, by: str = "user:ana", text: str = "because", **more: Any) -> None:
    message = CaseCommand(kind=kind, by=by, text=text, command_id=f"{kind}-{by}-{more}", **more)
    await case.handle.signal(contract.CASE_COMMAND, message)


async def waiting(case: Case) -> CaseView:
    """Nobody agreed to a block, and the fix is waited for."""
    await case.report("d1")
    await case.until("approval")
    await case.vote("user:maria", "deny")
    return await case.until("waiting")


def events(case: Case) -> list[str]:
    return [note.event for note in case.world.ledger(case.id)]


async def over(case: Case) -> None:
    """Its newest run has ended; the server's own way of waiting does not survive a week that is skipped."""
    async with asyncio.timeout(40):
        while (await case.handle.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert "closed" in [note.data.get("status") for note in case.world.ledger(case.id)]


async def recorded(case: Case, event: str) -> dict[str, Any]:
    await until(lambda: event in events(case))
    return next(note.data for note in case.world.ledger(case.id) if note.event == event)


# -- proof that it is gone


async def test_a_named_person_attests(world: World) -> None:
    case = Case(world, "attested")
    await waiting(case)
    await say(case, "attest", text="saw the fix in production")
    data = await recorded(case, "finding.rescan_clean")
    assert (data["how"], data["by"], data["reason"]) == ("attested", "user:ana", "saw the fix in production")


@pytest.mark.parametrize("by", ["token:admin", "", "user:ana", "own"])
async def test_who_has_asked_and_who_is_nobody_attest_nothing(world: World, by: str) -> None:
    case = Case(world, f"unattested-{by.replace(':', '-')}", requested_by="user:ana")
    await waiting(case)
    await say(case, "attest", by=by)
    await recorded(case, "finding.attest_refused")
    assert "finding.rescan_clean" not in events(case)


async def test_absence_is_word_of_a_fix_and_says_so(world: World) -> None:
    case = Case(world, "absent")
    await waiting(case)
    await case.report("absence/1", status="resolved", basis="absence")
    assert (await recorded(case, "finding.rescan_clean"))["how"] == "absence"


async def test_a_weaker_source_proves_nothing(world: World) -> None:
    case = Case(world, "weaker")
    await waiting(case)
    await case.report("weak", status="resolved", assurance="C")
    await recorded(case, "finding.close_not_believed")
    assert "finding.rescan_clean" not in events(case)


async def test_a_case_without_a_playbook_ends_when_it_is_gone(world: World) -> None:
    case = Case(world, "planless")
    world.planless.add(case.id)
    await case.report("d1")
    await case.until("needs_person")
    await case.report("gone", status="resolved")
    await over(case)


# -- the source's own order

T0 = datetime(2026, 5, 5, tzinfo=UTC)
SAID: dict[str, tuple[Any, int]] = {"o1": ("open", 1), "r2": ("resolved", 2), "o3": ("open", 3), "r4": ("resolved", 4)}


@pytest.mark.parametrize("order", [list(order) for order in itertools.permutations(["r2", "o3", "r4"])])
async def test_the_newest_word_of_the_source_counts_in_whatever_order(world: World, order: list[str]) -> None:
    case = Case(world, "shuffled-" + "-".join(order))
    await waiting(case)
    for name in order:
        status, hours = SAID[name]
        await case.report(name, status=status, said={"last_seen": T0 + timedelta(hours=hours)})
    await say(case, "signal", text="look")
    async with asyncio.timeout(40):
        while (await case.facts()).get("finding") != "clean":  # noqa: ASYNC110 - what is polled is a ledger
            await asyncio.sleep(0.05)


async def test_late_word_of_a_fix_does_not_close_what_was_seen_since(world: World) -> None:
    case = Case(world, "late-close")
    await waiting(case)
    await case.report("seen", said={"last_seen": T0 + 2 * DAY})
    await case.report("late", status="resolved", said={"last_seen": T0 + DAY})
    await recorded(case, "finding.outdated")
    assert (await case.facts()).get("finding") != "clean"


async def test_an_old_sighting_does_not_open_what_is_proven_fixed(world: World) -> None:
    case = Case(world, "late-open")
    await waiting(case)
    await case.report("clean", status="resolved", said={"last_seen": T0 + 2 * DAY})
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done", by="m"))
    await case.until("verifying")
    await case.report("old", said={"last_seen": T0 + DAY})
    assert (await case.view()).summary.state == "verifying"
    await case.report("new", said={"last_seen": T0 + 3 * DAY})
    await case.until("approval")


# -- corrections


async def test_what_a_report_corrects_is_told_and_taken_over(world: World) -> None:
    case = Case(world, "corrected")
    await waiting(case)
    await case.report("d2", said={"title": "Users endpoint leaks", "confidence": 0.5, "labels": ["new"]})
    what = (await recorded(case, "finding.changed"))["what"]
    assert set(what) == {"title", "confidence", "labels"}
    assert what["confidence"] == {"from": "0.97", "to": "0.5"}
    assert (await case.view()).finding.title == "Users endpoint leaks"


async def test_where_and_who_are_told_and_stay_as_they_were_agreed_to(world: World) -> None:
    case = Case(world, "moved")
    await waiting(case)
    before = (await case.view()).finding
    await case.report("d2", said={"actor": {"user_id": "mallory"}, "api": {"host": "other.example.com"}})
    what = (await recorded(case, "finding.changed"))["what"]
    assert "mallory" in what["actor"]["to"]
    assert "other.example.com" in what["api"]["to"]
    after = (await case.view()).finding
    assert (after.api, after.actor) == (before.api, before.actor)


async def test_a_higher_severity_raises_the_running_case(world: World) -> None:
    case = Case(world, "raised")
    before = await waiting(case)
    await case.report("d2", said={"severity": "critical"})
    data = await recorded(case, "route.raised")
    assert (data["from"], data["to"]) == ("high", "critical")
    view = await case.view()
    assert (view.summary.severity, view.finding.severity, view.summary.state) == ("critical", "critical", "waiting")
    assert view.route.due is not None
    assert before.route.due is not None
    assert view.route.due < before.route.due
    assert view.steps.keys() == before.steps.keys()
    await until(lambda: "raised" in [call.purpose for call in world.calls if call.scene.case_id == case.id])
    told = [call.params["to"] for call in world.calls if call.scene.case_id == case.id and call.purpose == "raised"]
    assert view.route.owner.id in told


async def test_a_lower_severity_is_told_and_lowers_nothing(world: World) -> None:
    case = Case(world, "lowered")
    before = await waiting(case)
    await case.report("d2", said={"severity": "low"})
    assert (await recorded(case, "finding.changed"))["what"]["severity"] == {"from": "high", "to": "low"}
    view = await case.view()
    assert (view.summary.severity, view.finding.severity, view.route) == ("high", "high", before.route)
    assert "route.raised" not in events(case)


async def test_a_weaker_source_corrects_nothing(world: World) -> None:
    case = Case(world, "uncorrected")
    await waiting(case)
    await case.report("d2", said={"severity": "critical", "title": "x"}, assurance="C")
    await until(lambda: "finding.repeated" in events(case))
    view = await case.view()
    assert (view.summary.severity, "finding.changed" in events(case)) == ("high", False)
    assert view.finding.title != "x"


# -- what never acts


@pytest.mark.parametrize("kind", ["attack", "weakness", "exposure", "policy_gap"])
async def test_a_test_finding_runs_nothing(world: World, skipping: WorkflowEnvironment, kind: str) -> None:
    case = Case(world, f"test-{kind}")
    said = {"is_test": True, "kind": kind, "severity": "critical", "confidence": 1.0}
    await case.report("d1", said=said)
    view = await case.until("verifying")
    assert view.steps == {}
    await skipping.sleep(8 * DAY)
    await over(case)
    assert world.actions(case.id) == []


async def test_after_a_test_the_first_real_finding_is_worked_on(world: World) -> None:
    case = Case(world, "real")
    await case.report("d1", said={"is_test": True})
    await case.until("verifying")
    await case.report("d2", said={"is_test": True})
    await case.report("d3")
    await case.until("approval")
    assert "ticket.create" in world.actions(case.id)


async def test_a_test_finding_opens_and_changes_nothing_that_is_fixed(world: World) -> None:
    case = Case(world, "test-again")
    await waiting(case)
    await case.report("clean", status="resolved")
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done", by="m"))
    await case.until("verifying")
    await case.report("ping", said={"is_test": True, "severity": "critical"})
    await recorded(case, "finding.test")
    assert (await case.view()).summary.state == "verifying"


# -- put away


async def test_a_false_positive_is_taken_back_closed_and_stays_away(world: World) -> None:
    case = Case(world, "false-positive")
    await case.report("d1")
    await case.until("approval")
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await say(case, "close", resolution="false_positive", text="a test account")
    await over(case)
    assert world.actions(case.id).count("block.lift") == 1
    before = world.actions(case.id)
    await case.report("d2")
    await case.until("closed")
    await over(case)
    assert world.actions(case.id) == before


async def test_what_was_put_away_comes_back_on_its_day(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "accepted")
    await waiting(case)
    now = await skipping.get_current_time()
    await say(case, "close", resolution="risk_accepted", until=now + 30 * DAY)
    await over(case)
    found = world.records.suppressions_of([case.id], now)[case.id]
    assert (found.kind, found.by, found.reason, found.until) == ("risk_accepted", "user:ana", "because", now + 30 * DAY)
    await case.report("d2")
    view = await case.until("closed")
    assert "risk accepted until" in view.why
    assert "user:ana" in view.why
    await skipping.sleep(31 * DAY)
    await case.report("d3")
    await case.until("approval")


async def test_nothing_is_put_away_for_longer_than_a_year(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "for-ever")
    await waiting(case)
    now = await skipping.get_current_time()
    await say(case, "close", resolution="risk_accepted", until=now + 9000 * DAY)
    await over(case)
    assert world.records.suppressions_of([case.id], now + 366 * DAY) == {}
    assert world.records.suppressions_of([case.id], now + 364 * DAY) != {}


async def test_fixed_puts_nothing_away(world: World) -> None:
    case = Case(world, "closed-fixed")
    await waiting(case)
    await say(case, "close", resolution="fixed")
    await over(case)
    await case.report("d2")
    await case.until("approval")


@pytest.mark.parametrize("resolution", ["false_positive", "risk_accepted", "duplicate"])
async def test_the_trackers_resolution_puts_away(world: World, resolution: str) -> None:
    case = Case(world, f"tracker-{resolution}")
    await waiting(case)
    change = TicketChange(event_id="t1", key="PAY-1", state="done", by="user:tom", resolution=resolution)
    await case.handle.signal(contract.TICKET_CHANGED, change)
    await over(case)
    found = world.records.suppressions_of([case.id], datetime.now(UTC))[case.id]
    assert (found.kind, found.by) == (resolution, "user:tom")
    assert "scanner.rescan" not in world.actions(case.id)


async def test_the_risk_of_an_attack_is_not_accepted(world: World, skipping: WorkflowEnvironment) -> None:
    case = Case(world, "accepted-attack")
    await case.report("d1", said={"kind": "attack", "phase": "exploit"})
    await until(lambda: bool(world.actions(case.id)))
    change = TicketChange(event_id="t1", key="PAY-1", state="done", by="user:tom", resolution="risk_accepted")
    await case.handle.signal(contract.TICKET_CHANGED, change)
    await say(case, "close", resolution="risk_accepted")
    await over(case)
    assert world.records.suppressions_of([case.id], await skipping.get_current_time()) == {}


# -- attack on a weakness


def place(case: Case, kind: str, now: datetime) -> FindingRow:
    api = {"host": "api.example.com", "method": "GET", "path": "/shared/7", "path_template": "/shared/{id}"}
    evidence = [{"kind": "response", "status_code": 200, "excerpt": "email of another user"}]
    body = {"kind": kind, "api": api, "owasp_api": ["API3:2023"], "evidence": evidence}
    return FindingRow(case.id, f"f-{case.id}", "own", now, body)


async def test_an_attack_on_an_accepted_weakness_surfaces_more_urgent_and_says_who_accepted_it(
    world: World, skipping: WorkflowEnvironment
) -> None:
    weak, attack = Case(world, "weak"), Case(world, "attacking")
    await waiting(weak)
    now = await skipping.get_current_time()
    world.records.connect_findings([place(weak, "weakness", now)])
    world.records.add_finding(place(weak, "weakness", now))
    await say(weak, "close", resolution="risk_accepted", text="until the rewrite")
    await over(weak)

    later = now + 5 * DAY
    world.records.connect_findings([place(attack, "attack", later)])
    await attack.report("d1", said={"kind": "attack", "phase": "exploit", "severity": "high", "confidence": 0.9})
    await until(lambda: bool(world.actions(attack.id)))
    view = await attack.view()
    assert view.route.severity == "critical"
    assert f"raised from high to critical: attack on an open weakness ({weak.id})" in view.why
    assert "this weakness was accepted: risk accepted until" in view.why
    assert [(link.case_id, bool(link.accepted)) for link in view.links] == [(weak.id, True)]
    assert view.links[0].evidence == ("response 200 email of another user",)
    shown = next(call.scene.links for call in world.calls if call.scene.case_id == attack.id)
    assert shown == view.links
    assert [line.event for line in world.records.timeline(weak.id)] == ["case.linked", "suppression.contradicted"]
    assert [line.event for line in world.records.timeline(attack.id)] == ["case.linked"]
    assert world.records.suppressions_of([weak.id], now)[weak.id].contradicted_by == attack.id


SHARED = Counter({"records.append": 99})  # lines for the ledger may share a write, as timing has it


async def test_links_cost_no_history(world: World, skipping: WorkflowEnvironment) -> None:
    alone, linked, weak = Case(world, "alone"), Case(world, "linked"), Case(world, "behind")
    now = await skipping.get_current_time()
    world.records.connect_findings([place(weak, "weakness", now), place(linked, "attack", now)])
    for case in (alone, linked):
        await waiting(case)
    assert await linked.activities() - SHARED == await alone.activities() - SHARED
    assert await linked.kinds() == await alone.kinds()
    assert [bool((await case.view()).links) for case in (alone, linked)] == [False, True]
