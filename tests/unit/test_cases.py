"""What a case keeps around its run: lines for the ledger, its ticket, what people see of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from interp_support import ROUTE, Bench

from stanch.cases import CaseState, CaseStatus, TicketRef, context_of, handed_over, present, status_of, summary_of
from stanch.contract import Resolved, TicketChange
from stanch.interpreter.state import RunStatus
from stanch.playbooks import evaluator_for
from stanch.views import FindingView, RouteView

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def case(bench: Bench | None = None) -> CaseState:
    state = CaseState(case_id="case-1", finding=FindingView(id="f-1"), opened=NOW, updated=NOW)
    if bench is not None:
        state.resolved = Resolved(route=RouteView.model_validate(ROUTE), plan=bench.plan, mode=bench.context.mode)
        state.core = bench.state
    return state


WAIT = "- {id: fixed, wait: {for: [{event: ticket.resolved}]}}\n"
LOOK = "- {id: look, do: traffic.usage, with: {host: api.example.com}}\n"
ASK = "- {id: ok, approve: {ask: Go, need: [{from: [team:appsec]}], expires: 1h}}\n"


def test_a_note_may_hold_any_words_and_is_numbered() -> None:
    state = case()
    state.note("one", NOW, step="s", actor="user:ana", data={"event": "x", "step": "y", "now": 1, "actor": "z"})
    state.note("two", NOW, by="user:tom")
    assert [(note.number, note.event, note.step, note.actor) for note in state.notes] == [
        (1, "one", "s", "user:ana"),
        (2, "two", "", "stanch"),
    ]
    assert state.notes[0].data == {"event": "x", "step": "y", "now": 1, "actor": "z"}


def test_lines_are_carried_in_portions_oldest_first_and_dropped_only_when_written() -> None:
    state = case()
    for number in range(450):
        state.note(f"n{number}", NOW)
    seen = []
    while state.notes:
        outbox = state.scene().outbox
        assert len(outbox) <= 200
        seen += [note.number for note in outbox]
        state.note("late", NOW) if len(seen) == 200 else None
        state.written(outbox[-1].number)
    assert seen == list(range(1, 452))
    state.written(0)
    assert state.scene(with_notes=False).outbox == ()


def test_what_was_seen_is_remembered_within_bounds() -> None:
    state = case()
    assert state.remember(state.deliveries, "a")
    assert not state.remember(state.deliveries, "a")
    for number in range(1000):
        state.remember(state.deliveries, str(number))
    assert len(state.deliveries) == 256
    assert not state.remember(state.deliveries, "999")


def test_the_finding_goes_only_to_those_that_need_it() -> None:
    state = case(Bench(LOOK))
    assert state.scene().finding is None
    assert state.finding is not None
    assert state.scene().actor == state.finding.actor
    assert state.scene().severity == state.finding.severity != "", "a full point keeps what is of higher risk"
    assert state.scene(with_views=True).finding == state.finding


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (("", ""), ("user:a", ""), ("", "user:a")),
        (("user:a", ""), ("user:b", ""), ("user:a", "user:b")),
        (("user:a", "team:x"), ("user:b", "team:y"), ("team:x", "team:y")),
        (("user:a", "team:x"), ("", ""), None),
        (("user:a", "team:x"), ("user:a", "team:x"), None),
    ],
)
def test_who_a_ticket_went_to(before: tuple[str, str], after: tuple[str, str], moved: tuple[str, str] | None) -> None:
    state = case()
    state.ticket = TicketRef(key="T-1", assignee=before[0], group=before[1])
    change = TicketChange(event_id="e", key="T-1", state="open", assignee=after[0], group=after[1])
    assert handed_over(*state.take_ticket(change)) == moved


def test_absent_values_are_absent_for_expressions() -> None:
    view = present(FindingView(id="f"))
    assert "user_id" not in view["actor"]
    assert view["id"] == "f"


def test_a_case_without_a_plan_has_no_context() -> None:
    with pytest.raises(ValueError, match="no plan"):
        context_of(case(), evaluator_for(Bench(LOOK).plan))


def test_the_status_people_see() -> None:
    assert status_of(case()) is CaseStatus.NEW
    assert status_of(case(Bench(LOOK))) is CaseStatus.RUNNING
    assert status_of(case(Bench(WAIT))) is CaseStatus.WAITING
    assert status_of(case(Bench(ASK))) is CaseStatus.APPROVAL
    bench = Bench(LOOK)
    bench.done("look")
    assert status_of(case(bench)) is CaseStatus.VERIFYING
    state = case(bench)
    state.core.problems.append("look at this")
    assert status_of(state) is CaseStatus.NEEDS_PERSON
    bench = Bench(LOOK)
    bench.fail("look")
    assert (bench.state.status, status_of(case(bench))) == (RunStatus.FAILED, CaseStatus.NEEDS_PERSON)


def test_without_a_playbook_a_person_is_needed_but_not_for_a_test() -> None:
    state = case()
    state.resolved = Resolved(route=RouteView.model_validate(ROUTE))
    assert status_of(state) is CaseStatus.NEEDS_PERSON
    state.finding = FindingView(id="f", is_test=True)
    assert status_of(state) is CaseStatus.VERIFYING


def test_the_summary_says_what_the_case_waits_for() -> None:
    waiting = {summary.waiting_on for steps in (LOOK, WAIT, ASK) if (summary := summary_of(case(Bench(steps))))}
    assert waiting == {"traffic.usage", "fixed", "decision: ok"}
    assert summary_of(CaseState(case_id="x")) is None


def test_a_case_survives_continue_as_new() -> None:
    bench = Bench(ASK + WAIT)
    state = case(bench)
    state.note("one", NOW)
    state.cards["a"] = [("C1", "1.2")]
    state.close_when_over = True
    state.watch_until = NOW + timedelta(days=1)
    again = CaseState.model_validate(state.model_dump(mode="json"))
    assert again == state
    assert again.core.timers == bench.state.timers
