"""Every fault of a plan, ordered over the control interface, as the real client libraries and our connectors see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jira as jira_library
import pytest
import requests
from jira_support import connect as connect_jira
from servicenow_support import PASSWORD, needs_pysnow
from servicenow_support import connect as connect_now
from standin_support import FIELDS, library, plan
from ticket_support import draft

from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.sandbox._faults import NAMED
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

Lost = (requests.ConnectionError, requests.Timeout)
Refused = jira_library.JIRAError
NoJson = requests.JSONDecodeError

# Fault, what it says beside the name; what the create of `jira` raises (None: it reads the answer as success) and how
# often the issue is there afterwards; what our connector says of a create and of a read.
TABLE: list[tuple[str, dict[str, Any], Any, int, type[ConnectorError] | None, type[ConnectorError] | None]] = [
    ("drop", {}, Lost, 0, Uncertain, RetrySafe),
    ("hang", {"seconds": 1}, Lost, 0, Uncertain, RetrySafe),
    ("rate_limited", {"retry_after": "7"}, Refused, 0, RetrySafe, RetrySafe),
    ("rate_limited", {"retry_after": "date:30"}, Refused, 0, RetrySafe, RetrySafe),
    ("rate_limited", {"retry_after": "", "reason": "jira-burst-based"}, Refused, 0, RetrySafe, RetrySafe),
    ("server_error", {"status": 502}, Refused, 0, Uncertain, RetrySafe),
    ("unauthorized", {}, Refused, 0, AuthBlocked, AuthBlocked),
    ("forbidden", {}, Refused, 0, AuthBlocked, AuthBlocked),
    ("business_rule", {}, Refused, 0, Rejected, Rejected),
    ("html", {}, NoJson, 0, Uncertain, RetrySafe),
    ("error_200", {}, Refused, 0, Uncertain, RetrySafe),
    ("commit_then_drop", {}, Lost, 1, Uncertain, RetrySafe),
    ("commit_then_hang", {"seconds": 1}, Lost, 1, Uncertain, RetrySafe),
    ("commit_then_server_error", {}, Refused, 1, Uncertain, RetrySafe),
    ("commit_then_html", {}, NoJson, 1, Uncertain, RetrySafe),
    ("commit_then_error_200", {}, Refused, 1, Uncertain, RetrySafe),
    ("truncated", {}, NoJson, 1, Uncertain, RetrySafe),
    ("slow", {"seconds": 0.1}, None, 1, None, None),
]
IDS = [f"{name} {' '.join(map(str, more.values()))}".strip() for name, more, *_ in TABLE]
OF_CALLBACKS = {name for name in NAMED if name.endswith("_callback")}


@pytest.fixture(scope="module")
def clouds() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture
def jira(clouds: JiraStandin) -> JiraStandin:
    clouds.reset()
    return clouds


@pytest.fixture(scope="module")
def instances() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin() as standin:
        yield standin


@pytest.fixture
def now(instances: ServiceNowStandin) -> ServiceNowStandin:
    instances.reset()
    return instances


def test_the_table_names_every_fault() -> None:
    assert {name for name, *_ in TABLE} | OF_CALLBACKS | {"search_lag"} == set(NAMED)


@pytest.mark.parametrize(("fault", "more", "error", "made", "write", "read"), TABLE, ids=IDS)
def test_a_fault_as_the_jira_library_meets_it(
    jira: JiraStandin, fault: str, more: dict[str, Any], error: Any, made: int, write: Any, read: Any
) -> None:
    plan(jira, fault, "create", **more)
    client = library(jira)
    if error is None:
        assert client.create_issue(FIELDS, prefetch=False).key == "MOBP-1"
    else:
        with pytest.raises(error) as caught:
            client.create_issue(FIELDS, prefetch=False)
        shown = getattr(getattr(caught.value, "response", None), "headers", {})
        assert shown.get("RateLimit-Reason") == more.get("reason")
        assert bool(shown.get("Retry-After")) is (fault == "rate_limited" and bool(more["retry_after"]))
    client.close()
    assert len(jira.issues()) == made
    entry = jira.ledger.entries("jira.request")[0]
    assert (entry["operation"], entry["fault"], bool(entry["handled"])) == ("create", fault, bool(made))
    assert httpx.get(f"{jira.url}/_control/faults").json()["rules"][0]["fired"] == 1


@pytest.mark.parametrize(("fault", "more", "error", "made", "write", "read"), TABLE, ids=IDS)
def test_a_fault_as_our_jira_connector_meets_it(
    jira: JiraStandin, fault: str, more: dict[str, Any], error: Any, made: int, write: Any, read: Any
) -> None:
    tickets = connect_jira(jira, timeout=0.5)
    expect(lambda: tickets.ensure_ticket(draft()), write, lambda: plan(jira, fault, "create", **more))
    assert len(jira.issues()) == made
    jira.reset()
    key = tickets.ensure_ticket(draft()).key
    expect(lambda: tickets.get_ticket(key), read, lambda: plan(jira, fault, "get", **more))


@pytest.mark.parametrize(("fault", "more", "error", "made", "write", "read"), TABLE, ids=IDS)
@pytest.mark.parametrize("transport", ["requests", pytest.param("pysnow", marks=needs_pysnow)])
def test_a_fault_as_our_servicenow_connector_meets_it(
    now: ServiceNowStandin,
    transport: str,
    fault: str,
    more: dict[str, Any],
    error: Any,
    made: int,
    write: Any,
    read: Any,
) -> None:
    tickets = connect_now(now, transport=transport, timeout=0.5)
    expect(lambda: tickets.ensure_ticket(draft()), write, lambda: plan(now, fault, "create", **more))
    assert len(now.records()) == made
    now.reset()
    key = tickets.ensure_ticket(draft()).key
    expect(lambda: tickets.get_ticket(key), read, lambda: plan(now, fault, "query", **more))


@needs_pysnow
@pytest.mark.parametrize(
    ("fault", "error", "made"),
    [
        ("drop", Lost, 0),
        ("commit_then_drop", Lost, 1),
        ("unauthorized", requests.HTTPError, 0),
        ("business_rule", requests.HTTPError, 0),
        ("html", NoJson, 0),
        ("truncated", NoJson, 1),
        ("commit_then_server_error", requests.HTTPError, 1),
    ],
)
def test_a_fault_as_pysnow_meets_it(now: ServiceNowStandin, fault: str, error: Any, made: int) -> None:
    plan(now, fault, "create")
    with pytest.raises(error):
        incidents(now).create({"short_description": "Debug endpoint is public"}).one()
    assert len(now.records()) == made


@needs_pysnow
def test_pysnow_reads_an_error_in_a_200_as_no_records(now: ServiceNowStandin) -> None:
    """Why our transport reads each answer first: a lookup that says so would be followed by a second create."""
    incidents(now).create({"short_description": "x"})
    plan(now, "error_200", "query")
    assert incidents(now).get(query={}).all() == []
    assert len(incidents(now).get(query={}).all()) == 1


def incidents(now: ServiceNowStandin) -> Any:
    import pysnow

    host = now.url.removeprefix("http://")
    client = pysnow.Client(host=host, user="stanch", password=PASSWORD, use_ssl=False)
    return client.resource(api_path="/table/incident")


def test_a_searchs_lag_is_seen_by_both_clients(jira: JiraStandin) -> None:
    client, tickets = library(jira), connect_jira(jira, timeout=0.5, settle=0.3)
    first = tickets.ensure_ticket(draft())
    plan(jira, "search_lag", "search", seconds=30, times=2)
    query = f'labels = "{jira.issue(first.key).fields["labels"][0]}"'
    assert [*client.enhanced_search_issues(query, fields="summary")] == []
    assert tickets.ensure_ticket(draft()).key != first.key
    assert len([*client.enhanced_search_issues(query, fields="summary")]) == 2
    client.close()


def expect(act: Any, error: type[ConnectorError] | None, first: Any) -> None:
    first()
    if error is None:
        act()
        return
    with pytest.raises(error) as caught:
        act()
    assert type(caught.value).outcome == error.outcome
