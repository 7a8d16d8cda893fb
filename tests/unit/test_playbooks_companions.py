"""Companions: beside the playbook that acts, never in its way, and never with more rights than to tell."""

from __future__ import annotations

from interp_support import Bench

from stanch.findings import parse_view
from stanch.playbooks import check_playbook
from stanch.playbooks.joining import joined
from stanch.playbooks.library import PlaybookSet
from stanch.playbooks.selection import Choice
from stanch.simulate.driver import default_route

PRIMARY = """\
version: playbook/v1
id: acts
title: Acts
owner: team:appsec
mode: semi
on: {match: {host: "*.example.com"}}
vars: {who: primary}
steps:
- {id: look, do: traffic.usage, with: {host: a.example.com, path: /x, window: 1d}}
- {id: say, do: chat.message, with: {to: "${{ vars.who }}", text: y}}
"""
BESIDE = """\
version: playbook/v1
id: tells
title: Tells
owner: team:soc
mode: manual
on: {role: companion, when: finding.count > 0}
inputs: {to: {type: string, default: soc}}
vars: {who: companion}
steps:
- {id: keep, do: evidence.snapshot, with: {finding: "${{ finding.id }}", window: 30m}}
- {id: say, do: chat.message, with: {to: "${{ inputs.to }}", text: "${{ vars.who }}"}}
"""


def choice(*texts: str) -> Choice:
    books = PlaybookSet.of_texts({str(number): text for number, text in enumerate(texts)})
    finding = parse_view({"title": "x", "api": {"host": "a.example.com", "path": "/x"}})
    return books.select(finding, default_route(finding))


def test_a_companion_runs_at_the_same_time_and_both_must_end() -> None:
    plan, why = joined(choice(PRIMARY, BESIDE))
    assert plan is not None
    assert (plan.playbook, why) == ("acts", "beside it: tells")
    run = Bench(plan)
    assert sorted(run.running()) == ["_tells__keep", "look"]
    run.done("look")
    run.done("say")
    assert run.finished == ""
    run.done("_tells__keep")
    said = run.action("_tells__say").params
    assert (said["to"], said["text"]) == ("soc", "companion")
    run.settle()
    assert run.finished == "done"


def test_a_companion_that_fails_harms_nothing() -> None:
    plan, _ = joined(choice(PRIMARY, BESIDE))
    assert plan is not None
    run = Bench(plan)
    run.fail("_tells__keep")
    run.settle()
    assert (run.acted(), run.finished) == (["evidence.snapshot", "traffic.usage", "chat.message"], "done")


def test_the_end_of_the_primary_by_a_failure_ends_its_companions() -> None:
    plan, _ = joined(choice(PRIMARY, BESIDE))
    assert plan is not None
    run = Bench(plan)
    run.fail("look")
    run.settle()
    assert run.finished == "failed"
    assert "_tells__say" not in run.state.steps


def test_without_a_primary_companions_run_and_a_person_decides() -> None:
    plan, _ = joined(choice(BESIDE))
    assert plan is not None
    run = Bench(plan)
    run.settle()
    assert run.acted() == ["evidence.snapshot", "chat.message"]
    assert run.finished == "failed"
    assert "a person decides" in run.state.reason


def test_a_case_without_companions_has_the_plan_as_it_is() -> None:
    chosen = choice(PRIMARY)
    assert joined(chosen) == (chosen.plan, "")
    assert joined(Choice(None)) == (None, "")


def test_many_companions_may_be_chosen_and_each_has_its_own_names() -> None:
    plan, why = joined(choice(PRIMARY, BESIDE, BESIDE.replace("id: tells", "id: other")))
    assert plan is not None
    assert why == "beside it: tells, other"
    assert {"_tells__say", "_other__say", "say"} <= plan.walk().keys()
    assert plan.digest != choice(PRIMARY).plan.digest  # type: ignore[union-attr]


def test_what_is_too_much_for_one_plan_leaves_the_primary_alone() -> None:
    large = BESIDE.replace("${{ vars.who }}", "x" * 200_000)
    plan, why = joined(choice(PRIMARY, large, large.replace("id: tells", "id: other")))
    assert plan is not None
    assert plan.playbook == "acts"
    assert "left out: tells, other" in why


def test_a_companion_is_manual() -> None:
    text = BESIDE.replace("mode: manual", "mode: semi")
    found = [(problem.code, problem.line) for problem in check_playbook(text).problems if problem.severity == "error"]
    assert found == [("P201", 6)]
