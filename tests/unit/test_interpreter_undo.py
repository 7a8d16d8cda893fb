"""Changes are proved, and taken back newest first, once each, whatever ends the run and whenever."""

from __future__ import annotations

import pytest
from interp_support import ATTACH, BLOCK, TICKET, Bench, plan_of

from stanch.interpreter.messages import ActionDone

READ = "do: traffic.usage, with: {host: api.example.com}"
PROBE = "verify: {do: probe.expect_blocked, within: 1m}"
TWO = f"- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}}}\n- {{id: look, {READ}}}\n"


def two_changes() -> Bench:
    bench = Bench(TWO)
    bench.done("attach")
    bench.done("block")
    return bench


def test_a_change_is_proved_on_what_it_made() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}, {PROBE}}}\n")
    bench.done("block")
    probe = bench.action("probe.expect_blocked")
    assert probe.subject["action"] == "block.scope"
    assert probe.subject["outputs"]["lease_id"] == bench.state.changes[0].outputs["lease_id"]
    assert bench.finished == ""
    bench.done("block", proof={"status": "403"})
    assert (bench.finished, bench.state.steps["block"].outputs["verified"]) == ("done", True)


def test_without_proof_its_own_change_goes_first_then_all_others_newest_first() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: first, {BLOCK}}}\n- {{id: block, {BLOCK}, {PROBE}}}\n")
    for path in ("attach", "first", "block"):
        bench.done(path)
    bench.fail("probe.expect_blocked")
    order = []
    while bench.pending:
        order.append(bench.running()[0])
        bench.done(order[-1])
    assert order == ["block", "first", "attach"]
    assert bench.finished == "failed"


def test_a_failed_proof_that_may_continue_takes_back_only_its_own_change() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}, {PROBE}, on_failure: continue}}\n")
    bench.done("attach")
    bench.done("block")
    bench.fail("probe.expect_blocked")
    bench.settle()
    assert (bench.finished, bench.changes()) == ("done", [("attach", "open"), ("block", "undone")])


def test_a_proof_that_cannot_be_asked_for_counts_as_failed() -> None:
    check = 'verify: {do: probe.expect_blocked, with: {host: "${{ finding.actor.user_id }}"}}'
    bench = Bench(f"- {{id: block, {BLOCK}, {check}}}\n")
    bench.done("block")
    assert bench.acted("undo") == ["block.lift"]


def test_a_group_is_proved_once_and_taken_back_as_a_whole() -> None:
    inner = f"{{id: a, {ATTACH}}}, {{id: b, {BLOCK}}}"
    bench = Bench(f"- {{id: both, parallel: [{inner}], {PROBE}}}\n")
    bench.done("a")
    bench.done("b")
    assert bench.acted("verify") == ["probe.expect_blocked"]
    bench.fail("both")
    bench.settle()
    assert bench.finished == "failed"
    assert sorted(bench.acted("undo")) == ["block.lift", "policy.detach"]


def test_a_group_that_changed_nothing_needs_no_proof() -> None:
    bench = Bench(f"- {{id: pick, choose: [{{when: finding.count == 3, steps: [{{id: a, {READ}}}]}}], {PROBE}}}\n")
    bench.done("a")
    assert bench.finished == "done"


def test_what_was_there_before_is_not_ours_to_take_back() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: look, {READ}}}\n")
    bench.done("attach", already=True)
    bench.fail("look")
    assert (bench.finished, bench.acted("undo")) == ("failed", [])


def test_a_failure_undoes_one_change_at_a_time_in_reverse() -> None:
    bench = two_changes()
    bench.fail("look")
    assert bench.running() == ["block"]
    assert bench.action("block").params == {"lease_id": bench.state.changes[1].outputs["lease_id"]}
    bench.done("block")
    assert bench.running() == ["attach"]
    bench.done("attach")
    assert (bench.finished, bench.changes()) == ("failed", [("attach", "undone"), ("block", "undone")])


def test_an_own_undo_is_used_instead_of_the_inverse() -> None:
    own = "undo: {do: policy.relax, with: {attachment: '${{ steps.attach.outputs.attachment_id }}', action: count}}"
    bench = Bench(f"- {{id: attach, {ATTACH}, {own}}}\n- {{id: look, {READ}}}\n")
    bench.done("attach", attachment_id="a-7")
    bench.fail("look")
    assert (bench.action("attach").action, bench.action("attach").params["attachment"]) == ("policy.relax", "a-7")


