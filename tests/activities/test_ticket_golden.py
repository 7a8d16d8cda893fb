"""The whole ticket, as Jira and ServiceNow store it, for every category and kind of finding."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ticket_samples import GOLDEN, NAMES, context, sample, stored, ticket, trackers
from ticket_support import HOSTILE

from stanch.sandbox._jira import adf as _jira_adf
from stanch.sinks.cutting import units
from stanch.texts import shipped
from stanch.texts.plans import PlanText

HEADINGS = (
    "What was found",
    "Where",
    "Evidence (redacted)",
    "Why it matters",
    "How to see it yourself",
    "How to fix it",
    "How the fix is checked",
    "What is blocked",
    "Who decides",
)
BLOCK = {"target": "GET /orders/{id}", "expires_at": "2026-03-02 12:00 UTC", "lease_id": "l-1"}
ABSENT: dict[str, dict[str, Any]] = {
    "without evidence": {"evidence": ()},
    "without a plan": {"plan": PlanText()},
    "without a route": {"route": {}},
    "with a block": {"block": BLOCK},
    "with a block without an end": {"block": {"target": "GET /orders/{id}"}},
    "without a place": {"finding": {"title": "Leak", "kind": "exposure"}},
}


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Any]]:
    with trackers() as found:
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_the_ticket_is_the_one_that_was_read_by_us(name: str, running: dict[str, Any]) -> None:
    found = stored(ticket(name), running)
    assert found == {ending: (GOLDEN / f"{name}.{ending}").read_text("utf-8") for ending in found}
    assert _jira_adf.valid(json.loads(found["jira.json"])["description"])


def test_no_golden_file_is_of_nothing() -> None:
    assert {path.name.partition(".")[0] for path in GOLDEN.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", ["nothing", *ABSENT])
def test_every_part_is_there_whatever_is_missing(name: str, missing: str) -> None:
    text = shipped().render(sample(name)[0], {**context(name), **ABSENT.get(missing, {})})
    lines = text.body.split("\n")
    assert [heading for heading in HEADINGS if lines.count(heading) != 1] == []
    assert "None" not in text.body
    assert "\n\n\n" not in text.body
    assert text.title


def test_a_block_without_an_end_promises_none() -> None:
    body = shipped().render("finding", {"block": {"target": "GET /x"}}).body
    assert "has no end of its own" in body
    assert "lease lift" not in body


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_finding_stays_inert_in_every_tracker(hostile: str, running: dict[str, Any]) -> None:
    words = {**context("API1"), "evidence": [{"kind": hostile, "excerpt": f"{hostile}\n    {hostile}"}]}
    found = sample("API1")[1]
    view = found.model_copy(update={"title": hostile, "description": hostile, "source": hostile})
    body = shipped().render("finding", {**words, "finding": view}).body
    made = stored(replace(ticket("API1"), summary=hostile, body=body), running)
    document = json.loads(made["jira.json"])["description"]
    kinds = {node["type"] for node in _jira_adf.nodes(document)}
    assert kinds <= {"doc", "paragraph", "text", "hardBreak", "codeBlock"}
    assert "[code]" not in made["servicenow.txt"].partition("\n\n")[2]
    assert made["wiki.txt"].partition("\n\n")[2].lower().count("{noformat") == 2
    assert body.split("\n").count("How to fix it") == 1


def test_the_command_is_one_and_holds_no_word_of_an_attacker_but_the_address() -> None:
    view = sample("API1")[1].api.model_copy(update={"path": "/o/1'; rm -rf ~; '$(id)"})
    finding = sample("API1")[1].model_copy(update={"api": view})
    body = shipped().render("finding", {**context("API1"), "finding": finding}).body
    commands = [line for line in body.split("\n") if line.strip().startswith("curl")]
    assert len(commands) == 1
    assert shlex.split(commands[0])[-1] == "https://api.example.com/o/1'; rm -rf ~; '$(id)"


def test_an_attack_is_never_offered_as_a_command() -> None:
    body = shipped().render("attack", context("attack")).body
    assert "curl" not in body
    assert "Do not repeat the attack" in body


@pytest.mark.parametrize("piece", ["[redacted:0123456789] ", "\N{PILE OF POO}", "    code code\n", "word\n\n"])
def test_limits_hold_as_trackers_count_and_nothing_is_torn(piece: str, running: dict[str, Any]) -> None:
    long = piece * (70_000 // len(piece))
    made = stored(replace(ticket("API1"), summary=long, body="Read this.\n\n" + long), running)
    summary, _, description = made["wiki.txt"].partition("\n\n")
    assert units(summary) <= 255
    assert units(description) <= 32_767 + 1
    short, _, text = made["servicenow.txt"].partition("\n\n")
    assert units(short) <= 160
    assert "[cut here; the whole text is in case case-abc]" in description
    assert "Stanch case case-abc" in text
    for whole in (summary, short):
        assert whole.count("[") == whole.count("]")
    assert "\ufffd" not in description


def test_a_long_report_is_shortened_before_our_own_words(running: dict[str, Any]) -> None:
    template, finding, _ = sample("API1")
    view = finding.model_copy(update={"description": "\n".join(f"line {n} of a long report" for n in range(200))})
    body = shipped().render(template, {**context("API1"), "finding": view}).body
    text = stored(replace(ticket("API1"), body=body), running)["servicenow.txt"]
    assert [heading for heading in HEADINGS if f"\n{heading}\n" not in text] == []
    assert "> [shortened here]" in text
    assert units(text.partition("\n\n")[2]) <= 4001
