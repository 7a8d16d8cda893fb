"""Each kind of step and each modifier of the walk, through `advance` alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from interp_support import ATTACH, BLOCK, TICKET, Bench, plan_of

from stanch.interpreter.core import UnknownCore, advance
from stanch.interpreter.messages import ActionDone, ActionFailed, Happened, Started, TimerFired
from stanch.interpreter.state import CoreState
from stanch.plan import Mode

USAGE = "do: traffic.usage, with: {host: api.example.com}"


def test_steps_run_from_top_to_bottom_and_the_run_ends_with_its_outputs() -> None:
    bench = Bench(
        plan_of(
            f"- {{id: look, {USAGE}}}\n- {{id: again, {USAGE}}}\n",
            mode="manual",
            rest='outputs: {seen: "${{ steps.look.outputs.requests }}", none: "${{ finding.count / 0 }}"}',
        )
    )
    assert bench.running() == ["look"]
    bench.done("look", requests=7)
    assert bench.running() == ["again"]
    bench.done("again")
    assert bench.finished == "done"
    assert bench.state.outputs == {"seen": 7, "none": None}


def test_a_parameter_that_does_not_fit_fails_the_step_and_names_the_field_only() -> None:
    bench = Bench("- {id: block, do: block.scope, with: {host: api.example.com, ttl: a secret word}}\n")
    assert bench.finished == "failed"
    assert bench.state.steps["block"].code == "P105"
    assert "ttl" in bench.state.problems[0]
    assert "secret word" not in str(bench.state.model_dump())


def test_a_value_that_cannot_be_made_fails_closed() -> None:
    bench = Bench('- {id: block, do: block.scope, with: {host: "${{ finding.actor.user_id }}", ttl: 1h}}\n')
    assert (bench.finished, bench.acted()) == ("failed", [])


@pytest.mark.parametrize("when", ["finding.count > 5", "finding.count / 0 == 1", "has(finding.actor.user_id)"])
def test_a_step_whose_when_is_not_true_does_not_run(when: str) -> None:
    bench = Bench(f'- {{id: block, {BLOCK}, when: "{when}", otherwise: [{{id: other, {USAGE}}}]}}\n')
    assert "block.scope" not in bench.acted()
    assert bench.finished == "failed" if "/ 0" in when else bench.running() == ["other"]


def test_otherwise_runs_only_in_place_of_a_skipped_step() -> None:
    steps = f"- {{id: block, {BLOCK}, when: finding.count == 3, otherwise: [{{id: other, {USAGE}}}]}}\n"
    bench = Bench(steps)
    bench.settle()
    assert bench.acted() == ["block.scope"]
    assert bench.finished == "done"


def test_set_gives_variables_to_later_steps() -> None:
    steps = (
        "- {id: name, set: {ttl: \"${{ finding.count > 2 ? '3h' : '1h' }}\"}}\n"
        '- {id: block, do: block.scope, with: {host: api.example.com, ttl: "${{ vars.ttl }}"}}\n'
    )
    bench = Bench(plan_of(steps, rest="vars: {ttl: 5h}"))
    assert (
        bench.action("block").params["ttl"]
        == Bench(f"- {{id: block, {BLOCK.replace('4h', '3h')}}}\n").action("block").params["ttl"]
    )


def test_data_is_never_evaluated_as_an_expression() -> None:
    steps = '- {id: tell, do: chat.message, with: {to: "user:tom", text: "${{ steps.look.outputs.coverage }}"}}\n'
    bench = Bench(f"- {{id: look, {USAGE}}}\n{steps}")
    bench.done("look", coverage="${{ 1 + 1 }}")
    assert bench.action("tell").params["text"] == "${{ 1 + 1 }}"


@pytest.mark.parametrize(("status", "ended", "changes"), [("done", "done", "open"), ("failed", "failed", "undone")])
def test_stop_ends_the_run_where_it_stands(status: str, ended: str, changes: str) -> None:
    stop = f"- {{id: halt, stop: {{status: {status}, reason: 'seen ${{{{ finding.count }}}} times'}}}}\n"
    bench = Bench(f"- {{id: block, {BLOCK}}}\n{stop}- {{id: never, {ATTACH}}}\n")
    bench.settle()
    assert bench.finished == ended
    assert bench.state.reason == "seen 3 times"
    assert bench.changes() == [("block", changes)]
    assert "policy.attach" not in bench.acted()


def test_stop_inside_parallel_stops_the_run() -> None:
    bench = Bench(
        f"- id: both\n  parallel:\n  - {{id: halt, stop: {{}}}}\n  - {{id: wait1, wait: {{for: "
        f"[{{event: ticket.resolved}}]}}}}\n- {{id: never, {ATTACH}}}\n"
    )
    assert bench.finished == "done"
    assert bench.acted() == []


def test_choose_takes_the_first_true_branch_and_only_that() -> None:
    steps = (
        "- id: pick\n  choose:\n"
        f"  - {{when: finding.count > 5, steps: [{{id: a, {ATTACH}}}]}}\n"
        f"  - {{when: finding.count > 2, steps: [{{id: b, {USAGE}}}]}}\n"
        f"  - {{otherwise: [{{id: c, {ATTACH}}}]}}\n"
    )
    bench = Bench(steps)
    assert bench.running() == ["b"]
    bench.settle()
    assert (bench.finished, bench.status("pick"), bench.status("a")) == ("done", "ok", "unseen")


INSIDE = f"[{{id: a, {ATTACH}}}]"


@pytest.mark.parametrize("group", [f"parallel: {INSIDE}", f"choose: [{{otherwise: {INSIDE}}}]"])
@pytest.mark.parametrize("when", ["finding.count > 5", "finding.count / 0 == 1"])
def test_a_group_is_entered_only_where_its_when_is_true(group: str, when: str) -> None:
    bench = Bench(f"- {{id: group, {group}, when: '{when}', on_failure: continue}}\n- {{id: look, {USAGE}}}\n")
    assert bench.acted() == ["traffic.usage"]


def test_choose_without_a_true_branch_is_skipped() -> None:
    bench = Bench(f"- {{id: pick, choose: [{{when: finding.count > 5, steps: [{{id: a, {ATTACH}}}]}}]}}\n")
    assert (bench.finished, bench.status("pick")) == ("done", "skipped")


def test_the_branch_is_chosen_once_even_if_the_world_changes() -> None:
    steps = (
        "- {id: name, set: {n: 1}}\n"
        f"- {{id: pick, choose: [{{when: vars.n == 1, steps: [{{id: a, {USAGE}}}, {{id: two, set: {{n: 2}}}}, "
        f"{{id: b, {USAGE}}}]}}, {{otherwise: [{{id: c, {ATTACH}}}]}}]}}\n"
    )
    bench = Bench(steps)
    bench.settle()
    assert bench.acted() == ["traffic.usage", "traffic.usage"]


def test_parallel_runs_all_and_fails_when_the_last_has_ended() -> None:
    steps = f"- {{id: both, parallel: [{{id: a, {BLOCK}}}, {{id: b, {USAGE}}}]}}\n- {{id: after, {USAGE}}}\n"
    bench = Bench(steps)
    assert bench.running() == ["a", "b"]
    bench.fail("b")
    assert bench.running() == ["a"]
    bench.done("a")
    assert bench.acted("undo") == ["block.lift"]
    bench.settle()
    assert (bench.finished, bench.status("after")) == ("failed", "unseen")


def test_on_failure_continue_goes_on() -> None:
    bench = Bench(f"- {{id: look, {USAGE}, on_failure: continue}}\n- {{id: block, {BLOCK}}}\n")
    bench.fail("look")
    bench.settle()
    assert (bench.finished, bench.changes()) == ("done", [("block", "open")])
    assert bench.state.problems


@pytest.mark.parametrize(("then", "ended"), [("fail", "failed"), ("continue", "done")])
def test_on_failure_steps_run_before_the_run_goes_on_or_fails(then: str, ended: str) -> None:
    failure = f"{{do: [{{id: note, {USAGE}}}], then: {then}}}"
    bench = Bench(f"- {{id: block, {BLOCK}}}\n- {{id: look, {USAGE}, on_failure: {failure}}}\n")
    bench.done("block")
    bench.fail("look")
    assert bench.running() == ["note"]
    bench.settle()
    assert bench.finished == ended
    assert bench.changes() == [("block", "open" if ended == "done" else "undone")]


def test_on_reject_steps_run_after_a_no() -> None:
    asks = "approve: {ask: Go, need: [{from: [team:appsec]}], expires: 1h}"
    bench = Bench(f"- {{id: ok, {asks}, on_reject: [{{id: note, {USAGE}}}]}}\n- {{id: after, {USAGE}}}\n")
    bench.vote("ok", "user:tom", "deny")
    assert (bench.status("ok"), bench.running()) == ("rejected", ["note"])
    bench.settle()
    assert bench.finished == "done"


def test_a_slow_tracker_holds_up_nothing_and_is_settled_before_the_end() -> None:
    bench = Bench(f"- {{id: ticket, {TICKET}}}\n- {{id: block, {BLOCK}}}\n")
    assert bench.running() == ["ticket", "block"]
    bench.done("block")
    assert bench.finished == ""
    bench.done("ticket")
    assert bench.finished == "done"


def test_a_failed_tracker_fails_nothing() -> None:
    bench = Bench(f"- {{id: ticket, {TICKET}}}\n- {{id: block, {BLOCK}}}\n")
    bench.fail("ticket")
    bench.done("block")
    assert (bench.finished, bench.changes()) == ("done", [("block", "open")])


def test_what_waits_for_a_slow_tracker_is_done_before_the_end() -> None:
    tell = 'do: chat.message, with: {to: "user:tom", text: "${{ steps.ticket.outputs.key }}"}'
    bench = Bench(f"- {{id: ticket, {TICKET}}}\n- {{id: tell, {tell}}}\n- {{id: block, {BLOCK}}}\n")
    bench.done("block")
    bench.done("ticket", key="T-9")
    assert bench.running() == ["tell"]
    bench.settle()
    assert (bench.finished, bench.status("tell")) == ("done", "ok")


def test_a_failed_tracker_fails_nothing_not_even_with_its_own_failing_steps() -> None:
    failing = f"on_failure: {{do: [{{id: look, {USAGE}}}], then: fail}}"
    bench = Bench(f"- {{id: ticket, {TICKET}, {failing}}}\n- {{id: block, {BLOCK}}}\n")
    bench.fail("ticket")
    bench.fail("look")
    bench.done("block")
    assert (bench.finished, bench.changes()) == ("done", [("block", "open")])


def test_a_step_that_reads_an_alongside_step_waits_for_it() -> None:
    tell = 'do: chat.message, with: {to: "user:tom", text: "${{ steps.ticket.outputs.key }}"}'
    bench = Bench(f"- {{id: ticket, {TICKET}}}\n- {{id: tell, {tell}}}\n- {{id: block, {BLOCK}}}\n")
    assert bench.running() == ["ticket", "block"]
    bench.done("ticket", key="T-9")
    assert bench.action("tell").params["text"] == "T-9"


def test_finally_waits_for_what_it_reads_also_after_a_failure() -> None:
    tell = 'do: ticket.comment, with: {key: "${{ steps.ticket.outputs.key }}", text: over}'
    plan = plan_of(f"- {{id: ticket, {TICKET}}}\n- {{id: look, {USAGE}}}\n", rest=f"finally: [{{id: tell, {tell}}}]")
    bench = Bench(plan)
    bench.fail("look")
    bench.happen("signal.other")
    assert bench.running() == ["ticket"]
    assert bench.finished == ""
    bench.done("ticket", key="T-9")
    assert bench.action("tell").params["key"] == "T-9"
    bench.settle()
    assert bench.finished == "failed"


def test_finally_does_not_wait_for_items_that_never_start() -> None:
    loop = "foreach: {in: '${{ finding.labels }}', max_parallel: 1}"
    each = f'{{id: each, do: chat.message, with: {{to: "user:tom", text: "${{{{ item }}}}"}}, {loop}}}'
    tell = "do: chat.message, with: {to: \"user:tom\", text: \"${{ steps.each.ok ? 'all' : 'not all' }}\"}"
    bench = Bench(plan_of(f"- {each}\n- {{id: look, {USAGE}}}\n", rest=f"finally: [{{id: tell, {tell}}}]"))
    bench.fail("look")
    bench.done("each#0")
    assert bench.action("tell").params["text"] == "not all"
    bench.settle()
    assert bench.finished == "failed"


@pytest.mark.parametrize("how", ["done", "fail", "cancel"])
def test_finally_runs_however_the_run_ends_and_after_the_undo(how: str) -> None:
    bench = Bench(
        plan_of(f"- {{id: block, {BLOCK}}}\n- {{id: look, {USAGE}}}\n", rest=f"finally: [{{id: x, {TICKET}}}]")
    )
    bench.done("block")
    {"done": lambda: bench.done("look"), "fail": lambda: bench.fail("look"), "cancel": bench.cancel}[how]()
    if how != "done":
        bench.settle(but=("x",))
        assert bench.changes() == [("block", "undone")]
    assert bench.running() == ["x"]
    bench.settle()
    assert bench.finished == {"done": "done", "fail": "failed", "cancel": "cancelled"}[how]


@pytest.mark.parametrize("guard", ["finding.count == 1", "finding.count / 0 == 1"])
def test_a_guard_that_is_not_true_fails_the_run_before_anything(guard: str) -> None:
    bench = Bench(plan_of(f"- {{id: block, {BLOCK}}}\n", rest=f'guard: ["{guard}"]'))
    assert (bench.finished, bench.acted()) == ("failed", [])


# -- foreach -----------------------------------------------------------------------------------------------------------

LOOP = "foreach: {in: '${{ finding.labels }}', as: label, max_parallel: 2}"
EACH = f'id: each, do: block.scope, with: {{host: api.example.com, path: "/${{{{ label }}}}", ttl: 4h}}, {LOOP}'


def test_items_run_bounded_and_the_step_ends_with_the_last() -> None:
    bench = Bench(f"- {{{EACH}}}\n")
    assert bench.running() == ["each#0", "each#1"]
    bench.done("each#1")
    assert bench.running() == ["each#0", "each#2"]
    assert [bench.action(path).params["path"] for path in ("each#0", "each#2")] == ["/one", "/three"]
    bench.settle()
    assert bench.finished == "done"
    assert len(bench.state.steps["each"].outputs["items"]) == 3


def test_one_bad_item_fails_the_step_when_all_have_ended_and_all_is_undone() -> None:
    bench = Bench(f"- {{{EACH}}}\n")
    bench.fail("each#0")
    bench.done("each#1")
    assert bench.running() == ["each#2"]
    bench.settle()
    assert bench.finished == "failed"
    assert bench.changes() == [("each#1", "undone"), ("each#2", "undone")]
    assert bench.acted("undo") == ["block.lift", "block.lift"]


def test_an_item_whose_proof_fails_takes_back_only_its_own_change() -> None:
    check = 'verify: {do: probe.expect_blocked, with: {path: "/${{ label }}"}}, on_failure: continue'
    bench = Bench(f"- {{{EACH}, {check}}}\n")
    bench.done("each#0")
    bench.done("each#1")
    assert bench.action("each#1").params["path"] == "/two"
    bench.done("each#1|verify|1")
    bench.fail("each#0|verify|1")
    bench.settle()
    assert bench.finished == "done"
    assert dict(bench.changes()) == {"each#0": "undone", "each#1": "open", "each#2": "open"}


def test_too_many_items_or_no_list_run_nothing() -> None:
    few = EACH.replace("max_parallel: 2", "max_items: 2")
    assert Bench(f"- {{{few}}}\n").state.steps["each"].code == "E304"
    word = EACH.replace("${{ finding.labels }}", "${{ finding.title }}")
    assert Bench(f"- {{{word}}}\n").acted() == []


def test_no_items_is_well_done() -> None:
    empty = EACH.replace("${{ finding.labels }}", "${{ finding.labels.filter(x, false) }}")
    assert Bench(f"- {{{empty}}}\n").finished == "done"


def test_an_own_undo_knows_the_item() -> None:
    own = 'undo: {do: block.lift, with: {lease_id: "${{ label }}-0123456789"}}'
    bench = Bench(f"- {{{EACH}, {own}}}\n- {{id: look, {USAGE}}}\n")
    for path in ("each#0", "each#1", "each#2"):
        bench.done(path)
    bench.fail("look")
    assert bench.action("block.lift").params == {"lease_id": "three-0123456789"}


def test_every_item_of_a_limited_run_asks_for_itself() -> None:
    bench = Bench(f"- {{{EACH}}}\n", mode=Mode.SEMI)
    assert (bench.asked, bench.acted()) == (["each#0:gate", "each#1:gate"], [])
    bench.vote("each#0:gate", "user:tom")
    assert bench.running() == ["each#0"]
    bench.vote("each#1:gate", "user:tom", "deny")
    assert bench.asked[-1] == "each#2:gate"
    bench.vote("each#2:gate", "user:tom")
    bench.settle()
    assert bench.finished == "done"
    assert [path for path, _ in bench.changes()] == ["each#0", "each#2"]


# -- events that change nothing ----------------------------------------------------------------------------------------


def test_late_double_and_unknown_events_change_nothing() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n- {{id: hold, wait: {{for: [{{event: timer, after: 1h}}]}}}}\n")
    bench.done("block")
    before = bench.state
    for event in (
        ActionDone(now=bench.now, ref="block|do|1", outputs={"lease_id": "other"}),
        ActionFailed(now=bench.now, ref="block|do|1", outcome="UNCERTAIN"),
        ActionDone(now=bench.now, ref="nobody|do|1"),
        TimerFired(now=bench.now, ref="nobody|timeout"),
    ):
        assert bench.feed(event) == []
    assert bench.state == before
    bench.happen("lease.ended", lease_id="not ours", state="expired")
    assert bench.changes() == [("block", "open")]


def test_a_timer_that_rings_early_is_not_lost() -> None:
    bench = Bench("- {id: hold, wait: {for: [{event: timer, after: 1h}]}}\n")
    assert bench.feed(TimerFired(now=bench.now, ref="hold|after#0")) == []
    bench.wait(3600)
    assert bench.finished == "done"


def test_after_the_end_nothing_moves_but_the_end_of_a_block_is_still_seen() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    bench.done("block")
    assert bench.finished == "done"
    assert bench.cancel() == []
    assert bench.feed(Started(now=bench.now)) == []
    lease = bench.state.changes[0].outputs["lease_id"]
    bench.happen("lease.ended", lease_id=lease, state="expired")
    assert bench.changes() == [("block", "ended")]
    assert bench.state.status.value == "done"


def test_data_of_an_event_may_use_any_words() -> None:
    bench = Bench("- {id: hold, wait: {for: [{event: signal, name: go}]}}\n")
    bench.happen("ticket.reassigned", to="user:tom", step="x", event="y", path="z")
    bench.happen("signal.other", self="a")
    assert "signal.other" not in bench.state.facts
    bench.happen("signal.go", kind="note")
    assert bench.finished == "done"


def test_what_is_remembered_does_not_grow_without_end() -> None:
    bench = Bench("- {id: hold, wait: {for: [{event: signal, name: go}], remind: {every: 1h, to: [user:tom]}}}\n")
    for number in range(150):
        bench.wait(3600)
        bench.fail("hold", reason="x" * 5000)
        bench.happen(f"signal.{number}")
    assert len(bench.state.problems) == 100
    assert max(map(len, bench.state.problems)) <= 300
    assert len(bench.state.facts) == 0
    assert len(bench.state.model_dump_json()) < 64 * 1024


def test_an_unknown_core_is_refused_and_never_guessed() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    with pytest.raises(UnknownCore):
        advance(bench.context, bench.state.model_copy(update={"core": 99}), Started(now=bench.now))


def test_keys_differ_by_case_episode_round_and_step_and_are_stable() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    same = Bench(f"- {{id: block, {BLOCK}}}\n")
    assert bench.action("block").key == same.action("block").key
    other = {bench.action("block").key}
    base = bench.context
    for changed in (replace(base, case_id="c2"), replace(base, episode="e2"), replace(base, round=1)):
        _, commands = advance(changed, CoreState(), Started(now=bench.now))
        other |= {getattr(command, "key", "") for command in commands} - {""}
    assert len(other) == 4


def test_time_passes_only_with_events() -> None:
    bench = Bench("- {id: hold, wait: {for: [{event: timer, after: 1h}]}}\n")
    event = Happened(now=bench.now + timedelta(days=300), event="ticket.reopened")
    bench.feed(event)
    assert bench.status("hold") == "running"