@pytest.mark.parametrize(
    ("undo", "outputs"),
    [("undo: {do: block.lift, with: {lease_id: '${{ steps.block.outputs.proof.id }}'}}", {}), ("undo: auto", None)],
)
def test_a_change_whose_undo_cannot_be_said_stands_visibly_and_fails_the_run(undo: str, outputs: object) -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}, {undo}}}\n")
    bench.done("attach")
    if outputs is None:
        command = bench.action("block")
        bench.feed(ActionDone(now=bench.now, ref=command.ref, outputs={}))
        del bench.pending[command.ref]
    else:
        bench.done("block")
    bench.settle()
    assert bench.finished == "failed"
    assert bench.changes() == [("attach", "undone"), ("block", "stuck")]
    assert bench.state.problems


def test_an_undo_that_is_refused_is_stuck_and_told_and_the_rest_goes_on() -> None:
    bench = two_changes()
    bench.fail("look")
    bench.fail("block", reason="denied")
    assert bench.running() == ["attach"]
    bench.settle()
    assert (bench.finished, bench.changes()) == ("failed", [("attach", "undone"), ("block", "stuck")])
    assert any("could not be taken back" in problem for problem in bench.state.problems)


@pytest.mark.parametrize("outcome", ["UNCERTAIN", "TIMEOUT"])
def test_a_block_that_may_stand_is_released_by_the_id_it_would_have(outcome: str) -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    key = bench.action("block").key
    bench.fail("block", outcome=outcome)
    assert bench.status("block") == "recovering"
    assert bench.action("block").params == {"lease_id": key}
    bench.settle()
    assert (bench.finished, bench.changes()) == ("failed", [("block", "undone")])


def test_a_refused_block_leaves_nothing_to_release() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    bench.fail("block", outcome="REJECTED")
    assert (bench.finished, bench.changes(), bench.acted("undo")) == ("failed", [], [])


def test_a_change_of_unknown_outcome_that_has_no_id_is_left_to_a_person() -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n")
    bench.fail("attach", outcome="UNCERTAIN")
    assert (bench.finished, bench.changes()) == ("failed", [("attach", "stuck")])
    assert any("not known whether" in problem for problem in bench.state.problems)


def test_revert_takes_back_a_step_and_everything_in_it() -> None:
    inner = f"{{id: a, {ATTACH}}}, {{id: b, {BLOCK}}}"
    bench = Bench(f"- {{id: both, parallel: [{inner}]}}\n- {{id: first, {BLOCK}}}\n- {{id: back, revert: both}}\n")
    for path in ("a", "b", "first"):
        bench.done(path)
    bench.settle()
    assert bench.finished == "done"
    assert bench.changes() == [("a", "undone"), ("b", "undone"), ("first", "open")]


def test_revert_that_is_refused_fails_its_step() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n- {{id: back, revert: block, on_failure: continue}}\n")
    bench.done("block")
    bench.fail("block")
    assert (bench.state.steps["back"].code, bench.changes()) == ("U001", [("block", "stuck")])


def test_a_block_that_ended_at_its_point_is_not_lifted_again() -> None:
    bench = two_changes()
    bench.happen("lease.ended", lease_id=bench.state.changes[1].outputs["lease_id"], state="lifted")
    bench.fail("look")
    assert bench.acted("undo") == ["policy.detach"]
    bench.settle()
    assert bench.changes() == [("attach", "undone"), ("block", "ended")]


def test_the_owner_hears_that_a_block_ran_out() -> None:
    bench = two_changes()
    bench.happen("lease.ended", lease_id=bench.state.changes[1].outputs["lease_id"], state="expired")
    assert bench.acted("block_ended") == ["chat.message"]


# -- cancellation --------------------------------------------------------------------------------------------------


def test_cancel_awaits_the_outcome_in_flight_and_then_takes_it_back() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}, {PROBE}}}\n")
    assert [item for item in bench.cancel() if item.kind == "run"] == []
    bench.done("block")
    assert bench.acted("verify") == []
    bench.settle()
    assert (bench.finished, bench.changes()) == ("cancelled", [("block", "undone")])
    assert bench.state.reason == "by user:ana"


