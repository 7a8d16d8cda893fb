"""Asking people inside a run: exactly these parameters, by these people, in time, or nothing happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from interp_support import ATTACH, BLOCK, TICKET, Bench, plan_of

from stanch.interpreter.messages import ApprovalEnded, AskApproval, Started, TimerFired
from stanch.plan import Mode, Plan

NEED = "need: [{from: [team:appsec]}]"
WHEN = "when: steps.ok.approved"


def semi(asks: str = "", *, block: str = BLOCK, before: str = "", after: str = "", mode: str = "semi") -> Plan:
    """Ask, then block under that approval."""
    words = asks or f"ask: Go, {NEED}, binds: [block], expires: 4h"
    return plan_of(f"{before}- {{id: ok, approve: {{{words}}}}}\n- {{id: block, {block}, {WHEN}}}\n{after}", mode=mode)


def test_nothing_is_done_before_the_yes_and_then_exactly_what_was_asked() -> None:
    bench = Bench(semi())
    request = bench.state.approvals["ok"].request
    assert (bench.acted(), request.action, request.params["host"]) == ([], "block.scope", "api.example.com")
    assert bench.vote("ok", "user:tom").accepted
    command = bench.action("block")
    assert command.params == request.params
    assert command.approval is not None
    assert (command.approval.approval_id, command.approval.digest) == (request.approval_id, request.digest)
    assert command.approval.votes == (("user:tom", "approve"),)
    bench.settle()
    assert (bench.finished, bench.ended) == ("done", [("ok", "approved")])


def test_every_line_must_be_met_by_different_people() -> None:
    bench = Bench(
        semi("ask: Go, need: [{from: [team:appsec], count: 2}, {from: [route.assignee]}], binds: [block], expires: 4h")
    )
    bench.vote("ok", "user:tom")
    bench.vote("ok", "user:maria")
    assert bench.acted() == []
    assert not bench.vote("ok", "user:tom").accepted
    assert bench.acted() == []
    bench.vote("ok", "user:ines")
    assert bench.running() == ["block"]


@pytest.mark.parametrize("who", ["user:eve", "user:maria"])
def test_others_cannot_decide(who: str) -> None:
    bench = Bench(semi())
    assert bench.vote("ok", who).code == "A006"
    assert bench.vote("ok", who, "deny").code == "A006"
    assert (bench.acted(), bench.status("ok")) == ([], "running")


def test_who_asked_for_the_run_never_decides_about_it() -> None:
    bench = Bench(semi(), requested_by="user:tom")
    assert bench.vote("ok", "user:tom").code == "A005"
    bench.vote("ok", "user:ines")
    assert bench.running() == ["block"]


def test_one_no_ends_it() -> None:
    bench = Bench(semi("ask: Go, need: [{from: [team:appsec], count: 2}], binds: [block], expires: 4h"))
    bench.vote("ok", "user:tom")
    bench.vote("ok", "user:ines", "deny")
    assert (bench.acted(), bench.finished) == ([], "done")
    assert bench.ended == [("ok", "rejected")]
    assert (bench.status("ok"), bench.status("block")) == ("rejected", "skipped")


def test_silence_is_a_no_with_its_own_reason() -> None:
    bench = Bench(semi())
    bench.wait(4 * 3600)
    assert (bench.acted(), bench.finished, bench.ended) == ([], "done", [("ok", "expired")])
    assert bench.state.steps["ok"].outputs["because"] == "timeout"
    assert not bench.vote("ok", "user:tom").accepted
    assert bench.acted() == []


def test_without_a_when_the_change_is_still_not_made() -> None:
    bench = Bench(
        plan_of(
            f"- {{id: ok, approve: {{ask: Go, {NEED}, binds: [block], expires: 1h}}}}\n- {{id: block, {BLOCK}}}\n",
            mode="semi",
        )
    )
    bench.vote("ok", "user:tom", "deny")
    assert (bench.acted(), bench.state.steps["block"].code) == ([], "A010")


def test_a_change_beside_its_open_approval_is_not_made() -> None:
    steps = (
        f"- id: both\n  parallel:\n  - {{id: ok, approve: {{ask: Go, {NEED}, binds: [block], expires: 1h}}}}\n"
        f"  - {{id: block, {BLOCK}}}\n"
    )
    bench = Bench(plan_of(steps, mode="semi"))
    assert bench.acted() == []
    bench.vote("ok", "user:tom")
    assert bench.acted() == []


def test_options_are_chosen_and_lead_to_their_branch() -> None:
    steps = (
        f"- {{id: pick, approve: {{ask: Which, {NEED}, options: [keep, lift], on_timeout: lift, expires: 2h}}}}\n"
        f"- {{id: kept, {TICKET}, when: steps.pick.outputs.choice == 'keep'}}\n"
        f"- {{id: lifted, {TICKET}, when: steps.pick.outputs.choice == 'lift'}}\n"
    )
    bench = Bench(steps)
    assert bench.vote("pick", "user:tom", "approve").code == "A007"
    bench.vote("pick", "user:tom", "keep")
    assert (bench.running(), bench.ended) == (["kept"], [("pick", "keep")])
    silent = Bench(steps)
    silent.wait(2 * 3600)
    assert silent.running() == ["lifted"]
    assert silent.state.steps["pick"].outputs["because"] == "timeout"


def test_a_choice_by_itself_never_lets_a_bound_change_run() -> None:
    steps = (
        f"- {{id: ok, approve: {{ask: Which, {NEED}, binds: [block], options: [keep], on_timeout: keep, "
        f"expires: 2h}}}}\n- {{id: block, {BLOCK}}}\n"
    )
    bench = Bench(plan_of(steps, mode="semi"))
    bench.wait(2 * 3600)
    assert bench.acted() == []


READ = "do: traffic.usage, with: {host: api.example.com}"
LATER = 'do: block.scope, with: {host: api.example.com, path: "/${{ steps.look.ok }}", ttl: 4h}'


def superseding(*, inside: bool = False) -> Plan:
    """The block's path says whether `look` has run, which it has not when people are asked."""
    asked = f"{{id: ok, approve: {{ask: Go, {NEED}, binds: [block], expires: 4h}}}}"
    asks = f"- {{id: maybe, choose: [{{when: finding.count == 3, steps: [{asked}]}}]}}\n" if inside else f"- {asked}\n"
    return plan_of(f"{asks}- {{id: look, {READ}}}\n- {{id: block, {LATER}, {WHEN}}}\n", mode="semi")


