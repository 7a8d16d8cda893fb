"""A mode is a promise: no way of writing a condition gets a change past it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.expressions import Schema, check, evaluate
from stanch.playbooks import check_playbook
from stanch.playbooks.conditions import approved_by, conjuncts

NAMES = ("a", "b", "c")
SCHEMA = Schema(dict.fromkeys(NAMES, "bool"))

HEAD = """version: playbook/v1
id: tried
title: Tried
owner: team:appsec
mode: {mode}
on: {{match: {{host: "*.example.com"}}}}
limits: {{runs: 1/h, changes: 1/h}}
tests: [{{name: t, finding: {{title: x}}, expect: {{waiting_on: ok}}}}]
steps:
"""
ASK = """  - id: ok
    approve: {ask: Block?, need: [{from: [team:appsec]}], binds: [block], expires: 4h}
"""
BLOCK = """  - id: block
    when: {when}
    do: block.scope
    with: {{host: a.example.com, ttl: 1h}}
    verify: {{do: probe.expect_blocked}}
    undo: auto
"""


def codes(text: str, mode: str = "semi") -> set[str]:
    return {problem.code for problem in check_playbook(HEAD.format(mode=mode) + text).problems}


def asked(when: str) -> str:
    return ASK + BLOCK.format(when=f'"{when}"')


def deeper(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    "when",
    [
        "steps.ok.approved",
        "(steps.ok.approved)",
        "finding.count > 1 && steps.ok.approved",
        "((steps.ok.approved && true))",
    ],
)
def test_consent_in_every_case_satisfies_semi(when: str) -> None:
    assert codes(asked(when)) == set()


@pytest.mark.parametrize(
    "when",
    [
        "true",
        "!steps.ok.approved",
        "steps.ok.approved || true",
        "steps.ok.approved ? true : true",
        "finding.count > 1 ? steps.ok.approved : true",
        "steps.ok.approved && true ? true : true",
        "steps.ok.approved == false",
        "[steps.ok.approved].exists(x, true)",
        "steps.ok.ok",
        "'steps.ok.approved' == '&& steps.ok.approved &&' || true",
        "finding.title == r'\\\\' || true || steps.ok.approved",
        "finding.title != '\\\\' && steps.ok.approved && \\\\''",
    ],
)
def test_anything_less_than_consent_does_not(when: str) -> None:
    assert "P202" in codes(asked(when))


@pytest.mark.parametrize(
    "lines", [("true //", "|| steps.ok.approved"), ("finding.count > 0 // && steps.ok.approved &&", "&& true")]
)
def test_a_comment_cannot_hide_the_way_around(lines: tuple[str, str]) -> None:
    when = "|-\n      " + "\n      ".join(lines)
    assert codes(ASK + BLOCK.format(when=when)) == {"P202"}


def test_an_approval_after_the_change_is_no_approval() -> None:
    found = codes(BLOCK.format(when="steps.ok.approved") + ASK)
    assert {"P108", "P202"} <= found


def test_consent_given_around_a_group_covers_what_is_in_it() -> None:
    inner = (
        BLOCK.format(when="finding.count > 1")
        .replace("  - id: block", "          - id: block")
        .replace("\n    ", "\n            ")
    )
    group = f"  - id: group\n    when: steps.ok.approved\n    choose:\n      - when: 'true'\n        steps:\n{inner}"
    assert codes(ASK + group) == set()


def test_the_way_taken_when_consent_is_missing_is_not_covered() -> None:
    inner = (
        BLOCK.format(when="finding.count > 1")
        .replace("  - id: block", "      - id: block")
        .replace("\n    ", "\n        ")
    )
    other = f"  - id: note\n    when: steps.ok.approved\n    do: evidence.snapshot\n    otherwise:\n{inner}"
    assert "P202" in codes(ASK + other)


def test_changes_hide_nowhere_in_manual() -> None:
    places = (
        "  - {id: a, do: evidence.snapshot, on_failure: {do: [X]}}\n",
        "  - {id: a, when: 'true', do: evidence.snapshot, otherwise: [X]}\n",
        "  - {id: a, parallel: [X]}\n",
        "  - {id: a, choose: [{otherwise: [X]}]}\n",
    )
    change = "{id: out, do: user.sign_out, with: {user_id: m}}"
    for place in places:
        assert "P201" in codes(place.replace("X", change), mode="manual"), place
    assert "P201" in codes(f"  - {{id: a, do: evidence.snapshot}}\nfinally: [{change}]\n", mode="manual")


def test_a_probe_inside_parallel_or_under_a_condition_proves_nothing() -> None:
    block = "{id: block, do: block.scope, with: {host: a.example.com, ttl: 1h}, undo: auto}"
    later = "  - {id: check, do: probe.expect_blocked}\n"
    assert codes(f"  - {block}\n{later}", mode="auto") == set()
    assert codes(f"  - {block}\n{later.replace('do:', 'when: finding.count > 1, do:')}", mode="auto") == {"P205"}
    assert codes(f"  - {block}\n{later.replace('do:', 'on_failure: continue, do:')}", mode="auto") == {"P205"}
    assert codes(f"{later}  - {block}\n", mode="auto") == {"P205"}
    assert codes(f"  - {{id: both, parallel: [{block}, {later.strip()[2:]}]}}\n", mode="auto") == {"P205"}


@pytest.mark.parametrize("word", ["approve", "Approved", "yes", "allow", "later"])
def test_no_word_makes_silence_consent(word: str) -> None:
    ask = ASK.replace("expires: 4h", f"expires: 4h, on_timeout: '{word}'")
    assert "P206" in codes(ask + BLOCK.format(when="steps.ok.approved"))


@pytest.mark.parametrize(
    "when", ["steps.ok.outputs.choice == 'go'", "steps.ok.outputs.choice != 'stop'", "steps.ok.approved", "steps.ok.ok"]
)
def test_an_option_chosen_by_silence_lets_no_change_run(when: str) -> None:
    ask = ASK.replace(" binds: [block],", " options: [go, stop], on_timeout: go,")
    assert "P206" in codes(ask + BLOCK.format(when=f'"{when}"'), mode="auto")


def test_an_option_chosen_by_silence_binds_nothing() -> None:
    ask = ASK.replace("expires: 4h", "expires: 4h, options: [go, stop], on_timeout: go")
    assert codes(ask + BLOCK.format(when="'true'"), mode="auto") == {"P206", "P207"}


@pytest.mark.parametrize("mode", ["semi", "auto"])
def test_an_approval_with_options_cannot_bind(mode: str) -> None:
    """Nobody approves where there are options, so what it binds would silently never run."""
    ask = ASK.replace("expires: 4h", "expires: 4h, options: [go, stop]")
    assert codes(ask + BLOCK.format(when="steps.ok.approved"), mode=mode) == {"P207"}


atoms = st.sampled_from([*NAMES, "true", "false", "'&&' == '||'", '"(" == ")"'])
formulas = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} && {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} || {pair[1]}"),
        st.tuples(inner, inner, inner).map(lambda trio: f"({trio[0]}) ? ({trio[1]}) : ({trio[2]})"),
        inner.map(lambda one: f"({one})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=6,
)


@given(formulas)
@settings(max_examples=60, deadline=None)
def test_every_part_of_a_true_condition_is_true(formula: str) -> None:
    parts = conjuncts(formula)
    for bits in product((True, False), repeat=len(NAMES)):
        given_values = dict(zip(NAMES, bits, strict=True))
        if evaluate(check(formula, SCHEMA), given_values):
            assert all(evaluate(check(part, SCHEMA), given_values) for part in parts)


@given(st.text(alphabet="abstep.okrvd ()&|!?:'\"\\/", max_size=40))
@settings(max_examples=200, deadline=None)
def test_taking_a_condition_apart_never_fails(text: str) -> None:
    assert conjuncts(text)
    assert isinstance(approved_by([text]), frozenset)


TRIED = "do: block.scope, with: {host: a.example.com, path: /x, ttl: 1h}"


@pytest.mark.parametrize(
    ("undo", "refused"),
    [
        ("{do: block.lift, with: {lease_id: x}}", False),
        ("{do: block.ip, with: {host: a.example.com, ip: 192.0.2.1, ttl: 1h}}", True),
        ("{do: token.revoke, with: {token_id: x}}", True),
        ("{do: chat.message, with: {to: x, text: y}}", True),
        ("{do: scanner.rescan, with: {finding: x}}", True),
    ],
)
def test_an_undo_takes_back_and_is_no_change_of_its_own(undo: str, refused: bool) -> None:
    """It runs when things go wrong, asked by nobody and not shown to those who agreed."""
    text = asked("steps.ok.approved").replace("undo: auto", f"undo: {undo}")
    assert ("P110" in codes(text)) == refused


def test_what_was_removed_may_be_put_back() -> None:
    step = "  - id: off\n    do: policy.detach\n    with: {attachment: x}\n    verify: {do: probe.expect_healthy}\n"
    back = "    undo: {do: policy.attach, with: {host: a.example.com, groups: [Common]}}\n"
    assert "P110" not in codes(step + back, "auto")


INNER = f"[{{id: b, {TRIED}, undo: auto}}]"
FAILED = f"on_failure: {{do: {INNER}}}"
SKIPPED = f"when: finding.count > 1, otherwise: {INNER}"


@pytest.mark.parametrize("around", [FAILED, SKIPPED])
def test_the_proof_of_a_step_that_failed_or_was_skipped_proves_nothing(around: str) -> None:
    step = f"  - {{id: a, {TRIED}, undo: auto, verify: {{do: probe.expect_blocked}}, {around}}}\n"
    assert "P205" in codes(step, "auto")


@pytest.mark.parametrize("when", ["", "when: finding.count > 1, "])
def test_a_way_out_before_the_proof_leaves_a_change_unproven(when: str) -> None:
    change = f"  - {{id: b, {TRIED}, undo: auto}}\n"
    out = f"  - {{id: out, {when}stop: {{status: done}}}}\n"
    probe = "  - {id: p, do: probe.expect_healthy, with: {host: a.example.com}}\n"
    assert "P205" in codes(change + out + probe, "auto")
    assert "P205" not in codes(change + out.replace("done", "failed") + probe, "auto")
    assert "P205" not in codes(out + change + probe, "auto")
    inside = "  - id: c\n    verify: {do: probe.expect_healthy}\n    choose:\n      - otherwise:\n"
    inside += deeper(change + out, 8)
    assert "P205" in codes(inside, "auto")
