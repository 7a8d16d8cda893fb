"""Plans: values, links and digests that a run can be pinned to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.expressions import ExpressionFailed
from stanch.plan import Mode, Plan, StepKind
from stanch.playbooks import compile_plan, evaluator_for, load_playbook, typed_inputs
from stanch.views import FindingView, RouteView

ROOT = Path(__file__).parents[2]
HEAD = """version: playbook/v1
id: small
title: A small one
owner: team:appsec
mode: manual
on: {match: {host: "*.example.com"}}
"""
TESTS = "tests: [{name: t, finding: {title: x}, expect: {}}]\n"


def shipped(name: str, **inputs: Any) -> Plan:
    path = ROOT / "playbooks" / f"{name}.yaml"
    return compile_plan(load_playbook(path.read_text(), path.name), source=path.name, inputs=inputs)


def small(steps: str) -> Plan:
    return compile_plan(load_playbook(f"{HEAD}steps:\n{steps}{TESTS}"))


def values(plan: Plan, **finding: Any) -> dict[str, Any]:
    steps = {name: {"ok": False, "status": "pending", "approved": False, "outputs": {}} for name in plan.walk()}
    return {
        "finding": FindingView.model_validate(finding).model_dump(exclude_none=True),
        "route": RouteView().model_dump(exclude_none=True),
        "inputs": plan.inputs,
        "vars": {},
        "steps": steps,
        "run": {"id": "case-1", "episode": "e", "mode": "auto", "playbook": plan.playbook, "requested_by": ""},
        "now": datetime(2026, 1, 1, tzinfo=UTC),
    }


def test_a_plan_survives_json_and_keeps_its_digest() -> None:
    plan = shipped("contain_attacker")
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert len(plan.digest) == 64


def test_the_digest_is_about_what_the_plan_does_and_not_about_its_file() -> None:
    text = (ROOT / "playbooks/contain_attacker.yaml").read_text()
    one = compile_plan(load_playbook(text), source="a.yaml")
    other = compile_plan(load_playbook("# a comment\n" + text), source="b.yaml")
    changed = compile_plan(load_playbook(text.replace("expires: 1h", "expires: 2h")), source="a.yaml")
    assert one.digest == other.digest
    assert one.digest != changed.digest


def test_tickets_and_messages_run_alongside_and_their_readers_wait_for_them() -> None:
    steps = shipped("data_exposure_block").walk()
    assert steps["ticket"].alongside
    assert steps["tell_pm"].needs == ("ticket",)
    assert not steps["impact"].alongside
    assert steps["ok_to_block"].needs == ()
    assert steps["close"].needs == ("ticket",)


def test_hold_makes_later_steps_wait() -> None:
    ticket = "  - {id: ticket, do: ticket.create, with: {summary: x}, hold: true}\n"
    assert not small(ticket).walk()["ticket"].alongside


def test_an_approval_waits_for_what_its_bound_step_reads() -> None:
    text = (ROOT / "playbooks/data_exposure_block.yaml").read_text()
    ttl, point = 'ttl: "${{ inputs.block_for }}"', "${{ steps.ticket.ok ? steps.ticket.outputs.key : finding.id }}"
    text = text.replace(ttl, f'{ttl}, at: "{point}"')
    assert compile_plan(load_playbook(text)).walk()["ok_to_block"].needs == ("ticket",)


def test_approvals_are_linked_to_what_they_bind() -> None:
    steps = shipped("data_exposure_block").walk()
    assert steps["block"].bound_by == ("ok_to_block",)
    assert steps["unblock"].bound_by == ()


def test_durations_are_seconds_and_inputs_stay_words() -> None:
    plan = shipped("data_exposure_block", block_for="2h")
    block = plan.walk()["block"]
    assert block.renew is not None
    assert block.renew.ask_before == 8 * 3600
    assert block.with_["ttl"] == {"$": "inputs.block_for"}
    assert plan.inputs == {"block_for": "2h"}
    assert typed_inputs(plan) == {"block_for": timedelta(hours=2)}


def test_the_time_of_a_group_bounds_each_step_in_it() -> None:
    steps = shipped("data_exposure_block").walk()
    assert steps["traffic"].timeout == steps["preview"].timeout == 120


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        ({"block_for": "8d"}, "more than"),
        ({"block_for": "0s"}, "less than"),
        ({"block_for": 7200}, "unit"),
        ({"block_fro": "1h"}, "no input"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(inputs: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        shipped("data_exposure_block", **inputs)
    assert [problem.code for problem in caught.value.problems] == ["P109"]
    assert word in caught.value.problems[0].message


def test_an_input_may_come_as_a_duration() -> None:
    assert shipped("data_exposure_block", block_for=timedelta(minutes=90)).inputs == {"block_for": "1h30m"}


def test_whole_expressions_keep_their_type_and_texts_are_joined() -> None:
    ticket = shipped("config_issue_ticket").walk()["ticket"]
    assert ticket.with_["cc"] == {"$": "route.cc"}
    assert ticket.with_["summary"] == {"$t": ["[", {"$": "finding.severity"}, "] ", {"$": "finding.title"}]}


def test_an_escaped_opening_is_plain_text() -> None:
    note = "  - {id: note, do: ticket.comment, with: {key: T-1, text: 'costs $${{ 5 }}'}}\n"
    assert small(note).walk()["note"].with_["text"] == "costs ${{ 5 }}"


def test_a_deadline_that_is_absent_is_nothing_and_not_an_error() -> None:
    plan = shipped("config_issue_ticket")
    source = plan.walk()["ticket"].with_["due"]["$"]
    given = values(plan)
    assert evaluator_for(plan).evaluate(source, given) is None
    due = datetime(2026, 5, 1, tzinfo=UTC)
    given["route"]["due"] = due
    assert evaluator_for(plan).evaluate(source, given) == due


def test_foreign_text_is_a_value_and_never_an_expression() -> None:
    plan = shipped("config_issue_ticket")
    title = "${{ 1 + 1 }} {{ 7 * 7 }}"
    assert evaluator_for(plan).evaluate("finding.title", values(plan, title=title)) == title


def test_steps_that_have_not_run_can_be_asked_about() -> None:
    plan = shipped("data_exposure_block")
    assert evaluator_for(plan).evaluate("steps.ok_to_block.approved", values(plan)) is False
    assert evaluator_for(plan).evaluate("steps.block.status == 'pending'", values(plan)) is True


def test_outputs_that_are_not_there_fail() -> None:
    plan = shipped("data_exposure_block")
    with pytest.raises(ExpressionFailed):
        evaluator_for(plan).evaluate("steps.ticket.outputs.key", values(plan))


def test_an_optional_field_can_be_asked_for() -> None:
    plan = shipped("contain_attacker")
    ask = "has(finding.actor.token_id)"
    assert evaluator_for(plan).evaluate(ask, values(plan)) is False
    assert evaluator_for(plan).evaluate(ask, values(plan, actor={"token_id": "t"})) is True


def test_durations_of_inputs_reach_expressions_as_durations() -> None:
    plan = shipped("data_exposure_block")
    assert evaluator_for(plan).evaluate("inputs.block_for", values(plan)) == timedelta(hours=24)


def test_the_same_plan_shares_one_evaluator() -> None:
    assert evaluator_for(shipped("contain_attacker")) is evaluator_for(shipped("contain_attacker"))


def test_every_step_of_the_file_is_in_the_plan() -> None:
    plan = shipped("contain_attacker")
    assert plan.mode is Mode.AUTO
    assert [name for name, step in plan.walk().items() if step.kind is StepKind.APPROVE] == ["ok_to_block", "review"]
    assert plan.limits.runs == (60, 3600.0)


def test_a_plan_too_large_to_travel_is_refused() -> None:
    note = "".join(
        f"  - {{id: n{i}, do: ticket.comment, with: {{key: T-1, text: '{'x' * 3000}'}}}}\n" for i in range(100)
    )
    with pytest.raises(ConfigError) as caught:
        small(note)
    assert caught.value.code == "P006"
