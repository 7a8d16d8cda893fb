"""Which playbook a finding gets, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.findings import parse_view
from stanch.playbooks.library import PlaybookSet
from stanch.views import FindingView, RouteView

ROOT = Path(__file__).parents[2]
ONE = """version: playbook/v1
id: {id}
title: T
owner: team:appsec
mode: manual
on: {{{on}}}
steps: [{{id: ticket, do: ticket.create, with: {{summary: x}}}}]
tests: [{{name: t, finding: {{title: x}}, expect: {{}}}}]
"""


def books(**on: str) -> PlaybookSet:
    return PlaybookSet.of_texts({f"{name}.yaml": ONE.format(id=name, on=words) for name, words in on.items()})


def finding(host: str = "shop.example.com", path: str = "/a/b", **words: Any) -> FindingView:
    return FindingView.model_validate({"api": {"host": host, "path": path, "method": "GET"}, **words})


def chosen(found: PlaybookSet, about: FindingView) -> str:
    plan = found.select(about, RouteView()).plan
    return plan.playbook if plan else ""


ANYWHERE = 'match: {host: "*.example.com"}'


@pytest.mark.parametrize(
    ("fixture", "playbook"),
    [
        ("config_issue", "config_issue_ticket"),
        ("data_exposure", "data_exposure_block"),
        ("no_policy", "attach_owasp_policy"),
        ("attack_token", "contain_attacker"),
        ("attack_shared_ip", "contain_attacker"),
    ],
)
def test_the_shipped_playbooks_take_the_findings_they_are_for(fixture: str, playbook: str) -> None:
    about = parse_view(json.loads((ROOT / f"playbooks/fixtures/{fixture}.json").read_text()))
    assert chosen(PlaybookSet.load(ROOT / "playbooks"), about) == playbook


def test_the_most_specific_place_wins_whatever_the_names() -> None:
    found = books(a=ANYWHERE, b='match: {host: "*.example.com", path: "/a/**"}', c="match: {host: shop.example.com}")
    assert chosen(found, finding()) == "c"
    assert chosen(found, finding(host="other.example.com")) == "b"
    assert chosen(found, finding(host="other.example.com", path="/x")) == "a"
    assert chosen(found, finding(host="example.org")) == ""


def test_a_place_for_other_methods_or_environments_does_not_count() -> None:
    found = books(
        a='match: {host: "*.example.com", methods: [POST]}', b="match: {host: shop.example.com, environment: dev}"
    )
    assert chosen(found, finding()) == ""


def test_a_condition_that_is_false_leaves_it_to_the_next() -> None:
    found = books(a=ANYWHERE, c="match: {host: shop.example.com}, when: finding.kind == 'attack'")
    assert chosen(found, finding()) == "a"
    assert chosen(found, finding(kind="attack")) == "c"


def test_a_condition_that_cannot_be_evaluated_is_not_true() -> None:
    found = books(c="match: {host: shop.example.com}, when: '1 / (finding.count - 1) == 1'")
    choice = found.select(finding(count=1), RouteView())
    assert choice.plan is None
    assert choice.considered == ("c: shop.example.com/** fits, when cannot be evaluated",)


def test_wins_over_beats_the_place_and_says_so() -> None:
    found = books(a=f"{ANYWHERE}, wins_over: [c]", c="match: {host: shop.example.com}")
    choice = found.select(finding(), RouteView())
    assert choice.plan is not None
    assert choice.plan.playbook == "a"
    assert "wins over c" in choice.why


def test_the_route_may_decide_too() -> None:
    found = books(a=f"{ANYWHERE}, when: route.owner.id == 'team:payments'")
    assert found.select(finding(), RouteView()).plan is None
    assert found.select(finding(), RouteView.model_validate({"owner": {"id": "team:payments"}})).plan is not None


def test_companions_come_along() -> None:
    found = books(a=ANYWHERE, b=f"{ANYWHERE}, role: companion")
    choice = found.select(finding(), RouteView())
    assert choice.plan is not None
    assert choice.plan.playbook == "a"
    assert [plan.playbook for plan in choice.companions] == ["b"]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (ANYWHERE, ANYWHERE, True),
        (ANYWHERE, f"{ANYWHERE}, when: finding.kind == 'attack'", True),
        (f"{ANYWHERE}, when: finding.kind == 'exposure'", f"{ANYWHERE}, when: finding.kind == 'attack'", False),
        (
            f"{ANYWHERE}, when: \"finding.kind in ['exposure', 'attack']\"",
            f"{ANYWHERE}, when: finding.kind == 'attack'",
            True,
        ),
        (ANYWHERE, f"{ANYWHERE}, wins_over: [a]", False),
        (ANYWHERE, "match: {host: shop.example.com}", False),
        ('match: {host: "*.example.com", path: "/{x}/b"}', 'match: {host: "*.example.com", path: "/a/{y}"}', True),
        ('match: {host: "*.example.com", path: "/{x}/b"}', 'match: {host: "*.example.com", path: "/{y}/b"}', True),
    ],
)
def test_a_set_that_cannot_decide_is_refused(first: str, second: str, *, clash: bool) -> None:
    if not clash:
        assert len(books(a=first, b=second).entries) == 2
        return
    with pytest.raises(ConfigError) as caught:
        books(a=first, b=second)
    assert [problem.code for problem in caught.value.problems] == ["P106"]
    assert "wins_over" in caught.value.problems[0].hint


def test_two_files_with_one_id_are_refused() -> None:
    text = ONE.format(id="same", on=ANYWHERE)
    with pytest.raises(ConfigError) as caught:
        PlaybookSet.of_texts({"a.yaml": text, "b.yaml": text.replace("*.example.com", "*.example.org")})
    assert {problem.code for problem in caught.value.problems} == {"P004"}


def test_inputs_for_a_playbook_that_is_not_there_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        PlaybookSet.load(ROOT / "playbooks", inputs={"atach_owasp_policy": {"soak": "5s"}})
    assert [problem.code for problem in caught.value.problems] == ["P109"]


def test_inputs_reach_the_plan() -> None:
    found = PlaybookSet.load(ROOT / "playbooks", inputs={"attach_owasp_policy": {"soak": "5s"}})
    assert found.entries["attach_owasp_policy"].plan.inputs["soak"] == "5s"
