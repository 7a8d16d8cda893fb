"""`ticket.move` and `ticket.leave` against both trackers: one ticket in each, whatever is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, HOST, Glue, job, nothing, scene

from activities import moving
from activities._run import perform
from stanch.errors import StanchError
from stanch.records import TicketView
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin
from stanch.views import ApiView, FindingView, OwnerView, RouteView, TicketTarget

QUICK = {"timeout": 4.0, "connect_timeout": 1.0, "settle": 0.2, "poll": 0.02}
FINDING = FindingView(
    id="F-1", title="Debug endpoint is public", api=ApiView(host=HOST, path="/mobile/x", method="GET")
)
OLD = "INC0010001"
HOSTILE = "see *[x](javascript:alert(1))* <!channel> {noformat}"


@pytest.fixture
def trackers(tmp_path: Path) -> Iterator[tuple[Glue, JiraStandin, ServiceNowStandin]]:
    with JiraStandin() as jira, ServiceNowStandin() as now, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOVE_JIRA", "jira-token")
        own = {"kind": "jira", "url": jira.url, "email": "stanch@example.com", "token": "secret://env/MOVE_JIRA"}
        theirs = {"kind": "servicenow", "url": now.url, "user": "stanch", "password": now.password}
        sections = {"jira": {**own, "project": "SEC", **QUICK}, "servicenow": {**theirs, **QUICK}}
        with Glue(tmp_path, trackers=sections) as glue:
            yield glue, jira, now


def opened(glue: Glue) -> str:
    port = glue.world.connector("tickets", "servicenow")
    from stanch.ports import TicketDraft

    return str(port.ensure_ticket(TicketDraft(key="aa" * 16, case_id=CASE, summary="S", body="B")).key)


def run(
    glue: Glue,
    action: str,
    params: dict[str, Any],
    *,
    attempts: int = 3,
    system: str = "servicenow",
    target: TicketTarget | None = None,
) -> Any:
    """As Temporal would: again after everything that is not final."""
    owner = RouteView(owner=OwnerView(id="team:mobile-product"), severity="high", ticket=target or TicketTarget())
    where = scene(
        finding=FINDING, route=owner, ticket_system=system, ticket_key=params["key"], ticket_url="https://x/1"
    )
    for attempt in range(1, attempts + 1):
        one = job(action, params, attempt=attempt, scene=where)
        try:
            return perform(glue.world, one, moving.IMPLEMENTATIONS[action], nothing).outputs
        except StanchError:
            if attempt == attempts:
                raise
    raise AssertionError


@pytest.mark.parametrize("lost", ["nothing", "create", "label"])
def test_the_issue_is_made_once_with_the_way_back(
    lost: str, trackers: tuple[Glue, JiraStandin, ServiceNowStandin]
) -> None:
    glue, jira, _ = trackers
    number = opened(glue)
    if lost == "create":
        jira.faults.script("create", Fault("drop_after"))
    elif lost == "label":
        jira.faults.script("*", Fault("status", status=503))
    found = run(glue, "ticket.move", {"key": number, "to": "team:mobile-platform", "text": HOSTILE})
    (issue,) = jira.issues()
    assert (found["system"], found["key"], found["assignee"]) == ("jira", issue.key, "user:tom")
    assert issue.key.startswith("MOBP-")
    text = json.dumps(issue.fields["description"])
    assert f"Moved here from servicenow {number}" in text
    assert "https://x/1" in text
    assert glue.records.case_of_ticket("jira", issue.key) == CASE


def test_the_old_record_is_closed_as_moved_once(trackers: tuple[Glue, JiraStandin, ServiceNowStandin]) -> None:
    glue, _, now = trackers
    number = opened(glue)
    now.faults.script("patch", Fault("drop_after"), Fault("drop_after"))
    params = {"key": number, "system": "servicenow", "to_key": "MOBP-7", "to_system": "jira", "url": "https://j/MOBP-7"}
    run(glue, "ticket.leave", params, attempts=4, system="jira")
    run(glue, "ticket.leave", params, system="jira")
    notes = "\n".join(now.notes(number))
    assert (now.record(number)["state"], now.record(number)["close_code"]) == ("6", "Duplicate")
    assert notes.count("closed as moved, not as fixed") == 1
    assert notes.count("Moved to MOBP-7: https://j/MOBP-7") == 1


def test_what_was_closed_as_moved_is_known_as_our_own_doing(
    trackers: tuple[Glue, JiraStandin, ServiceNowStandin],
) -> None:
    glue, _, _ = trackers
    number = opened(glue)
    glue.records.see_ticket(TicketView("servicenow", number, CASE, datetime.now(UTC), state="in_progress"))
    params = {"key": number, "system": "servicenow", "to_key": "MOBP-7", "to_system": "jira", "url": "https://j/MOBP-7"}
    run(glue, "ticket.leave", params, system="jira")
    seen = glue.records.ticket_view("servicenow", key=number)
    assert seen is not None
    assert (seen.state, seen.resolution) == ("done", "duplicate")


def test_a_deleted_ticket_is_as_good_as_left(trackers: tuple[Glue, JiraStandin, ServiceNowStandin]) -> None:
    glue, _, _ = trackers
    params = {"key": "INC0099999", "system": "servicenow", "to_key": "MOBP-7", "to_system": "jira", "url": ""}
    assert run(glue, "ticket.leave", params, system="jira")["state"] == "done"


def test_the_new_ticket_has_what_the_team_says_and_its_evidence(
    trackers: tuple[Glue, JiraStandin, ServiceNowStandin],
) -> None:
    glue, jira, _ = trackers
    of_route = TicketTarget(system="jira", project="PAY", labels=("of-the-route",), components=("Checkout",))
    moved = run(glue, "ticket.move", {"key": opened(glue), "to": "team:mobile-platform"}, target=of_route)
    (issue,) = jira.issues()
    assert issue.project == "MOBP"
    assert "of-the-route" not in issue.fields["labels"]
    assert not issue.fields.get("components")
    seen = glue.records.ticket_view("jira", key=moved["key"])
    assert seen is not None
    assert seen.draft_key, "the nightly comparison looks for a second one"


def test_a_team_of_this_tracker_only_gets_it_assigned(trackers: tuple[Glue, JiraStandin, ServiceNowStandin]) -> None:
    glue, jira, now = trackers
    number = opened(glue)
    found = run(glue, "ticket.move", {"key": number, "to": "team:mobile-product"})
    assert (found["system"], found["key"]) == ("servicenow", number)
    assert now.record(number)["assignment_group"] == now.state.group("Mobile Product")
    assert jira.issues() == []


def test_back_to_a_ticket_that_is_closed_after_all_stays(
    trackers: tuple[Glue, JiraStandin, ServiceNowStandin],
) -> None:
    glue, jira, now = trackers
    number = opened(glue)
    key = run(glue, "ticket.move", {"key": number, "to": "team:mobile-platform"})["key"]
    now.resolve(number, by="maria.k")
    back = {"key": key, "back": f"servicenow:{number}"}
    assert run(glue, "ticket.move", back, system="jira")["key"] == key
    now.reopen(number, by="maria.k")
    assert run(glue, "ticket.move", back, system="jira")["key"] == number
    assert len(jira.issues()) == 1
