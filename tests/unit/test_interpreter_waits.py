"""Waiting for the world: what ends a wait, what happens meanwhile, and what when time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from interp_support import BLOCK, START, Bench

EVENTS = "for: [{event: ticket.resolved}, {event: finding.rescan_clean}]"
BOTH = f"- {{id: fixed, wait: {{until: all, {EVENTS}}}}}\n"


def test_any_ends_with_the_first_and_says_which() -> None:
    bench = Bench(f"- {{id: fixed, wait: {{until: any, {EVENTS}}}}}\n")
    bench.happen("finding.rescan_clean")
    assert (bench.finished, bench.state.steps["fixed"].outputs) == ("done", {"because": ["finding.rescan_clean"]})


def test_all_needs_both_at_once() -> None:
    bench = Bench(BOTH)
    bench.happen("ticket.resolved", key="T-1")
    bench.fail("scanner.rescan")
    bench.happen("ticket.reopened")
    bench.happen("finding.rescan_clean")
    assert bench.finished == ""
    bench.happen("ticket.resolved", key="T-1")
    assert bench.finished == "done"


def test_a_finding_reported_again_is_open_again() -> None:
    bench = Bench(BOTH)
    bench.happen("finding.rescan_clean")
    bench.happen("finding.reported")
    bench.happen("ticket.resolved", key="T-1")
    assert bench.finished == ""


def test_what_happened_before_the_wait_counts() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n{BOTH}")
    bench.happen("finding.rescan_clean")
    bench.happen("ticket.resolved", key="T-1")
    bench.done("block")
    assert bench.finished == "done"


def test_done_in_the_tracker_means_verify_now() -> None:
    bench = Bench(BOTH)
    bench.happen("ticket.resolved", key="T-1")
    assert bench.action("scanner.rescan").params == {"finding": "f-1"}
    bench.done("scanner.rescan", clean=True)
    assert bench.finished == "done"


def test_a_ticket_that_was_done_before_the_wait_began_is_verified_when_it_begins() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n{BOTH}")
    bench.happen("ticket.resolved", key="T-1")
    bench.done("block")
    assert bench.under_way("scanner.rescan")


def test_the_ticket_goes_back_when_the_scanner_still_finds_it() -> None:
    bench = Bench(BOTH)
    bench.happen("ticket.resolved", key="T-1")
    bench.done("scanner.rescan", clean=False)
    assert bench.action("ticket.reopen").params["key"] == "T-1"
    bench.done("ticket.reopen")
    bench.happen("finding.rescan_clean")
    assert bench.finished == ""
    bench.happen("ticket.resolved", key="T-1")
    assert bench.finished == "done"


def test_a_late_no_of_the_scanner_does_not_send_a_proved_ticket_back() -> None:
    bench = Bench(f"{BOTH}- {{id: block, {BLOCK}}}\n")
    bench.happen("ticket.resolved", key="T-1")
    bench.happen("finding.rescan_clean")
    bench.done("scanner.rescan", clean=False)
    assert not bench.under_way("ticket.reopen")


def test_a_scanner_that_fails_is_told_and_the_wait_goes_on() -> None:
    bench = Bench(BOTH)
    bench.happen("ticket.resolved", key="T-1")
    bench.fail("scanner.rescan")
    assert (bench.finished, "finding.not_rescanned" in bench.notes()) == ("", True)
    bench.happen("finding.rescan_clean")
    assert bench.finished == "done"


def test_a_timer_of_a_wait_counts_as_an_event() -> None:
    bench = Bench("- {id: hold, wait: {until: all, for: [{event: timer, after: 1h}, {event: timer, after: 2h}]}}\n")
    bench.wait(3600)
    assert bench.finished == ""
    bench.wait(3600)
    assert bench.finished == "done"


def test_a_signal_by_its_name_ends_the_wait() -> None:
    bench = Bench("- {id: hold, wait: {for: [{event: signal, name: go}]}}\n")
    bench.happen("signal.stay")
    assert bench.finished == ""
    bench.happen("signal.go")
    assert bench.finished == "done"


@pytest.mark.parametrize(("what", "ended"), [("proceed", "done"), ("fail", "failed")])
def test_when_time_is_over(what: str, ended: str) -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n- {{id: fixed, wait: {{{EVENTS}, timeout: 1h, on_timeout: {what}}}}}\n")
    bench.done("block")
    bench.wait(3599)
    assert bench.finished == ""
    bench.wait(1)
    bench.settle()
    assert (bench.finished, bench.changes()) == (ended, [("block", "open" if ended == "done" else "undone")])


def test_escalation_tells_each_person_once_and_again_later_and_keeps_waiting() -> None:
    bench = Bench(f"- {{id: fixed, wait: {{{EVENTS}, timeout: 2h, on_timeout: escalate}}}}\n")
    bench.wait(2 * 3600)
    assert [item.params["to"] for item in bench.pending.values()] == ["user:lead", "user:maria"]
    bench.settle()
    assert bench.finished == ""
    bench.wait(2 * 3600)
    assert len(bench.pending) == 2
    bench.happen("finding.rescan_clean")
    bench.settle()
    assert bench.finished == "done"


def test_a_lead_who_is_also_the_assignee_is_told_once() -> None:
    bench = Bench(
        f"- {{id: fixed, wait: {{{EVENTS}, timeout: 2h, on_timeout: escalate}}}}\n", route={"assignee": "user:lead"}
    )
    bench.wait(2 * 3600)
    assert [item.params["to"] for item in bench.pending.values()] == ["user:lead"]


def test_a_deadline_that_is_over_escalates_at_once_but_not_without_pause() -> None:
    steps = f"- {{id: fixed, wait: {{{EVENTS}, timeout: '${{{{ route.due - now }}}}', on_timeout: escalate}}}}\n"
    bench = Bench(steps, route={"due": START - timedelta(days=3)})
    bench.wait(0)
    assert len(bench.pending) == 2
    bench.wait(3599)
    assert len(bench.pending) == 2
    bench.wait(1)
    assert len(bench.pending) == 4


def test_a_deadline_that_cannot_be_read_any_more_stops_nothing() -> None:
    timeout = "${{ duration(steps.block.outputs.proof.span) }}"
    steps = (
        f"- {{id: block, {BLOCK}}}\n- id: both\n  parallel:\n"
        f"  - {{id: fixed, wait: {{{EVENTS}, timeout: '{timeout}', on_timeout: escalate}}}}\n"
        "  - {id: hold, wait: {for: [{event: signal, name: go}]}}\n"
    )
    bench = Bench(steps)
    bench.done("block", proof={"span": "3600s"})
    bench.state.steps["block"].outputs = {}
    bench.wait(3600)
    assert bench.state.problems
    bench.happen("finding.rescan_clean")
    bench.happen("signal.go")
    bench.settle()
    assert bench.finished == "done"


@pytest.mark.parametrize("span", ["${{ finding.title }}", "${{ finding.count * 1000000000000 }}", "${{ true }}"])
def test_a_span_that_no_calendar_holds_fails_the_step(span: str) -> None:
    bench = Bench(f"- {{id: hold, wait: {{for: [{{event: timer, after: '{span}'}}]}}}}\n")
    assert (bench.finished, bench.state.steps["hold"].code) == ("failed", "E303")


def test_reminders_follow_the_ticket_to_its_new_holder() -> None:
    bench = Bench(f"- {{id: fixed, wait: {{{EVENTS}, remind: {{every: 1d, to: [ticket.assignee]}}}}}}\n")
    bench.wait(86400)
    bench.happen("ticket.reassigned", to="team:mobile")
    bench.wait(86400)
    assert [item.params["to"] for item in bench.pending.values()] == ["user:maria", "team:mobile"]


def test_an_ended_wait_reminds_nobody() -> None:
    remind = "remind: {every: 1d, to: [user:tom]}"
    bench = Bench(f"- {{id: fixed, wait: {{{EVENTS}, {remind}, timeout: 3d}}}}\n- {{id: block, {BLOCK}}}\n")
    bench.happen("finding.rescan_clean")
    assert (bench.wait(10 * 86400), bench.state.timers) == ([], {})
