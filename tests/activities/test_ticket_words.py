"""What the activity puts into a ticket: evidence of the records, the plan of the case, words that can be repaired."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, NOW, Glue, job, scene, shipped_policy
from jira_support import TOKEN

from activities import tickets
from activities._run import perform
from activities._texts import MAX_EVIDENCE, render
from stanch.records import FindingRow
from stanch.sandbox._jira import adf as _jira_adf
from stanch.sandbox.jira import JiraStandin
from stanch.texts import Texts, shipped
from stanch.views import ApiView, FindingView, RouteView

FINDING = FindingView(id="F-1", title="Orders leak", category="API1:2023", api=ApiView(host="api.example.com"))
BOOK = "data_exposure_block"
PARAMS = {"system": "jira", "summary": "Orders leak", "template": "data_exposure"}


@pytest.fixture(scope="module")
def jira() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def glue(tmp_path: Path, jira: JiraStandin) -> Iterator[Glue]:
    jira.reset()
    section = {"kind": "jira", "url": jira.url, "email": "stanch@example.com", "token": TOKEN, "project": "SEC"}
    scanners = {"probe": {"kind": "replay", "serves": ["api.*"]}, "other": {"kind": "zap", "serves": ["b.example"]}}
    with Glue(tmp_path, trackers={"jira": section}, scanners=scanners) as made:
        yield made


def created(glue: Glue, jira: JiraStandin, *, reading: bool = True, **more: Any) -> str:
    where = scene(finding=FINDING, route=RouteView(assignee="user:maria"), **{"playbook": BOOK, **more})
    todo = job("ticket.create", PARAMS, scene=where)
    if reading:
        made = perform(glue.world, todo, tickets.IMPLEMENTATIONS["ticket.create"], lambda *_: None)
        return _jira_adf.plain(jira.issue(made.outputs["key"]).fields["description"])
    context = tickets.context_of(glue.world, where, evidence=tickets.evidence_of(glue.down(reading=True), where))
    return render(glue.world, where, "data_exposure", context).body


def test_evidence_of_the_newest_report_is_shown_and_no_more_than_can_be_read(glue: Glue, jira: JiraStandin) -> None:
    seen = [{"kind": "http", "status_code": 200, "excerpt": f"row [redacted] {n}"} for n in range(MAX_EVIDENCE + 2)]
    glue.records.add_finding(FindingRow(CASE, "F-1", "own", NOW, {"evidence": seen}))
    text = created(glue, jira)
    assert [f"row [redacted] {n}" in text for n in range(MAX_EVIDENCE + 2)] == [True] * MAX_EVIDENCE + [False] * 2


def test_records_that_are_away_cost_the_evidence_and_not_the_ticket(glue: Glue, jira: JiraStandin) -> None:
    assert "What the tool saw is in the case" in created(glue, jira, reading=False)


def test_the_plan_of_the_case_is_told(glue: Glue, jira: JiraStandin) -> None:
    digest = shipped_policy().current.playbooks.entries[BOOK].plan.digest
    text = created(glue, jira, plan_digest=digest, mode="semi")
    assert "Requests are blocked for at most 24h, and it ends by itself; only after people agree." in text
    assert "decided by 1 of user:maria or the owner's lead, and 1 of team:appsec" in text
    assert "Scanners that may look at this place: probe." in text


def test_a_plan_that_is_not_this_one_is_not_told(glue: Glue, jira: JiraStandin) -> None:
    text = created(glue, jira, plan_digest="0" * 64)
    assert "The plan allows" not in text
    assert "stays open until there is proof" in text


def test_a_template_that_fails_when_filled_gives_the_shipped_words(glue: Glue) -> None:
    class Broken:
        texts = Texts({**shipped().sources, "finding": "Title\n{{ finding.title < 3 }}"})

    class Policy:
        current = Broken

    world: Any = glue.world
    world.policy = Policy
    assert render(world, scene(), "finding", {}) == shipped().render("finding", {})


def test_evidence_in_another_form_is_left_out(glue: Glue, jira: JiraStandin) -> None:
    glue.records.add_finding(FindingRow(CASE, "F-1", "own", NOW, {"evidence": [{"status_code": "many"}, "text"]}))
    assert "What the tool saw is in the case" in created(glue, jira)
