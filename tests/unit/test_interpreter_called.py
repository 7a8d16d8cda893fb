"""Playbooks that run as a step of others: their own words, their own end, and nothing that crosses between them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from interp_support import ATTACH, BLOCK, TICKET, Bench

from stanch.expressions import references
from stanch.interpreter.state import CoreState
from stanch.plan import Mode, Plan
from stanch.playbooks import Playbook
from stanch.playbooks.calling import compiled_all
from stanch.playbooks.renaming import CannotRename, Renaming

HEAD = "version: playbook/v1\ntitle: T\nowner: team:appsec\nmode: auto\n"
ASK = "approve: {ask: 'Block?', need: [{from: ['team:appsec']}], binds: [block], expires: 4h}"


def plan(*texts: str) -> Plan:
    """The plan of the first playbook; the others may be called by name."""
    books = [Playbook.model_validate(yaml.safe_load(HEAD + text)) for text in texts]
    failures: list[Any] = []
    made = compiled_all({book.id: book for book in books}, failed=lambda error, _: failures.append(error))
    assert not failures, failures
    return made[books[0].id].plan


def bench(*texts: str) -> Bench:
    return Bench(plan(*texts))


SCAN = "do: scanner.rescan, with: {finding: f}"
OUTER = "id: outer\nsteps:\n- {id: call, playbook: inner}\n- {id: after, do: ticket.comment, with: {key: T, text: x}}"


def test_its_steps_run_under_names_of_their_own_and_then_the_caller_goes_on() -> None:
    run = bench(OUTER, f"id: inner\nsteps:\n- {{id: after, {TICKET}, hold: true}}")
    assert run.running() == ["call__after"]
    run.settle()
    assert run.acted() == ["ticket.create", "ticket.comment"]
    assert run.finished == "done"


def test_inputs_and_variables_are_its_own() -> None:
    outer = (
        "id: outer\nvars: {n: 1}\ninputs: {ttl: {type: duration, default: 9h}}\nsteps:\n"
        "- {id: call, playbook: inner, with: {ttl: '${{ inputs.ttl }}'}}\n"
        "- {id: say, do: chat.message, with: {to: x, text: '${{ vars.n }} ${{ inputs.ttl }}'}}"
    )
    inner = (
        "id: inner\nvars: {n: 7}\ninputs: {ttl: {type: duration, default: 1h, max: 24h}}\nsteps:\n"
        "- {id: more, set: {n: '${{ vars.n + 1 }}'}}\n"
        "- {id: say, do: chat.message, with: {to: x, "
        "text: \"${{ vars.n }} ${{ inputs.ttl }} 'steps.more' inputs.ttl\"}}"
    )
    run = bench(outer, inner)
    said = [command.params["text"] for command in run.pending.values()]
    assert said == ["8 9h 'steps.more' inputs.ttl", "1 9h"]


def test_a_value_that_its_input_may_not_have_fails_the_step_before_anything_runs() -> None:
    outer = "id: outer\nsteps:\n- {id: call, playbook: inner, with: {ttl: \"${{ duration('90h') }}\"}}"
    inner = f"id: inner\ninputs: {{ttl: {{type: duration, default: 1h, max: 24h}}}}\nsteps:\n- {{id: t, {TICKET}}}"
    run = bench(outer, inner)
    assert run.acted() == []
    assert run.finished == "failed"
    assert run.state.steps["call"].code == "P109"


def test_its_guard_is_asked_when_it_is_called() -> None:
    inner = f"id: inner\nguard: ['vars.n == 2']\nvars: {{n: 1}}\nsteps:\n- {{id: t, {TICKET}}}"
    run = bench("id: outer\nsteps:\n- {id: call, playbook: inner, on_failure: continue}", inner)
    assert (run.acted(), run.finished, run.state.steps["call"].code) == ([], "done", "E306")


def test_its_outputs_are_read_by_the_caller() -> None:
    outer = (
        "id: outer\nsteps:\n- {id: call, playbook: inner}\n"
        "- {id: say, do: ticket.comment, with: {key: '${{ steps.call.outputs.key }}', text: x}}"
    )
    inner = f"id: inner\nsteps:\n- {{id: t, {TICKET}}}\noutputs: {{key: '${{{{ steps.t.outputs.key }}}}'}}"
    run = bench(outer, inner)
    run.done("call__t", key="T-9")
    assert run.action("say").params["key"] == "T-9"


def test_when_it_fails_its_own_changes_are_taken_back_and_the_caller_decides() -> None:
    outer = f"id: outer\nsteps:\n- {{id: mine, {ATTACH}, undo: auto}}\n"
    outer += "- {id: call, playbook: inner, on_failure: continue}"
    inner = f"id: inner\nsteps:\n- {{id: block, {BLOCK}, undo: auto}}\n- {{id: scan, {SCAN}}}"
    run = bench(outer, inner)
    run.done("mine")
    run.done("call__block")
    run.fail("call__scan")
    run.settle()
    assert run.changes() == [("mine", "open"), ("call__block", "undone")]
    assert (run.status("call"), run.finished) == ("failed", "done")


def test_when_it_fails_and_nobody_minds_it_the_run_fails_and_takes_everything_back() -> None:
    outer = f"id: outer\nsteps:\n- {{id: mine, {ATTACH}, undo: auto}}\n- {{id: call, playbook: inner}}"
    inner = f"id: inner\nsteps:\n- {{id: block, {BLOCK}, undo: auto}}\n- {{id: scan, {SCAN}}}"
    run = bench(outer, inner)
    run.done("mine")
    run.done("call__block")
    run.fail("call__scan")
    run.settle()
    assert {state for _, state in run.changes()} == {"undone"}
    assert run.finished == "failed"


@pytest.mark.parametrize(("word", "status", "acted"), [("done", "ok", 2), ("failed", "failed", 1)])
def test_a_stop_inside_ends_it_and_not_the_run(word: str, status: str, acted: int) -> None:
    inner = (
        f"id: inner\nsteps:\n- {{id: t, {TICKET}}}\n- {{id: out, stop: {{status: {word}}}}}\n- {{id: never, {TICKET}}}"
    )
    run = bench(OUTER, inner)
    run.settle()
    assert run.status("call") == status
    assert len(run.acted()) == acted
    assert run.finished == ("done" if word == "done" else "failed")


def test_its_finally_runs_when_it_has_failed_and_when_the_run_is_cancelled() -> None:
    inner = (
        "id: inner\nsteps:\n- {id: scan, do: scanner.rescan, with: {finding: f}}\n"
        "finally:\n- {id: bye, do: ticket.comment, with: {key: T, text: bye}, hold: true}"
    )
    failed = bench(OUTER, inner)
    failed.fail("call__scan")
    assert failed.running() == ["call__bye"]
    failed.settle()
    assert failed.finished == "failed"
    cancelled = bench(OUTER, inner)
    cancelled.cancel()
    cancelled.settle()
    assert cancelled.acted() == ["scanner.rescan", "ticket.comment"]
    assert cancelled.finished == "cancelled"


def test_an_approval_inside_binds_inside_and_nothing_runs_without_it() -> None:
    inner = f"id: inner\nsteps:\n- {{id: ok, {ASK}}}\n- {{id: block, when: steps.ok.approved, {BLOCK}, undo: auto}}"
    run = bench(OUTER, inner)
    assert run.asked == ["call__ok"]
    assert run.running() == []
    run.vote("call__ok", "user:tom", "deny")
    run.settle()
    assert "block.scope" not in run.acted()
    other = bench(OUTER, inner)
    other.vote("call__ok", "user:tom")
    assert other.running() == ["call__block"]
    assert other.action("call__block").approval is not None


def test_a_stop_beside_an_open_question_takes_the_question_back() -> None:
    inner = (
        f"id: inner\nsteps:\n- id: both\n  parallel:\n  - {{id: ok, {ASK}}}\n"
        f"  - {{id: scan, {SCAN}, on_failure: {{do: [{{id: out, stop: {{}}}}], then: continue}}}}\n"
        f"- {{id: block, when: steps.ok.approved, {BLOCK}}}"
    )
    run = bench(OUTER, inner)
    run.fail("call__scan")
    run.settle()
    assert ("call__ok", "withdrawn") in run.ended
    assert not run.state.timers
    assert run.finished == "done"


def test_a_revert_of_the_call_takes_back_what_was_changed_inside() -> None:
    outer = "id: outer\nsteps:\n- {id: call, playbook: inner}\n- {id: back, revert: call}"
    run = bench(outer, f"id: inner\nsteps:\n- {{id: block, {BLOCK}, undo: auto}}")
    run.settle()
    assert run.changes() == [("call__block", "undone")]
    assert run.finished == "done"


def test_calls_nest_and_every_level_keeps_its_names() -> None:
    middle = "id: inner\nvars: {who: middle}\nsteps:\n- {id: call, playbook: last, with: {to: '${{ vars.who }}'}}"
    last = (
        "id: last\ninputs: {to: {type: string, default: x}}\nsteps:\n"
        "- {id: say, do: chat.message, with: {to: '${{ inputs.to }}', text: x}}\n- {id: out, stop: {}}\n"
    )
    run = bench(OUTER, middle, last)
    assert run.action("call__call__say").params["to"] == "middle"
    run.settle()
    assert run.acted() == ["chat.message", "ticket.comment"]


def test_the_plan_pins_what_is_called_and_its_digest_changes_with_it() -> None:
    one = plan(OUTER, f"id: inner\nsteps:\n- {{id: t, {TICKET}}}")
    other = plan(OUTER, f"id: inner\nsteps:\n- {{id: t, {TICKET.replace('problem', 'trouble')}}}")
    assert one.digest != other.digest
    assert set(one.walk()) == {"call", "call__t", "after"}


def test_a_state_from_before_there_were_calls_is_read() -> None:
    old = CoreState().model_dump()
    del old["inputs"]
    assert CoreState.model_validate(old).inputs == {}


RENAME = Renaming("p__")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("steps.a.ok && inputs . b == vars.c", "steps.p__a.ok && inputs . p__b == vars.p__c"),
        (
            "'steps.a' + \"inputs.b\" + r'\\' + steps.a.outputs.x",
            "'steps.a' + \"inputs.b\" + r'\\' + steps.p__a.outputs.x",
        ),
        ("finding.steps.a == vars.x // steps.b\n", "finding.steps.a == vars.p__x // steps.b\n"),
        ("f(steps.a).inputs.b", "f(steps.p__a).inputs.b"),
        (".steps.a.ok", ".steps.p__a.ok"),
        ("'''steps.a''' == vars.b ? steps.c.ok : false", "'''steps.a''' == vars.p__b ? steps.p__c.ok : false"),
        ("[1].exists(x, x == vars.n)", "[1].exists(x, x == vars.p__n)"),
    ],
)
def test_names_are_renamed_and_texts_are_not(before: str, after: str) -> None:
    assert RENAME.expression(before) == after


@pytest.mark.parametrize("source", ["[1].exists(steps, steps.a)", "steps['a']", "has(vars)", "inputs"])
def test_a_name_of_ours_that_is_used_as_something_else_is_refused(source: str) -> None:
    with pytest.raises(CannotRename):
        RENAME.expression(source)


_ATOMS = st.sampled_from(
    ["steps.a.ok", "vars.b", "inputs.c", "finding.steps", "'steps.a'", '"vars.b"', "r'inputs.c'", "1", "x.vars.y",
     ".steps.z.ok", "'a\\'steps.b'", "run.id", "'''vars.q'''"]
)  # fmt: skip
_TERMS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" && ", "||", " == ", "+"]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"[{text}].exists(v, v == {text})"),
        inner.map(lambda text: f"f({text}).vars.k"),
    ),
    max_leaves=8,
)


@given(_TERMS)
def test_what_a_renamed_expression_reads_is_what_the_old_one_read_under_new_names(source: str) -> None:
    def new(name: str) -> str:
        root, _, rest = name.partition(".")
        return f"{root}.p__{rest}" if root in ("steps", "vars", "inputs") else name

    assert references(RENAME.expression(source)) == {new(name) for name in references(source)}


def test_past_its_limits_an_automatic_run_asks_before_each_change_of_what_it_calls() -> None:
    made = plan(OUTER, f"id: inner\nsteps:\n- {{id: block, {BLOCK}, undo: auto}}\n- {{id: ask, {ATTACH}, undo: auto}}")
    run = Bench(made, mode=Mode.SEMI)
    assert run.asked == ["call__block:gate"]
    run.vote("call__block:gate", "user:tom")
    run.done("call__block")
    assert run.asked == ["call__block:gate", "call__ask:gate"]
    run.vote("call__ask:gate", "user:tom", "deny")
    run.settle()
    assert run.changes() == [("call__block", "open")]
    assert run.status("call__ask") == "skipped"


@pytest.mark.parametrize("last", ["", "finally:\n- {id: bye, do: chat.message, with: {to: x, text: bye}}\n"])
def test_a_block_of_a_called_playbook_is_renewed_after_that_has_ended(last: str) -> None:
    outer = "id: outer\nsteps:\n- {id: call, playbook: inner}\n- {id: fix, wait: {for: [{event: ticket.resolved}]}}"
    inner = (
        f"id: inner\nsteps:\n- {{id: ok, {ASK}}}\n"
        f"- {{id: block, when: steps.ok.approved, {BLOCK}, undo: auto, renew: {{gate: ok, ask_before: 1h}}}}\n{last}"
    )
    run = bench(outer, inner)
    run.vote("call__ok", "user:tom")
    run.settle()
    assert run.status("call") == "ok"
    run.wait(3 * 3600 + 60)
    assert run.asked == ["call__ok", "call__block:renew"]
    run.vote("call__block:renew", "user:tom")
    assert run.running() == ["call__block"]
    run.settle()
    assert run.changes() == [("call__block", "open"), ("call__block", "open")]


def test_what_runs_alongside_in_it_delays_no_step_behind_it() -> None:
    outer = f"id: outer\nsteps:\n- {{id: call, playbook: inner}}\n- {{id: block, {BLOCK}, undo: auto}}"
    run = bench(outer, f"id: inner\nsteps:\n- {{id: slow, {TICKET}}}")
    assert run.running() == ["call__slow", "block"]
    run.done("block")
    assert run.finished == ""
    run.settle()
    assert run.finished == "done"