def test_cancel_does_not_wait_for_a_slow_tracker_before_it_takes_back() -> None:
    bench = Bench(f"- {{id: ticket, {TICKET}}}\n{TWO}")
    bench.done("attach")
    bench.done("block")
    bench.done("look")
    bench.cancel()
    assert bench.running() == ["ticket", "block"]
    bench.settle(but=("ticket",))
    assert (bench.finished, bench.changes()) == ("", [("attach", "undone"), ("block", "undone")])
    bench.done("ticket")
    assert bench.finished == "cancelled"


@pytest.mark.parametrize("outcome", ["REJECTED", "UNCERTAIN"])
def test_cancel_while_an_action_ends_badly(outcome: str) -> None:
    bench = Bench(f"- {{id: attach, {ATTACH}}}\n- {{id: block, {BLOCK}}}\n")
    bench.done("attach")
    bench.cancel()
    bench.fail("block", outcome=outcome)
    bench.settle()
    assert bench.finished == "cancelled"
    assert {state for _, state in bench.changes()} == {"undone"}


def test_cancel_on_the_way_out_turns_back() -> None:
    bench = Bench(plan_of(f"- {{id: block, {BLOCK}}}\n", rest=f"finally: [{{id: last, {TICKET}}}]"))
    bench.done("block")
    assert bench.running() == ["last"]
    bench.cancel()
    assert bench.running() == ["last", "block"]
    bench.settle()
    assert (bench.finished, bench.changes()) == ("cancelled", [("block", "undone")])


def test_cancel_while_all_is_taken_back_changes_nothing() -> None:
    bench = two_changes()
    bench.fail("look")
    before = bench.state
    assert bench.cancel() == []
    assert bench.state == before
    bench.settle()
    assert bench.finished == "failed"


def test_a_second_cancel_changes_nothing() -> None:
    bench = two_changes()
    bench.cancel("first")
    assert bench.cancel("second") == []
    bench.settle()
    assert (bench.finished, bench.state.reason) == ("cancelled", "first")


STORY = (
    f"- {{id: ticket, {TICKET}}}\n"
    f"- {{id: ok, approve: {{ask: Go, need: [{{from: [team:appsec]}}], binds: [block], expires: 4h}}}}\n"
    f"- {{id: attach, {ATTACH}, {PROBE}}}\n"
    f"- {{id: block, {BLOCK}, when: steps.ok.approved, {PROBE}}}\n"
    "- {id: fixed, wait: {for: [{event: ticket.resolved}], timeout: 2d, remind: {every: 1d, to: [user:tom]}}}\n"
    "- {id: back, revert: block}\n"
)


def story(events: int) -> Bench:
    """The same story up to its n-th event."""
    bench = Bench(plan_of(STORY, mode="semi"))
    told = [
        lambda: bench.vote("ok", "user:tom"),
        lambda: bench.done("attach"),
        lambda: bench.done("probe.expect_blocked"),
        lambda: bench.done("ticket"),
        lambda: bench.done("block"),
        lambda: bench.done("probe.expect_blocked"),
        lambda: bench.wait(86400),
        lambda: bench.done("chat.message"),
        lambda: bench.happen("ticket.resolved"),
        lambda: bench.done("block.lift"),
    ]
    for tell in told[:events]:
        tell()
    return bench


def test_the_story_itself_ends_well() -> None:
    assert story(10).finished == "done"


@pytest.mark.parametrize("after", range(10))
@pytest.mark.parametrize("bad", [False, True])
def test_cancelled_at_any_point_everything_comes_back_once(after: int, bad: bool) -> None:
    bench = story(after)
    bench.cancel()
    while bench.pending:
        ref = next(iter(bench.pending))
        known = bench.pending[ref]
        if bad and known.purpose == "do":
            bench.fail(ref)
        else:
            bench.done(ref)
    assert bench.finished == "cancelled"
    assert {state for _, state in bench.changes()} <= {"undone"}
    undone = [item.ref for item in bench.of(type(known)) if item.purpose == "undo"] if after else []
    assert len(undone) == len(set(undone)) == len(bench.changes())
    assert bench.state.timers == {}
    assert len(bench.ended) == len(bench.asked)


def test_a_breaker_that_opened_between_two_attempts_asks_nobody_while_the_first_may_stand() -> None:
    bench = Bench(f"- {{id: block, {BLOCK}}}\n")
    key = bench.action("block").key
    bench.fail("block", outcome="UNCERTAIN", code="G106")
    assert bench.action("block").params == {"lease_id": key}
    bench.settle()
    assert (bench.finished, bench.changes()) == ("failed", [("block", "undone")])
