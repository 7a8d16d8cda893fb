"""A case changes hands: what the state keeps, what is told, and what is counted, once, however the line travels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stanch.cases import CaseState, TicketRef, summary_of
from stanch.contract import CaseCommand, Resolved, TicketChange
from stanch.records import Entry, Records
from stanch.tickets.assigning import assigned, moved_on
from stanch.views import FindingView, OwnerView, RouteView

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = {"user:ana": ("user:ana",)}


def state(**ticket: str) -> CaseState:
    route = RouteView(owner=OwnerView(id="team:a"), assignee="user:ana", rule="shop/x")
    finding = FindingView.model_validate(
        {"category": "API1:2023", "api": {"host": "h", "path": "/a/7", "path_template": "/a/{id}"}}
    )
    made = CaseState(case_id="case-1", episode="e", finding=finding, resolved=Resolved(route=route, people=PEOPLE))
    made.opened = made.updated = NOW
    made.ticket = TicketRef.model_validate({"system": "jira", "key": "A-1", "state": "new", **ticket})
    return made


def to(name: str, **more: str) -> CaseCommand:
    return CaseCommand.model_validate({"kind": "assign", "by": "user:tom", "to": name, "command_id": "c", **more})


def test_a_person_has_the_case_and_its_ticket_goes_along() -> None:
    case = state()
    actions = assigned(case, to("user:eva", text="knows it", via="cli"), NOW)
    assert [(each.action, each.params["to"]) for each in actions] == [
        ("ticket.assign", "user:eva"),
        ("chat.message", "user:eva"),
    ]
    summary = summary_of(case)
    assert summary is not None
    assert (summary.owner, summary.assignee) == ("team:a", "user:eva")
    (note,) = case.notes
    assert (note.event, note.actor, note.data["from"], note.data["via"]) == (
        "case.assigned",
        "user:tom",
        "user:ana",
        "cli",
    )
    assert (note.data["about"]["rule"], note.data["about"]["path"]) == ("shop/x", "/a/{id}")
    assert case.scene().holder == "user:eva"


def test_a_team_owns_it_and_its_lead_has_it() -> None:
    case = state()
    assigned(case, to("team:b", lead="user:bob"), NOW)
    summary = summary_of(case)
    assert summary is not None
    assert (summary.owner, summary.assignee) == ("team:b", "user:bob")
    assert case.resolved is not None
    assert case.resolved.people == PEOPLE  # who decides stays
    assert case.resolved.route.owner.id == "team:a"


@pytest.mark.parametrize("name", ["user:ana", "team:a"])
def test_whoever_has_it_already_gets_nothing(name: str) -> None:
    case = state()
    assert assigned(case, to(name), NOW) == []
    assert case.notes == []


def test_a_ticket_that_is_done_stays_with_whom_it_was() -> None:
    assert [each.action for each in assigned(state(state="done"), to("user:eva"), NOW)] == ["chat.message"]


def test_there_and_back_again_are_two_lines_with_keys_of_their_own() -> None:
    case = state()
    first = assigned(case, to("user:eva"), NOW)
    back = assigned(case, to("user:ana"), NOW)
    again = assigned(case, to("user:eva"), NOW)
    keys = [each.key for each in (*first, *back, *again)]
    assert len(set(keys)) == len(keys)
    assert [note.data["to"] for note in case.notes] == ["user:eva", "user:ana", "user:eva"]


def moved(case: CaseState, **change: str) -> list[str]:
    told = TicketChange.model_validate({"event_id": "x", "key": "A-1", "state": "new", **change})
    before, after = case.take_ticket(told)
    return [
        str(each.data["to"]) for each in moved_on(case, before, after, by="user:tom", now=NOW, is_new=lambda name: True)
    ]


def test_what_was_given_here_is_not_counted_again_when_the_tracker_says_it() -> None:
    case = state(assignee="user:ana")
    assigned(case, to("user:eva"), NOW)
    assert moved(case, assignee="user:eva") == []
    assert moved(case, assignee="user:max") == ["user:max"]
    assert moved(case, assignee="user:max") == []
    summary = summary_of(case)
    assert summary is not None
    assert summary.assignee == "user:max"


def test_a_team_of_the_tracker_becomes_the_owner() -> None:
    case = state(assignee="user:ana")
    assert moved(case, assignee="user:bob", group="team:b") == ["team:b"]
    summary = summary_of(case)
    assert summary is not None
    assert (summary.owner, summary.assignee) == ("team:b", "user:bob")


def test_without_a_run_the_case_writes_it_down_itself() -> None:
    case = state()
    moved(case, assignee="user:eva")
    assert [(note.event, note.data["from"]) for note in case.notes] == [("ticket.reassigned", "user:ana")]


# -- records


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path}/r.db", b"0123456789abcdef")
    yield made
    made.close()


def line(number: int, event: str = "case.assigned", **data: Any) -> Entry:
    given = {"from": "user:ana", "to": "user:eva", "via": "slack", "by": "user:tom", "about": {"rule": "shop"}} | data
    return Entry("case-1", "e", f"note:{number}", NOW + timedelta(seconds=number), "user:tom", event, data=given)


def test_a_line_counts_in_the_transaction_that_stores_it_and_once(records: Records) -> None:
    for _ in range(2):
        records.append([line(1), line(1), line(2, "case.comment"), line(3, "ticket.reassigned", to="team:b")])
    assert [(row.to_owner, row.via, row.rule) for row in records.reassignments()] == [
        ("user:eva", "slack", "shop"),
        ("team:b", "slack", "shop"),
    ]


@pytest.mark.parametrize("data", [{"about": None}, {"about": "x"}, {"about": {"rule": 7}}, {"by": None}, {"from": ""}])
def test_lines_with_less_in_them_count_as_well(records: Records, data: dict[str, Any]) -> None:
    records.append([line(1, **data)])
    assert len(records.reassignments()) == 1


def test_a_line_that_names_nobody_does_not_count(records: Records) -> None:
    records.append([line(1, to="")])
    assert records.reassignments() == []
    assert [item.event for item in records.timeline("case-1")] == ["case.assigned"]
