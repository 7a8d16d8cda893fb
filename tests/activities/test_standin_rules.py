"""What administrators and people change in Jira at run time, as the real client and our connector see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jira as jira_library
import pytest
from jira_support import connect as connect_jira
from spec_contract import JIRA, SERVICENOW, Contract, obeying, parameters_of
from standin_support import EMPTY, FIELDS, library, refused, told
from ticket_support import draft

from stanch.errors import AuthBlocked, Rejected, RetrySafe
from stanch.ports import TicketState
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin


@pytest.fixture(scope="module")
def clouds() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def jira(clouds: JiraStandin) -> Iterator[JiraStandin]:
    clouds.reset()
    with obeying(clouds):
        yield clouds


@pytest.fixture
def client(jira: JiraStandin) -> Iterator[jira_library.JIRA]:
    made = library(jira)
    yield made
    made.close()


def test_every_operation_of_the_jira_stand_in_is_in_the_specification() -> None:
    served = {
        f"{method} {route.path}"
        for route in JiraStandin().app.routes
        if route.path.startswith("/rest/")
        for method in route.methods - {"HEAD"}
    }
    known = {operation.split("{")[0].count("/") and _plain(operation) for operation in parameters_of(JIRA)}
    assert {_plain(each) for each in served} - known == set()


def test_every_operation_of_the_servicenow_stand_in_is_in_ours() -> None:
    served = {
        f"{method} {route.path}"
        for route in ServiceNowStandin().app.routes
        if route.path.startswith("/api/")
        for method in route.methods - {"HEAD"}
    }
    assert {_plain(each) for each in served} == {_plain(each) for each in parameters_of(SERVICENOW)}


def _plain(operation: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in operation.split("/"))


def test_a_path_outside_the_specification_is_a_violation(jira: JiraStandin) -> None:
    contract = Contract("servicenow-tables.json")
    jira.observe = contract
    connect_jira(jira).get_ticket(connect_jira(jira).ensure_ticket(draft()).key)
    assert any("no such operation" in each for each in contract.violations())
    jira.observe = None


def test_a_token_is_revoked(jira: JiraStandin) -> None:
    tickets = connect_jira(jira)
    assert told(jira, "settings", token="another") == 200
    assert "another" not in httpx.get(f"{jira.url}/_control/settings").text
    with pytest.raises(AuthBlocked):
        tickets.ensure_ticket(draft())


def test_a_field_becomes_required(jira: JiraStandin, client: jira_library.JIRA) -> None:
    assert told(jira, "settings", required_fields=[{"id": "customfield_10010", "name": "Team"}]) == 200
    status, body = refused(lambda: client.create_issue(FIELDS, prefetch=False))
    assert (status, body["errors"]) == (400, {"customfield_10010": "Team is required."})
    with pytest.raises(Rejected, match=r"customfield_10010|Team"):
        connect_jira(jira).ensure_ticket(draft())


def test_a_transition_goes_missing(jira: JiraStandin, client: jira_library.JIRA) -> None:
    tickets = connect_jira(jira)
    key = tickets.ensure_ticket(draft()).key
    assert told(jira, "settings", without_transitions=["31"]) == 200
    assert [each["id"] for each in client.transitions(key)] == ["21"]
    with pytest.raises(Rejected, match="no Jira transition leads"):
        tickets.set_state(key, TicketState.DONE)


@pytest.mark.parametrize(
    ("permission", "act", "status"),
    [
        ("CREATE_ISSUES", lambda client, key: client.create_issue(FIELDS, prefetch=False), 400),
        (
            "ADD_COMMENTS",
            lambda client, key: client.add_comment(key, EMPTY),
            400,
        ),
        ("EDIT_ISSUES", lambda client, key: put(client, f"issue/{key}"), 400),
        (
            "ASSIGN_ISSUES",
            lambda client, key: put(client, f"issue/{key}/assignee"),
            403,
        ),
        ("BROWSE_PROJECTS", lambda client, key: client.issue(key), 404),
    ],
)
def test_a_permission_is_taken_away(
    jira: JiraStandin, client: jira_library.JIRA, permission: str, act: Any, status: int
) -> None:
    key = client.create_issue(FIELDS, prefetch=False).key
    assert told(jira, "settings", denied=[permission]) == 200
    assert refused(lambda: act(client, key))[0] == status
    asked = client.my_permissions(permissions=permission)
    assert asked["permissions"][permission]["havePermission"] is False


def put(client: jira_library.JIRA, path: str) -> None:
    client._session.put(f"{client.server_url}/rest/api/3/{path}", data="{}")


def test_a_project_is_archived(jira: JiraStandin, client: jira_library.JIRA) -> None:
    tickets = connect_jira(jira)
    key = tickets.ensure_ticket(draft()).key
    assert told(jira, "settings", archived=["MOBP"]) == 200
    assert refused(lambda: client.issue(key))[0] == 404
    assert refused(lambda: client.create_issue(FIELDS, prefetch=False))[1]["errors"].keys() == {"project"}
    with pytest.raises(Rejected):
        tickets.get_ticket(key)
    assert told(jira, "settings", archived=[]) == 200
    assert tickets.get_ticket(key).key == key


def test_an_attachment_is_too_large(jira: JiraStandin) -> None:
    tickets = connect_jira(jira)
    key = tickets.ensure_ticket(draft()).key
    assert told(jira, "settings", attachment_limit=10) == 200
    with pytest.raises(Rejected):
        tickets.attach(key, name="a.json", content=b"x" * 11)
    tickets.attach(key, name="a.json", content=b"x" * 10)
    assert len(jira.issue(key).attachments) == 1


def test_writes_to_one_issue_are_limited_by_issue(clouds: JiraStandin) -> None:
    clouds.reset()  # the specification knows no 429 for these
    client = library(clouds)
    first, second = (client.create_issue(FIELDS, prefetch=False).key for _ in range(2))
    assert told(clouds, "settings", issue_writes=[2, 60]) == 200
    for key in (first, first, second):
        client.add_comment(key, EMPTY)
    with pytest.raises(jira_library.JIRAError) as caught:
        client.add_comment(first, EMPTY)
    headers = caught.value.response.headers
    assert (caught.value.status_code, headers["RateLimit-Reason"]) == (429, "jira-per-issue-on-write")
    with pytest.raises(RetrySafe) as waits:
        connect_jira(clouds).add_note(first, "text", marker="aa" * 8)
    assert 0 < (waits.value.retry_after or 0) <= 60
    client.close()


def test_an_issue_moves_and_its_old_key_finds_it(jira: JiraStandin, client: jira_library.JIRA) -> None:
    tickets = connect_jira(jira)
    key = tickets.ensure_ticket(draft()).key
    assert told(jira, "act", do="move", key=key, to="PAY") == 200
    assert client.issue(key).key == "PAY-1"
    assert tickets.get_ticket(key).key == "PAY-1"
    assert tickets.ensure_ticket(draft()).key == "PAY-1"
    assert b'"field": "Key"' in jira.callbacks.sent[-1].body
    assert told(jira, "act", do="move", key=key, to="NOWHERE") == 400


def test_an_issue_is_deleted(jira: JiraStandin, client: jira_library.JIRA) -> None:
    tickets = connect_jira(jira)
    key = tickets.ensure_ticket(draft()).key
    assert told(jira, "act", do="delete", key=key) == 200
    assert refused(lambda: client.issue(key))[0] == 404
    with pytest.raises(Rejected):
        tickets.get_ticket(key)
    assert b"jira:issue_deleted" in jira.callbacks.sent[-1].body
    assert tickets.ensure_ticket(draft()).key == "MOBP-2"


def test_people_set_priority_and_resolution(jira: JiraStandin, client: jira_library.JIRA) -> None:
    key = client.create_issue(FIELDS, prefetch=False).key
    assert told(jira, "act", do="priority", key=key, to="High") == 200
    assert told(jira, "act", do="priority", key=key, to="Enormous") == 400
    assert told(jira, "act", do="resolve", key=key, resolution="Won't Do", by="tom.b") == 200
    issue = client.issue(key)
    assert (issue.fields.priority.name, issue.fields.resolution.name) == ("High", "Won't Do")
    assert told(jira, "act", do="reopen", key=key) == 200
    assert client.issue(key).fields.resolution is None


def test_edits_relations_and_pages_of_a_search(jira: JiraStandin, client: jira_library.JIRA) -> None:
    assert told(jira, "settings", components={"MOBP": ["api", "web"]}) == 200
    keys = [client.create_issue({**FIELDS, "components": [{"name": "api"}]}, prefetch=False).key for _ in range(5)]
    first = client.issue(keys[0])
    first.update(fields={"labels": ["a"], "parent": {"key": keys[1]}}, notify=True)
    assert (first.fields.labels, first.fields.parent.key) == (["a"], keys[1])
    assert [each.name for each in first.fields.components] == ["api"]
    moon = refused(lambda: first.update(fields={"components": [{"name": "moon"}]}))[1]
    assert moon["errors"].keys() == {"components"}
    client.create_issue_link("Duplicate", keys[0], keys[1], comment={"body": EMPTY})
    assert client.issue(keys[0]).fields.issuelinks[0].outwardIssue.key == keys[1]
    query = "project = MOBP AND updated >= -1d ORDER BY key DESC"
    found = client.enhanced_search_issues(query, maxResults=2, fields="summary")
    assert [issue.key for issue in found] == keys[:2:-1]
    assert found.nextPageToken
    rest = client.enhanced_search_issues(query, maxResults=5, fields="summary", nextPageToken=found.nextPageToken)
    assert [issue.key for issue in rest] == keys[2::-1]


@pytest.mark.parametrize(
    "order",
    [
        {"tokn": "x"},
        {"denied": ["EVERYTHING"]},
        {"archived": "MOBP"},
        {"attachment_limit": -1},
        {"issue_writes": [1]},
        {"required_fields": [{"id": "x"}]},
        {"components": {"MOON": ["api"]}},
        {"index_lag": "long"},
    ],
)
def test_a_wrong_setting_changes_nothing(jira: JiraStandin, order: dict[str, Any]) -> None:
    before = jira.settings()
    assert told(jira, "settings", **{"denied": ["LINK_ISSUES"], **order}) == 400
    assert jira.settings() == before
