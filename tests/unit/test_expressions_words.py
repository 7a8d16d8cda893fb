"""Words that a field can have are checked where they are written; and what a plan's digest says of its engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch import views
from stanch.expressions import ExpressionError, check
from stanch.findings import words
from stanch.interpreter.state import StepStatus
from stanch.plan import Mode
from stanch.playbooks import compile as compiling
from stanch.playbooks import load_playbook
from stanch.playbooks.compile import compile_plan
from stanch.playbooks.evaluator import evaluator_for
from stanch.playbooks.types import schema_for, selection_schema

ROOT = Path(__file__).parents[2]
CONTAIN = ROOT / "playbooks" / "contain_attacker.yaml"


@pytest.mark.parametrize(
    ("source", "column", "hint"),
    [
        ("finding.category == 'API3:2032'", 21, "did you mean 'API3:2023'?"),
        ("finding.category == 'api3:2023'", 21, "did you mean 'API3:2023'?"),
        ("finding.category in ['API1:2023', 'API3']", 35, "did you mean"),
        ("finding.api.environment == 'production'", 28, "write 'prod'"),
        ("!(finding.api.environment in ['dev', 'qa'])", 38, "write 'test'"),
        ("finding.api.method == 'get'", 23, "did you mean 'GET'?"),
        ("has(finding.api.criticality) && finding.api.criticality == 'severe'", 60, "known here: low, medium"),
        ("route.lane == 'emergency'", 15, "did you mean 'emergency_patch'?"),
        ("finding.phase == 'exfil'", 18, "known here: none, evasion"),
    ],
)
def test_a_word_that_never_occurs(source: str, column: int, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(source, selection_schema())
    (problem,) = caught.value.problems
    assert (problem.code, problem.column) == ("P304", column)
    assert hint in problem.hint


@pytest.mark.parametrize(
    "source",
    [
        "finding.category == '' || finding.category == 'HOST_BLOCKED'",
        "finding.api.environment == 'canary' || finding.api.environment != 'prod'",
        "finding.api.method == 'OTHER'",
        "finding.data_classification.exists(c, c == 'customer-list')",
    ],
)
def test_words_of_a_deployments_own_are_let_in(source: str) -> None:
    assert check(source, selection_schema()).type == "bool"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("steps.review.outputs.choice == 'lft'", "did you mean 'lift'?"),
        ("steps.ticket.status == 'done'", "known here"),
        ("steps.review.outputs.because == 'timeuot'", "did you mean 'timeout'?"),
        ("run.mode == 'automatic'", "did you mean 'auto'?"),
    ],
)
def test_words_of_the_playbook_itself(source: str, hint: str) -> None:
    playbook = load_playbook(CONTAIN.read_text("utf-8"), str(CONTAIN))
    with pytest.raises(ExpressionError) as caught:
        check(source, schema_for(playbook))
    assert [problem.code for problem in caught.value.problems] == ["P304"]
    assert hint in caught.value.problems[0].hint


def test_the_words_are_those_that_findings_have() -> None:
    assert set(views.METHODS) == words.METHODS | {"", "OTHER"}
    assert {words.owasp_category(f"API{number}") for number in range(1, 11)} | {""} == set(views.CATEGORIES)
    for name, aliases in views.ENVIRONMENTS.items():
        assert {words.environment_of(alias) for alias in (name, *aliases)} == {name}
    assert {words.environment_of(word) for word in words._BY_ENVIRONMENT_WORD} == set(views.ENVIRONMENTS)
    playbook = load_playbook(CONTAIN.read_text("utf-8"), str(CONTAIN))
    for status in StepStatus:
        check(f"steps.ticket.status == '{status.value}'", schema_for(playbook))
    for mode in Mode:
        check(f"run.mode == '{mode.value}'", schema_for(playbook))


def test_a_plan_of_another_engine_is_another_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    playbook = load_playbook(CONTAIN.read_text("utf-8"), str(CONTAIN))
    before = compile_plan(playbook)
    assert re.fullmatch(r"cel-expr-python/[\d.]+", before.engine)
    monkeypatch.setattr(compiling, "ENGINE", "cel-expr-python/0.0.0")
    after = compile_plan(playbook)
    assert after.digest != before.digest
    assert after.model_copy(update={"engine": before.engine, "digest": before.digest}) == before


def test_a_pinned_plan_goes_on_when_a_later_release_knows_more_words() -> None:
    text = CONTAIN.read_text("utf-8")
    plan = compile_plan(load_playbook(text, str(CONTAIN)))
    old = "finding.api.environment == 'production'"
    values = {"finding": {"api": {"environment": "prod"}}}
    assert evaluator_for(plan).evaluate(old, values) is False
    with pytest.raises(ExpressionError):
        evaluator_for(plan).evaluate("finding.api.envrionment == 'prod'", values)


def test_a_wait_ends_for_a_known_reason() -> None:
    file = ROOT / "playbooks" / "config_issue_ticket.yaml"
    schema = schema_for(load_playbook(file.read_text("utf-8"), str(file)))
    assert check("'timeout' in steps.fixed.outputs.because", schema).type == "bool"
    with pytest.raises(ExpressionError) as caught:
        check("'expired' in steps.fixed.outputs.because", schema)
    assert "known here: ticket.resolved" in caught.value.problems[0].hint
