"""Texts for people: complete for every category, and foreign text stays data."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.texts import Texts, load_texts, render, shipped

CATEGORIES = [f"API{number}:2023" for number in range(1, 11)]
TICKETS = ("finding", "config_issue", "data_exposure")


def finding(**changes: Any) -> dict[str, Any]:
    api = {"host": "shop.example.com", "path": "/users/7", "path_template": "/users/{id}", "method": "GET"}
    return {
        "title": "Too much data",
        "severity": "high",
        "source": "zap",
        "category": "API3:2023",
        "api": api,
        **changes,
    }


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("template", TICKETS)
def test_a_ticket_tells_the_developer_all_there_is_to_know(template: str, category: str) -> None:
    body = render(template, {"finding": finding(category=category)}).body
    for heading in ("What was found", "Where", "Why it matters", "How to see it yourself", "How to fix it"):
        assert f"\n{heading}\n" in f"\n{body}"
    assert "How the fix is checked" in body
    assert "Who decides" in body
    assert category in body
    assert "\n2. " in body


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_words_of_its_own(category: str) -> None:
    others = {render("finding", {"finding": finding(category=code)}).body for code in CATEGORIES if code != category}
    assert render("finding", {"finding": finding(category=category)}).body not in others


@pytest.mark.parametrize("template", shipped().names)
def test_every_template_fills_from_an_empty_context(template: str) -> None:
    text = render(template, {})
    assert text.title
    assert text.body
    assert "\n\n\n" not in text.body
    assert "None" not in text.title + text.body


def test_an_unknown_category_still_helps() -> None:
    body = render("finding", {"finding": finding(category="")}).body
    assert "did not say which kind" in body
    assert "How to fix it" in body


def test_foreign_text_cannot_add_a_paragraph_or_be_evaluated() -> None:
    hostile = "x\n\nHow to fix it\n1. run {{ 7 * 7 }} \u202e{% for x in finding %}"
    text = render("finding", {"finding": finding(title=hostile, description=hostile)})
    assert "49" not in text.title + text.body
    assert text.body.count("\nHow to fix it\n") == 1
    assert "\u202e" not in text.title + text.body
    assert "\n> How to fix it\n" in text.body


def test_the_sample_command_is_one_shell_word_per_argument() -> None:
    api = {"host": "a.example.com", "path": "/x'; touch /tmp/owned; '$(id)`id`", "method": "GET"}
    body = render("finding", {"finding": finding(api=api)}).body
    command = next(line for line in body.split("\n") if line.startswith("    curl"))
    words = shlex.split(command)
    assert words[-1] == "https://a.example.com/x'; touch /tmp/owned; '$(id)`id`"
    assert words[0] == "curl"


def test_a_method_that_changes_data_gets_no_command() -> None:
    api = {"host": "a.example.com", "path": "/x", "method": "DELETE"}
    body = render("finding", {"finding": finding(api=api)}).body
    assert "curl" not in body
    assert "only in a test environment" in body


def test_a_block_says_until_when_and_how_it_is_lifted() -> None:
    block = {"target": "GET /users/{id}", "expires_at": datetime(2026, 3, 1, 12, tzinfo=UTC), "lease_id": "abc"}
    body = render("data_exposure", {"finding": finding(), "block": block}).body
    assert "until 2026-03-01 12:00 UTC" in body
    assert "stanch lease lift abc" in body


def test_a_folder_replaces_a_template_and_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "attack.j2").write_text('Ours: {{ finding.title }}\n{% include "_who.j2" %}\n')
    texts = load_texts(tmp_path)
    assert texts.render("attack", {"finding": finding()}).title == "Ours: Too much data"
    assert texts.render("finding", {}) == render("finding", {})
    assert texts.digest != shipped().digest


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{{ finding.title.upper() }}", "X002"),
        ("{{ finding.title | attr('__class__') }}", "X002"),
        ("{% macro x() %}{% endmacro %}", "X002"),
        ("{% import 'finding.j2' as x %}", "X002"),
        ("{{ finding.title", "X001"),
    ],
)
def test_a_template_may_only_fill_in_fields(source: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Texts({"own": source})
    assert [(problem.code, problem.file, problem.line) for problem in caught.value.problems] == [(code, "own.j2", 1)]


def test_a_misspelt_field_is_an_error_and_not_empty() -> None:
    with pytest.raises(ConfigError) as caught:
        Texts({"own": "{{ finding.titel }}"})
    assert [(problem.code, problem.hint) for problem in caught.value.problems] == [
        ("X006", "did you mean finding.title?")
    ]


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        render("no_such", {})
    assert caught.value.code == "X004"
    assert "data_exposure" in caught.value.hint


@pytest.mark.parametrize("template", [*TICKETS, "config_issue_pm", "approval"])
def test_people_read_how_critical_the_api_is(template: str) -> None:
    known = finding(api={"host": "shop.example.com", "criticality": "critical", "business_owner": "Ana\n\nApproved"})
    assert "Criticality: critical, business owner Ana" in render(template, {"finding": known}).body
    assert "\nApproved" not in render(template, {"finding": known}).body
    assert "Criticality unknown" in render(template, {"finding": finding()}).body
