"""Tickets that were made twice: one is kept, the others are linked, commented, closed and counted, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, NOW, Glue, job, scene
from jira_support import TOKEN
from jira_support import connect as connect_jira
from servicenow_support import TRANSPORTS
from servicenow_support import connect as connect_now
from ticket_support import KEY, draft

from activities import tickets
from activities._run import perform
from activities._ticket.duplicates import sweep_doubtful
from stanch.errors import Uncertain
from stanch.ports import Swept, TicketState
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import DOING, DONE, JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin
from stanch.views import RouteView, TicketTarget

LATER = NOW + timedelta(days=2)


@pytest.fixture(scope="module")
def shared() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def jira(shared: JiraStandin) -> JiraStandin:
    shared.reset()
    return shared


def twice(jira: JiraStandin) -> None:
    """A search that lags, and nobody who waits for it."""
    jira.index_lag = 60
    for _ in range(2):
        connect_jira(jira).ensure_ticket(draft())
    jira.index_lag = 0


def test_the_older_is_kept_and_the_other_says_why(jira: JiraStandin) -> None:
    twice(jira)
    port = connect_jira(jira)
    assert port.sweep(KEY) == Swept(kept="MOBP-1", closed=("MOBP-2",))
    extra = jira.issue("MOBP-2")
    assert (extra.status, extra.resolution) == (DONE, "Duplicate")
    assert "MOBP-1" in json.dumps(extra.comments[0]["body"])
    assert jira.issue("MOBP-1").comments == []
    assert port.sweep(KEY) == Swept(kept="MOBP-1")
    assert len(extra.comments) == 1


def test_the_one_that_the_case_knows_is_kept(jira: JiraStandin) -> None:
    twice(jira)
    assert connect_jira(jira).sweep(KEY, keep="MOBP-2") == Swept(kept="MOBP-2", closed=("MOBP-1",))


def test_what_a_person_closed_in_favour_of_the_other_stays_so(jira: JiraStandin) -> None:
    twice(jira)
    jira.transition("MOBP-1", to=DONE, by="tom.b", resolution="Duplicate")
    assert connect_jira(jira).sweep(KEY) == Swept(kept="MOBP-2")
    assert connect_jira(jira).ensure_ticket(draft()).key == "MOBP-2"


def test_what_a_person_opened_again_is_left_alone(jira: JiraStandin) -> None:
    twice(jira)
    connect_jira(jira).sweep(KEY)
    jira.transition("MOBP-2", to=DOING, by="tom.b")
    assert connect_jira(jira).sweep(KEY) == Swept(kept="MOBP-1", left=("MOBP-2",))
    assert jira.issue("MOBP-2").status == DOING


def test_a_stranger_with_our_words_is_no_duplicate(jira: JiraStandin) -> None:
    twice(jira)
    issue = jira.issue("MOBP-2")
    issue.indexed_labels, issue.fields["labels"] = issue.fields["labels"], []
    assert connect_jira(jira).sweep(KEY) == Swept(kept="MOBP-1")
    assert connect_jira(jira).sweep("99" * 16) == Swept()


@pytest.mark.parametrize("fault", [("transition", "drop_after"), ("comment", "drop_before"), ("search", "drop_before")])
def test_a_sweep_that_broke_off_is_finished_by_the_next(jira: JiraStandin, fault: tuple[str, str]) -> None:
    twice(jira)
    port = connect_jira(jira)
    jira.faults.script(fault[0], Fault(fault[1]))
    with pytest.raises(Exception, match="Jira"):
        port.sweep(KEY)
    port.sweep(KEY)
    assert (jira.issue("MOBP-2").status, len(jira.issue("MOBP-2").comments)) == (DONE, 1)
    assert jira.issue("MOBP-1").status != DONE


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("table", ["incident", "sn_si_incident"])
def test_servicenow_keeps_one(transport: str, table: str) -> None:
    with ServiceNowStandin() as now:
        port = connect_now(now, transport=transport, table=table)
        first = port.ensure_ticket(draft())
        copy = now.state.create(table, {"correlation_id": f"stanch:{KEY}", "short_description": "again"}, by="stanch")
        port.ensure_ticket(draft(key="77" * 16))
        assert port.sweep(KEY) == Swept(kept=first.key, closed=(copy["number"],))
        assert port.get_ticket(copy["number"]).state is TicketState.DONE
        assert first.key in now.notes(copy["number"])[0]
        assert port.sweep(KEY) == Swept(kept=first.key)
        assert len(now.notes(copy["number"])) == 1


# -- from the step to the count --------------------------------------------------------------------------------------


@pytest.fixture
def glue(tmp_path: Path, jira: JiraStandin) -> Iterator[Glue]:
    section = {"kind": "jira", "url": jira.url, "email": "stanch@example.com", "token": TOKEN, "project": "MOBP"}
    with Glue(tmp_path, trackers={"jira": {**section, "settle": 0, "timeout": 0.4, "connect_timeout": 0.1}}) as made:
        yield made


def create(glue: Glue, *, attempt: int = 1, since: datetime = NOW, **route: Any) -> dict[str, Any]:
    params = {"system": "jira", "summary": "Orders leak", "template": "finding"}
    where = scene(route=RouteView(**route))
    todo = job("ticket.create", params, attempt=attempt, since=since, scene=where)
    return perform(glue.world, todo, tickets.IMPLEMENTATIONS["ticket.create"], lambda *_: None).outputs


def test_a_tracker_worse_than_its_window_is_swept_counted_and_told(glue: Glue, jira: JiraStandin) -> None:
    jira.index_lag = 60
    jira.faults.script("create", Fault("drop_after"))
    with pytest.raises(Uncertain):
        create(glue)
    assert create(glue, attempt=2)["key"] == "MOBP-2"
    jira.index_lag = 0
    now = datetime.now(UTC)
    assert sweep_doubtful(glue.world, now) == 0  # not yet: the index may still lag
    assert sweep_doubtful(glue.world, LATER + (now - NOW)) == 1
    assert sweep_doubtful(glue.world, LATER + (now - NOW)) == 0
    assert glue.records.duplicates_closed() == 1
    lines = [item.data for item in glue.records.timeline(CASE) if item.event == "ticket.duplicate_closed"]
    assert lines == [{"system": "jira", "closed": "MOBP-2", "kept": "MOBP-1"}]
    assert glue.records.verify().ok


def test_a_sure_create_is_not_looked_at_again(glue: Glue, jira: JiraStandin) -> None:
    create(glue)
    assert list(glue.records.ticket_doubts(LATER + timedelta(days=999))) == []


def test_a_tracker_that_is_away_is_asked_later(glue: Glue, jira: JiraStandin) -> None:
    create(glue, attempt=2)
    far = datetime.now(UTC) + timedelta(hours=1)
    jira.faults.script("search", Fault("drop_before"))
    assert sweep_doubtful(glue.world, far) == 0
    assert len(glue.records.ticket_doubts(far)) == 0
    assert len(glue.records.ticket_doubts(far + timedelta(hours=1))) == 1


def test_what_the_route_says_reaches_the_ticket(glue: Glue, jira: JiraStandin) -> None:
    due = datetime(2026, 4, 2, 12, tzinfo=UTC)
    target = TicketTarget(system="jira", project="PAY", type="Bug", labels=("mobile",))
    outputs = create(glue, ticket=target, due=due)
    fields = jira.issue(outputs["key"]).fields
    assert outputs["key"].startswith("PAY-")
    assert (fields["duedate"], fields["issuetype"]["name"], "mobile" in fields["labels"]) == ("2026-04-02", "Bug", True)


def test_the_evidence_is_attached_once_with_its_digest(glue: Glue, jira: JiraStandin) -> None:
    from stanch.records import FindingRow

    glue.records.add_finding(FindingRow(CASE, "F-1", "own", NOW, {"title": "x", "evidence": [{"kind": "http"}]}))
    first = create(glue)
    again = create(glue, attempt=2)
    issue = jira.issue(first["key"])
    [file] = issue.attachments
    assert file["filename"] == f"evidence-{first['evidence'][:16]}.json"
    assert json.loads(file["content"]) == {"case_id": CASE, "finding": {"title": "x", "evidence": [{"kind": "http"}]}}
    assert first["evidence"] == again["evidence"]
    assert [first["evidence"] in json.dumps(comment["body"]) for comment in issue.comments] == [True]


def test_evidence_that_cannot_be_attached_costs_nothing_else(glue: Glue, jira: JiraStandin) -> None:
    from stanch.records import FindingRow

    glue.records.add_finding(FindingRow(CASE, "F-1", "own", NOW, {"title": "x"}))
    jira.faults.script("attach", Fault("status", status=413))
    outputs = create(glue)
    assert (outputs["evidence"], len(jira.issues())) == ("", 1)