@pytest.mark.parametrize("inside", [False, True])
def test_consent_to_other_parameters_is_asked_for_again(inside: bool) -> None:
    bench = Bench(superseding(inside=inside))
    first = bench.state.approvals["ok"].request
    assert first.params["path"] == "/false"
    bench.vote("ok", "user:tom")
    bench.done("look")
    second = bench.state.approvals["ok"].request
    assert (bench.asked, second.params["path"], bench.acted()) == (["ok", "ok"], "/true", ["traffic.usage"])
    assert first.approval_id != second.approval_id
    assert bench.vote("ok", "user:tom", approval_id=first.approval_id, digest=first.digest).code == "A001"
    assert bench.vote("ok", "user:tom", digest=first.digest).code == "A002"
    assert "block.scope" not in bench.acted()
    bench.vote("ok", "user:tom")
    assert bench.action("block").params["path"] == "/true"
    bench.settle()
    assert bench.finished == "done"


def test_parameters_that_never_stand_still_are_not_asked_about_for_ever() -> None:
    block = 'do: block.scope, with: {host: api.example.com, path: "/${{ string(now) }}", ttl: 4h}'
    bench = Bench(semi(block=block))
    for _ in range(10):
        if bench.finished:
            break
        bench.wait(60)
        bench.vote("ok", "user:tom")
    assert (bench.finished, bench.acted(), len(bench.asked)) == ("failed", [], 5)


def test_the_card_shows_what_is_known_and_says_what_is_not() -> None:
    show = "show: [steps.look.outputs, finding.actor.user_id]"
    bench = Bench(semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, {show}", before=f"- {{id: look, {READ}}}\n"))
    bench.done("look", requests=12)
    shown = dict(bench.state.approvals["ok"].request.shown)
    assert shown["look requests"] == "12"
    assert shown["finding.actor.user_id"] == "not available"


@pytest.mark.parametrize(("asks", "ends"), [(1, "very far away"), (2, "and, at last, what matters")])
def test_a_fact_is_whole_whatever_its_length(asks: int, ends: str) -> None:
    """Words that decide may stand at the end; older runs ask as they did, since their requests are made again."""
    said = "very far away".rjust(200, "-") + " and, at last, what matters"
    bench = Bench(semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, show: [finding.title]"), start=False)
    bench.context = replace(bench.context, asks=asks, finding={**bench.context.finding, "title": said})
    bench.feed(Started(now=bench.now))
    shown = dict(bench.state.approvals["ok"].request.shown)["finding.title"]
    assert shown.endswith(ends)


@pytest.mark.parametrize("said", ["Rows?\n\nTargets:\nnone at all", "Rows?\r\nTargets:\u2028none at all"])
@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        ("${{ finding.title }}", ["Rows?"]),
        ("Block it?\\nBecause: ${{ finding.title }}", ["Block it?", "Because: Rows?"]),
    ],
)
def test_words_of_a_finding_cannot_look_like_facts_of_ours(ask: str, wanted: list[str], said: str) -> None:
    """On a card a fact is a label, a colon and its value on the next line."""
    bench = Bench(semi(f'ask: "{ask}", {NEED}, binds: [block], expires: 4h'), start=False)
    bench.context = replace(bench.context, finding={**bench.context.finding, "title": said})
    bench.feed(Started(now=bench.now))
    lines = bench.state.approvals["ok"].request.question.splitlines()
    assert [line.partition(" ↵ ")[0] for line in lines] == wanted
    assert lines[-1].endswith("none at all")


