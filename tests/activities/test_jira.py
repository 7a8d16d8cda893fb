"""Tickets in Jira, Cloud and Data Center, against the stand-in; on Cloud every exchange obeys Atlassian's own spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import requests
from jira_support import TOKEN, connect
from spec_contract import Contract, obeying
from starlette.responses import JSONResponse
from ticket_support import KEY, draft

from activities.jira import JiraTickets
from stanch.errors import ConfigError, Rejected
from stanch.ports import Ticket, TicketState
from stanch.sandbox.jira import DOING, DONE, CustomField, JiraStandin


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, JiraStandin]]:
    with JiraStandin() as cloud, JiraStandin(cloud=False) as server:
        yield {"cloud": cloud, "server": server}


@pytest.fixture(params=["cloud", "server"])
def jira(request: pytest.FixtureRequest, both: dict[str, JiraStandin]) -> Iterator[JiraStandin]:
    standin = both[request.param]
    standin.reset()
    with obeying(standin) if standin.cloud else nullcontext():
        yield standin


@pytest.fixture
def cloud(both: dict[str, JiraStandin]) -> JiraStandin:
    both["cloud"].reset()
    return both["cloud"]


@pytest.fixture
def strict() -> Iterator[JiraStandin]:
    with JiraStandin(strict=True) as standin:
        yield standin


def made(jira: JiraStandin, **changes: Any) -> tuple[JiraTickets, Ticket]:
    tickets = connect(jira, **changes)
    return tickets, tickets.ensure_ticket(draft())


def test_a_ticket_is_made_once_and_found_again(jira: JiraStandin) -> None:
    tickets = connect(jira)
    first = tickets.ensure_ticket(draft(assignee="tom.b", watchers=("maria.k",), labels=("api security",)))
    again = connect(jira).ensure_ticket(draft())
    assert (first.key, first.state, first.assignee, first.system) == ("MOBP-1", TicketState.NEW, "tom.b", "jira")
    assert again.key == first.key
    assert jira.ledger.count("jira.issue_created") == 1
    issue = jira.issue(first.key)
    assert issue.fields["labels"] == [f"stanch-{KEY[:16]}", "api-security"]
    assert issue.watchers == ["maria.k"]
    assert requests.get(first.url, timeout=5).status_code == 200


def test_the_project_and_type_of_the_route_win(jira: JiraStandin) -> None:
    ticket = connect(jira).ensure_ticket(draft(project="PAY", type="Bug"))
    assert ticket.key == "PAY-1"
    assert jira.issue("PAY-1").fields["issuetype"]["name"] == "Bug"


def test_a_ticket_that_a_person_moved_to_another_project_is_still_found(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    moved = jira.state.issues.pop(ticket.key)
    moved.key = "SEC-77"
    jira.state.issues["SEC-77"] = moved
    assert tickets.ensure_ticket(draft()).key == "SEC-77"


def test_a_row_without_our_label_is_not_taken_for_ours(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    issue = cloud.issue(ticket.key)
    issue.indexed_labels, issue.fields["labels"] = issue.fields["labels"], []
    assert tickets.ensure_ticket(draft()).key != ticket.key


def test_of_duplicates_the_oldest_is_taken(cloud: JiraStandin) -> None:
    tickets, first = made(cloud)
    cloud.index_lag = 60
    tickets.ensure_ticket(draft())  # nothing told it to settle
    cloud.index_lag = 0
    assert len(cloud.issues()) == 2
    assert tickets.ensure_ticket(draft()).key == first.key


def test_the_state_goes_by_category_and_back(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    done = tickets.set_state(ticket.key, TicketState.DONE, resolution="fixed_and_verified", note="The block is lifted.")
    assert (done.state, done.resolution, done.state_name) == (TicketState.DONE, "fixed", "Done")
    reopened = tickets.set_state(ticket.key, TicketState.IN_PROGRESS)
    assert (reopened.state, reopened.resolution) == (TicketState.IN_PROGRESS, "")
    events = [entry["event"] for entry in jira.ledger.entries()]
    assert events == ["jira.issue_created", "jira.transition", "jira.comment", "jira.transition"]


@pytest.mark.parametrize(
    ("resolution", "name"),
    [("risk_accepted", "Won't Do"), ("false_positive", "Cannot Reproduce"), ("duplicate", "Duplicate"), ("", "Done")],
)
def test_a_resolution_is_written_and_read_back(cloud: JiraStandin, resolution: str, name: str) -> None:
    tickets, ticket = made(cloud)
    done = tickets.set_state(ticket.key, TicketState.DONE, resolution=resolution)
    assert cloud.issue(ticket.key).resolution == name
    assert done.resolution == (resolution or "fixed")


def test_already_there_is_success_and_changes_nothing(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    jira.transition(ticket.key, to=DONE, by="tom.b")
    assert tickets.set_state(ticket.key, TicketState.DONE).state is TicketState.DONE
    assert jira.ledger.count("jira.transition") == 1


def test_done_is_reached_through_the_states_between(strict: JiraStandin) -> None:
    tickets, ticket = made(strict)
    assert tickets.set_state(ticket.key, TicketState.DONE).state is TicketState.DONE
    assert [entry["to"] for entry in strict.ledger.entries("jira.transition")] == ["indeterminate", "done"]


def test_reopening_takes_the_way_there_is(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    cloud.transition(ticket.key, to=DONE)
    assert tickets.set_state(ticket.key, TicketState.NEW).state is TicketState.NEW  # through In Progress
    cloud.transition(ticket.key, to=DONE)
    cloud.state.workflow = {**cloud.state.workflow, DOING.id: ()}
    assert tickets.set_state(ticket.key, TicketState.NEW).state is TicketState.IN_PROGRESS


def test_a_state_without_a_way_is_rejected(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    cloud.transition(ticket.key, to=DONE)
    cloud.state.workflow = {**cloud.state.workflow, DONE.id: ()}
    with pytest.raises(Rejected, match="from Done to new") as caught:
        tickets.set_state(ticket.key, TicketState.NEW)
    assert "transitions" in caught.value.hint


def test_a_configured_transition_wins(cloud: JiraStandin) -> None:
    from dataclasses import replace

    from stanch.sandbox._jira import state as data

    cancel = replace(data.RESOLVE, id="61", name="Cancel")
    cloud.state.workflow = {**cloud.state.workflow, data.TO_DO.id: (cancel, data.RESOLVE)}
    tickets, ticket = made(cloud, transitions={"done": "31"})
    tickets.set_state(ticket.key, TicketState.DONE)
    assert cloud.issue(ticket.key).status == DONE
    cloud.state.workflow = {**cloud.state.workflow, data.DOING.id: (cancel,)}
    cloud.transition(ticket.key, to=DOING)
    assert tickets.set_state(ticket.key, TicketState.DONE).state is TicketState.DONE  # the id is not offered: next best


def test_required_transition_fields_come_from_configuration(cloud: JiraStandin) -> None:
    from dataclasses import replace

    from stanch.sandbox._jira import state as data

    needs = replace(data.RESOLVE, requires=("resolution",))
    cloud.state.workflow = {**cloud.state.workflow, data.TO_DO.id: (needs,)}
    tickets, ticket = made(cloud)
    with pytest.raises(Rejected, match="fields resolution"):
        tickets.set_state(ticket.key, TicketState.DONE)
    configured = connect(cloud, transition_fields={"done": {"resolution": {"name": "Won't Do"}}})
    configured.set_state(ticket.key, TicketState.DONE)
    assert cloud.issue(ticket.key).resolution == "Won't Do"


def test_a_note_is_written_once_per_marker(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    for marker in ("aa" * 8, "aa" * 8, "bb" * 8):
        tickets.add_note(ticket.key, "The block stands.", marker=marker)
    assert jira.ledger.count("jira.comment") == 2


def test_a_note_is_found_behind_many_comments(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    tickets.add_note(ticket.key, "first", marker="aa" * 8)
    for number in range(130):
        cloud.comment(ticket.key, f"chatter {number}")
    tickets.add_note(ticket.key, "first", marker="aa" * 8)
    assert [entry["by"] for entry in cloud.ledger.entries("jira.comment")].count("stanch-bot") == 1


def test_a_link_is_kept_by_its_id(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    for title in ("Case", "Case, renamed"):
        tickets.ensure_link(ticket.key, link_id="case-abc", url="http://127.0.0.1/cases/abc", title=title)
    assert [link["title"] for link in jira.issue(ticket.key).links.values()] == ["Case, renamed"]
    with pytest.raises(Rejected):
        tickets.ensure_link(ticket.key, link_id="x", url="javascript:alert(1)", title="x")


def test_a_file_is_attached_once(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    content = b'{"a": 1}'
    for _ in range(2):
        tickets.attach(ticket.key, name="../evidence 1.json", content=content)
    files = jira.issue(ticket.key).attachments
    name = f"_evidence_1-{sha256(content).hexdigest()[:16]}.json"
    assert [(file["filename"], file["content"]) for file in files] == [(name, content)]


@pytest.mark.parametrize("content", [b"", b"x" * (5 * 1024 * 1024 + 1)])
def test_an_empty_or_huge_file_is_rejected_before_it_is_sent(cloud: JiraStandin, content: bytes) -> None:
    tickets, ticket = made(cloud)
    with pytest.raises(Rejected):
        tickets.attach(ticket.key, name="a", content=content)
    assert cloud.ledger.count("jira.attachment") == 0


def test_assigning_says_why_and_shows_who_changed_it(jira: JiraStandin) -> None:
    tickets, ticket = made(jira)
    after = tickets.assign(ticket.key, assignee="tom.b", note="Belongs to the platform team.")
    assert (after.assignee, after.changed_by) == ("tom.b", "stanch-bot")
    jira.reassign(ticket.key, to="maria.k", by="tom.b")
    read = tickets.get_ticket(ticket.key)
    assert (read.assignee, read.changed_by) == ("maria.k", "tom.b")
    assert jira.ledger.count("jira.comment") == 1


def test_an_unknown_assignee_does_not_cost_the_ticket(jira: JiraStandin) -> None:
    ticket = connect(jira).ensure_ticket(draft(assignee="gone.person", watchers=("nobody",)))
    assert ticket.assignee == ""
    assert "Meant for gone.person" in str(jira.issue(ticket.key).fields["description"])
    with pytest.raises(Rejected):
        connect(jira).assign(ticket.key, assignee="gone.person")
    with pytest.raises(Rejected, match="group"):
        connect(jira).assign(ticket.key, group="Mobile Platform")


def test_a_required_field_is_named_and_can_be_configured(jira: JiraStandin) -> None:
    jira.state.custom_fields = [CustomField("customfield_10010", "Team", options=("Mobile",))]
    with pytest.raises(Rejected, match="fields customfield_10010"):
        connect(jira).ensure_ticket(draft())
    configured = connect(jira, project_fields={"MOBP": {"customfield_10010": {"value": "Mobile"}}})
    assert configured.ensure_ticket(draft()).key == "MOBP-1"


def test_optional_fields_are_sent_only_where_the_screen_has_them(cloud: JiraStandin) -> None:
    tickets = connect(cloud, priorities={"high": "High"}, group_field="customfield_10020")
    tickets.ensure_ticket(draft(severity="high", due=datetime(2026, 3, 1, tzinfo=UTC), group="Mobile"))
    fields = cloud.issue("MOBP-1").fields
    assert (fields["priority"], fields["duedate"]) == ({"name": "High"}, "2026-03-01")
    assert "customfield_10020" not in fields


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"project": "NOPE"}, "create screen"), ({"type": "Saga"}, "no such issue type")],
)
def test_an_unknown_project_or_type_is_rejected(cloud: JiraStandin, changes: dict[str, str], match: str) -> None:
    with pytest.raises(Rejected, match=match):
        connect(cloud).ensure_ticket(draft(**changes))


@pytest.mark.parametrize("key", ["MOBP-1/../../../user", "mobp-1", "", "MOBP-1?x=1", "../x"])
def test_only_an_issue_key_becomes_part_of_a_path(cloud: JiraStandin, key: str) -> None:
    with pytest.raises(Rejected, match="no Jira issue key"):
        connect(cloud).get_ticket(key)


def test_doctor_names_what_is_missing(jira: JiraStandin) -> None:
    jira.state.custom_fields = [CustomField("customfield_10010", "Team"), CustomField("cf", "Has", has_default=True)]
    checks = {check.name: check for check in connect(jira, account_id="someone-else").doctor()}
    assert not checks["jira sign-in"].ok
    assert "stanch-bot" in checks["jira sign-in"].fix
    assert not checks["jira webhook secret"].ok
    checks = {check.name: check for check in connect(jira, webhook_secret="s").doctor()}
    assert checks["jira fields MOBP"].detail == "required without a value: customfield_10010 (Team, string)"
    assert checks["jira sign-in"].ok
    assert checks["jira webhook secret"].ok
    assert checks["jira permissions MOBP"].ok
    complete = connect(jira, webhook_secret="s", fields={"customfield_10010": "x"}).doctor()
    assert all(check.ok for check in complete)


def test_doctor_with_a_wrong_token_says_so(cloud: JiraStandin) -> None:
    cloud.token = "rotated"
    first = connect(cloud).doctor()[0]
    assert not first.ok
    assert "401" in first.detail


def test_nothing_shows_a_secret(cloud: JiraStandin) -> None:
    tickets = connect(cloud, webhook_secret="hook-secret")
    shown = " ".join(repr(part) for part in (tickets, *vars(tickets).values()))
    assert TOKEN not in shown
    assert "hook-secret" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"tokn": "x"},
        {"token": ""},
        {"email": ""},
        {"url": "http://jira.example.com"},
        {"url": "https://user:pw@jira.example.com"},
        {"project": "not a key"},
        {"deployment": "moon"},
        {"transitions": {"finished": "31"}},
    ],
)
def test_a_wrong_section_is_a_configuration_error(cloud: JiraStandin, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(cloud, **changes)
    assert "jira" in caught.value.message
    assert TOKEN not in str(caught.value.problems)


def test_the_contract_check_can_fail(cloud: JiraStandin) -> None:
    contract = Contract()
    cloud.observe = lambda request, body, response: contract(
        request, body, JSONResponse({"id": 7}, response.status_code)
    )
    connect(cloud).ensure_ticket(draft())
    assert any("post /rest/api/3/issue 201 response" in each for each in contract.violations())


def test_cloud_refuses_a_plain_string_where_rich_text_belongs(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    session = requests.Session()
    session.auth = ("stanch@example.com", TOKEN)
    link = f"{cloud.url}/rest/api/3/issue/{ticket.key}/comment"
    with session:
        assert session.post(link, json={"body": "plain"}, timeout=5).status_code == 400
        assert session.get(f"{cloud.url}/rest/api/3/search", timeout=5).status_code == 410
    assert tickets.get_ticket(ticket.key).key == ticket.key


def test_a_person_acts_over_http(cloud: JiraStandin) -> None:
    tickets, ticket = made(cloud)
    control = f"{cloud.url}/_control/act"
    for order in (
        {"do": "reassign", "to": "tom.b"},
        {"do": "resolve"},
        {"do": "reopen"},
        {"do": "comment", "text": "hi"},
    ):
        assert requests.post(control, json={"key": ticket.key, "by": "maria.k", **order}, timeout=5).ok
    assert requests.post(control, json={"key": ticket.key, "do": "explode"}, timeout=5).status_code == 400
    now = tickets.get_ticket(ticket.key)
    assert (now.assignee, now.state, now.changed_by) == ("tom.b", TicketState.IN_PROGRESS, "maria.k")
