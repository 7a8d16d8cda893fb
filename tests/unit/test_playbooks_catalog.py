"""The catalogue and the playbook language fit: every action's example is a step that the loader understands."""

from __future__ import annotations

import pytest

from stanch.catalog import ActionSpec, catalog
from stanch.playbooks import check_playbook
from stanch.playbooks.checks.parameters import fields_of

HEAD = """version: playbook/v1
id: shown
title: An example
owner: team:appsec
mode: manual
on: {match: {host: "*.example.com"}}
tests: [{name: t, finding: {title: x}, expect: {}}]
steps:
"""
# What a single step cannot promise by itself: its mode.
_PROMISES = ("P2",)


@pytest.mark.parametrize("spec", catalog().values(), ids=lambda spec: spec.name)
def test_the_example_of_an_action_is_a_step(spec: ActionSpec) -> None:
    problems = check_playbook(f"{HEAD}  - {spec.example}\n").problems
    assert [str(problem) for problem in problems if not problem.code.startswith(_PROMISES)] == []
    assert spec.name in spec.example


@pytest.mark.parametrize("spec", catalog().values(), ids=lambda spec: spec.name)
def test_what_is_missing_or_unknown_in_an_action_is_found(spec: ActionSpec) -> None:
    wrong = f"{HEAD}  - {{id: a, do: {spec.name}, with: {{no_such_word: 1}}}}\n"
    messages = [problem.message for problem in check_playbook(wrong).problems if problem.code == "P104"]
    required = [name for name, field in fields_of(spec.params).items() if field.required]
    assert len(messages) == 1 + len(required)


@pytest.mark.parametrize("spec", catalog().values(), ids=lambda spec: spec.name)
def test_every_change_can_be_taken_back_or_says_that_it_cannot(spec: ActionSpec) -> None:
    if spec.inverse is not None:
        assert spec.inverse in catalog()
        assert catalog()[spec.inverse].effect.mutates or spec.effect.runs_alongside