def test_a_fact_that_has_to_be_cut_says_so() -> None:
    bench = Bench(semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, show: [finding.title]"), start=False)
    bench.context = replace(bench.context, finding={**bench.context.finding, "title": "x" * 4010})
    bench.feed(Started(now=bench.now))
    shown = dict(bench.state.approvals["ok"].request.shown)["finding.title"]
    assert shown == "x" * 4000 + " [cut: 10 more characters]"


def test_an_approval_that_nobody_can_give_fails_and_changes_nothing() -> None:
    bench = Bench(semi(), people={})
    assert (bench.finished, bench.state.steps["ok"].code, bench.asked) == ("failed", "P207", [])


def test_lists_in_the_route_are_approvers_too() -> None:
    bench = Bench(
        semi("ask: Go, need: [{from: [route.cc]}, {from: [route.owner.members]}], binds: [block], expires: 1h")
    )
    needs = bench.state.approvals["ok"].request.needs
    assert [need.from_ for need in needs] == [("user:boss", "user:maria"), ("user:lead", "user:maria")]


def test_reminders_and_escalations_come_until_somebody_decides() -> None:
    bench = Bench(
        semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, remind: 1h, escalate: [{{after: 90m, to: [user:boss]}}]")
    )
    bench.wait(2 * 3600 + 1)
    sent = [(item.purpose, item.params["to"]) for item in bench.pending.values()]
    both = [("reminder", "user:tom"), ("reminder", "user:ines")]
    assert sent == [*both, ("escalation", "user:boss"), *both]
    bench.vote("ok", "user:tom")
    assert bench.wait(3600) == []


@pytest.mark.parametrize(("asks", "after"), [(1, [("escalation", "user:boss")]), (2, [])])
def test_between_its_end_and_its_ringing_nobody_is_asked(asks: int, after: list[tuple[str, str]]) -> None:
    """A run pinned before ends rang late goes as it went."""
    escalated = "remind: 14401s, escalate: [{after: 14402s, to: [user:boss]}]"
    bench = Bench(semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, {escalated}"))
    bench.context = replace(bench.context, asks=asks)
    bench.now += timedelta(hours=4, seconds=2)
    bench.feed(TimerFired(now=bench.now, ref="ok|escalate#0"))
    assert [(item.purpose, item.params["to"]) for item in bench.pending.values()] == after
    bench.feed(TimerFired(now=bench.now, ref="ok|remind"))
    assert [item.purpose for item in bench.pending.values()].count("reminder") == (2 if asks == 1 else 0)


def test_a_failed_reminder_is_told_and_harms_nothing() -> None:
    bench = Bench(semi(f"ask: Go, {NEED}, binds: [block], expires: 4h, remind: 1h"))
    bench.wait(3600)
    bench.fail("chat.message")
    bench.vote("ok", "user:tom")
    bench.settle()
    assert bench.finished == "done"
    assert bench.state.problems


def test_with_changes_switched_off_nobody_is_asked_about_them() -> None:
    bench = Bench(semi(), mode=Mode.MANUAL)
    assert (bench.asked, bench.acted(), bench.finished) == ([], [], "done")
    assert bench.state.steps["ok"].code == "M001"


# -- gates of a limited automatic run ----------------------------------------------------------------------------------


def test_an_automatic_run_that_is_limited_asks_before_each_change() -> None:
    bench = Bench(f"- {{id: look, {READ}}}\n- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}}}\n", mode=Mode.SEMI)
    bench.done("look")
    assert (bench.asked, bench.acted()) == (["attach:gate"], ["traffic.usage"])
    bench.vote("attach:gate", "user:tom")
    assert bench.action("attach").approval is not None
    bench.done("attach")
    assert bench.asked == ["attach:gate", "block:gate"]
    bench.vote("block:gate", "user:lead", "deny")
    assert (bench.finished, bench.changes()) == ("done", [("attach", "open")])


def test_a_gate_that_nobody_answers_skips_the_change() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n", mode=Mode.SEMI)
    bench.wait(4 * 3600)
    assert (bench.finished, bench.acted(), bench.ended) == ("done", [], [("attach:gate", "expired")])


def test_a_gate_consents_to_what_is_done_and_to_nothing_else() -> None:
    block = 'do: block.scope, with: {host: api.example.com, path: "/${{ string(now) }}", ttl: 4h}'
    bench = Bench(f"- {{id: block, {block}}}\n", mode=Mode.SEMI)
    bench.wait(60)
    bench.vote("block:gate", "user:tom")
    assert (bench.acted(), bench.asked) == ([], ["block:gate", "block:gate"])
    bench.vote("block:gate", "user:tom")
    assert bench.acted() == ["block.scope"]


def test_manual_changes_nothing_at_all() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}}}\n", mode=Mode.MANUAL)
    assert (bench.acted(), bench.asked, bench.finished) == ([], [], "done")
    assert bench.state.steps["attach"].code == "M001"


