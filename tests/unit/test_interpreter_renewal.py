"""A block is prolonged only by people, in time, and both of its leases are given back."""

from __future__ import annotations

from interp_support import ATTACH, BLOCK, Bench, plan_of

NEED = "need: [{from: [team:appsec]}]"
READ = "do: traffic.usage, with: {host: api.example.com}"
HOLD = "- {id: fixed, wait: {for: [{event: ticket.resolved}]}}\n"


def standing(*, after: str = f"{HOLD}- {{id: back, revert: block}}\n") -> Bench:
    """A block of 4 h stands since now; people are asked 1 h before its end."""
    asks = f"approve: {{ask: 'For ${{{{ finding.title }}}}', {NEED}, binds: [block], expires: 8h}}"
    renew = "renew: {gate: ok, ask_before: 1h}"
    steps = f"- {{id: ok, {asks}}}\n- {{id: block, {BLOCK}, when: steps.ok.approved, {renew}}}\n{after}"
    bench = Bench(plan_of(steps, mode="semi"))
    bench.vote("ok", "user:tom")
    bench.done("block")
    return bench


def asked() -> Bench:
    bench = standing()
    bench.wait(3 * 3600)
    assert bench.asked == ["ok", "block:renew"]
    return bench


def expire(bench: Bench, index: int) -> None:
    bench.happen("lease.ended", lease_id=bench.state.changes[index].outputs["lease_id"], state="expired")


def test_people_are_asked_before_the_end_and_not_earlier() -> None:
    bench = standing()
    bench.wait(3 * 3600 - 1)
    assert bench.asked == ["ok"]
    bench.wait(1)
    assert bench.asked == ["ok", "block:renew"]


def test_a_yes_takes_the_same_block_again_with_its_own_consent() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    again = bench.action("block")
    first = next(item for item in bench.of(type(again)) if item.ref == "block|do|1")
    assert (again.purpose, again.params) == ("renewed", first.params)
    assert again.key != first.key
    assert again.approval is not None
    assert again.approval.votes == (("user:ines", "approve"),)
    bench.done("block")
    expire(bench, 0)
    assert bench.changes() == [("block", "ended"), ("block", "open")]
    bench.happen("ticket.resolved")
    assert bench.action("block").params == {"lease_id": bench.state.changes[1].outputs["lease_id"]}


def test_it_may_be_prolonged_more_than_once() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    bench.done("block")
    bench.wait(3 * 3600)
    assert bench.asked[-2:] == ["block:renew", "block:renew"]
    bench.vote("block:renew", "user:tom")
    bench.done("block")
    assert len(bench.state.open_changes) == 3


def test_both_leases_are_given_back() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    bench.done("block")
    bench.happen("ticket.resolved")
    bench.settle(but=("block|block_ended",))
    assert bench.changes() == [("block", "undone"), ("block", "undone")]


def test_a_no_lets_it_end() -> None:
    bench = asked()
    bench.vote("block:renew", "user:tom", "deny")
    assert bench.pending == {}
    expire(bench, 0)
    assert bench.changes() == [("block", "ended")]


def test_no_answer_lets_it_end_and_the_question_goes_with_it() -> None:
    bench = asked()
    bench.wait(3600)
    expire(bench, 0)
    assert bench.ended[-1] == ("block:renew", "withdrawn")
    assert not bench.vote("block:renew", "user:tom").accepted
    assert "renewed" not in [item.purpose for item in bench.pending.values()]


def test_a_question_about_a_block_that_is_lifted_is_withdrawn() -> None:
    bench = asked()
    bench.happen("ticket.resolved")
    bench.done("block.lift")
    assert (bench.finished, bench.ended[-1]) == ("done", ("block:renew", "withdrawn"))
    assert bench.state.timers == {}


def test_a_renewal_in_flight_is_awaited_before_the_lift() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    bench.happen("ticket.resolved")
    assert bench.acted("undo") == []
    bench.done("block")
    bench.settle()
    assert (bench.finished, bench.changes()) == ("done", [("block", "undone"), ("block", "undone")])


def test_a_renewal_that_lands_after_the_old_block_ended_is_not_forgotten() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    expire(bench, 0)
    bench.done("block|renewed|1")
    assert bench.changes() == [("block", "ended"), ("block", "open")]
    bench.cancel()
    bench.settle()
    assert bench.changes() == [("block", "ended"), ("block", "undone")]


def test_a_renewal_in_flight_at_cancellation_comes_back_too() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    bench.cancel()
    assert bench.acted("undo") == []
    bench.done("block")
    bench.settle()
    assert (bench.finished, bench.changes()) == ("cancelled", [("block", "undone"), ("block", "undone")])


def test_a_refused_renewal_is_told_and_the_old_block_ends_by_itself() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    bench.fail("block")
    assert (bench.changes(), bench.acted("undo")) == ([("block", "open")], [])
    assert bench.state.problems


def test_a_renewal_of_unknown_outcome_is_given_back_at_once() -> None:
    bench = asked()
    bench.vote("block:renew", "user:ines")
    key = bench.action("block").key
    bench.fail("block", outcome="UNCERTAIN")
    assert bench.action("block").params == {"lease_id": key}
    bench.done("block")
    assert bench.changes() == [("block", "open"), ("block", "undone")]
    assert bench.status("block") == "ok"


def test_a_run_that_ends_leaves_no_question_and_no_timer() -> None:
    bench = standing(after=HOLD)
    bench.wait(3 * 3600)
    bench.happen("ticket.resolved")
    assert (bench.finished, bench.state.timers) == ("done", {})
    assert bench.ended[-1] == ("block:renew", "withdrawn")


def test_a_run_that_leaves_asks_nobody_any_more() -> None:
    bench = standing(after=f"- {{id: attach, {ATTACH}}}\n")
    bench.cancel()
    assert bench.state.timers == {}
    bench.done("attach")
    assert bench.state.timers == {}


def test_a_question_that_cannot_be_put_does_not_break_the_run() -> None:
    asks = f"approve: {{ask: 'For ${{{{ steps.look.outputs.coverage }}}}', {NEED}, binds: [block], expires: 8h}}"
    renew = "renew: {gate: ok, ask_before: 1h}"
    block = f"- {{id: block, {BLOCK}, when: steps.ok.approved, {renew}}}\n"
    bench = Bench(plan_of(f"- {{id: look, {READ}}}\n- {{id: ok, {asks}}}\n{block}{HOLD}", mode="semi"))
    bench.done("look")
    bench.vote("ok", "user:tom")
    bench.done("block")
    bench.state.steps["look"].outputs = {}
    bench.wait(3 * 3600)
    assert bench.state.problems
    bench.happen("ticket.resolved")
    assert bench.finished == "done"