def test_a_change_that_a_guard_refuses_to_a_run_alone_is_asked_for_once() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n")
    bench.fail("attach", code="G104")
    assert bench.asked == ["attach:gate"]
    bench.vote("attach:gate", "user:tom")
    assert bench.action("attach").approval is not None
    bench.fail("attach", code="G104")
    assert (bench.asked, bench.finished) == (["attach:gate"], "failed")


def test_a_gated_item_of_a_loop_runs_after_the_yes() -> None:
    loop = "foreach: {in: '${{ finding.labels }}', max_parallel: 1}"
    bench = Bench(
        f'- {{id: each, do: block.scope, with: {{host: api.example.com, path: "/${{{{ item }}}}"}}, {loop}}}\n'
    )
    bench.fail("each#0", code="G104")
    assert (bench.asked, bench.running()) == (["each#0:gate"], [])
    bench.vote("each#0:gate", "user:tom")
    bench.settle()
    assert bench.finished == "done"
    assert [path for path, _ in bench.changes()] == ["each#0", "each#1", "each#2"]


# -- withdrawal --------------------------------------------------------------------------------------------------------


def test_a_request_of_a_run_that_ends_is_withdrawn_and_cannot_be_given_any_more() -> None:
    bench = Bench(semi())
    bench.cancel()
    assert (bench.finished, bench.ended) == ("cancelled", [("ok", "withdrawn")])
    assert bench.vote("ok", "user:tom").code == "A003"
    assert bench.acted() == []


def test_a_vote_that_arrives_while_all_is_taken_back_starts_nothing() -> None:
    asks = f"approve: {{ask: Go, {NEED}, binds: [block], expires: 4h}}"
    both = f"- id: both\n  parallel:\n  - {{id: attach, {ATTACH}}}\n  - {{id: ok, {asks}}}\n"
    bench = Bench(f"{both}- {{id: block, {BLOCK}, {WHEN}}}\n")
    bench.cancel()
    assert bench.ended == [("ok", "withdrawn")]
    assert not bench.vote("ok", "user:tom").accepted
    bench.done("attach")
    bench.settle()
    assert bench.acted("do", "renewed") == ["policy.attach"]
    assert (bench.finished, bench.status("ok"), bench.changes()) == ("cancelled", "rejected", [("attach", "undone")])


def test_stop_withdraws_what_is_still_open() -> None:
    steps = (
        f"- id: both\n  parallel:\n  - {{id: ok, approve: {{ask: Go, {NEED}, expires: 4h}}}}\n"
        "  - {id: hold, wait: {for: [{event: ticket.resolved}], remind: {every: 1h, to: [user:tom]}}}\n"
        f"  - id: both2\n    parallel: [{{id: look, {READ}}}]\n"
        "    on_failure: {do: [{id: halt, stop: {}}], then: continue}\n"
    )
    bench = Bench(plan_of(steps))
    bench.fail("look")
    assert (bench.finished, bench.ended, bench.state.timers) == ("done", [("ok", "withdrawn")], {})


def test_each_request_is_shown_once_and_ended_once() -> None:
    bench = Bench(superseding())
    for _ in range(2):
        bench.vote("ok", "user:tom")
        bench.settle()
    shown = [item.request.approval_id for item in bench.of(AskApproval)]
    ended = [item.request.approval_id for item in bench.of(ApprovalEnded)]
    assert shown == ended
    assert len(set(shown)) == 2
