"""A case moves between trackers: one open ticket, whoever speaks in whatever order, and no word lost meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stanch.cases import CaseState, TicketRef
from stanch.contract import CaseCommand, Resolved, TicketChange
from stanch.interpreter.messages import ActionFailed, RunAction
from stanch.tickets import moving
from stanch.tickets.assigning import assigned
from stanch.views import FindingView, OwnerView, RouteView

NOW = datetime(2026, 3, 2, tzinfo=UTC)
JIRA = {"system": "jira", "key": "M-7", "url": "https://jira/M-7", "state": "new", "group": ""}
NOWHERE = {"system": "servicenow", "key": "INC1", "url": "https://now/INC1", "state": "in_progress"}


def state() -> CaseState:
    route = RouteView(owner=OwnerView(id="team:a"), assignee="user:ana", rule="mobile")
    made = CaseState(case_id="case-1", episode="e", finding=FindingView(), resolved=Resolved(route=route))
    made.ticket = TicketRef.model_validate(NOWHERE)
    return made


def give(case: CaseState, to: str = "team:b", home: str = "jira") -> list[RunAction]:
    command = CaseCommand(kind="assign", by="user:tom", to=to, lead="user:bob", home=home, command_id=to)
    return assigned(case, command, NOW)


def change(key: str, value: str, **more: Any) -> TicketChange:
    return TicketChange(event_id="x", key=key, state=value, by="user:ana", **more)


def names(actions: list[RunAction]) -> list[str]:
    return [each.action for each in actions]


def moved(case: CaseState) -> RunAction:
    """Given to a team in Jira and there; gives the command that closes the old ticket."""
    (go,) = give(case)
    leave, told = moving.learned(case, go, JIRA, NOW)
    assert (leave.action, told.action) == (moving.LEAVE, "chat.message")
    return leave


def test_the_new_ticket_comes_first_then_the_old_one_is_left_and_the_holder_told() -> None:
    case = state()
    (go,) = give(case)
    assert (go.action, go.params["key"], go.params["to"]) == ("ticket.move", "INC1", "team:b")
    leave, told = moving.learned(case, go, JIRA, NOW)
    assert case.ticket.key == "M-7"
    assert leave.params == {
        "key": "INC1",
        "system": "servicenow",
        "to_key": "M-7",
        "to_system": "jira",
        "url": "https://jira/M-7",
    }
    assert told.params["to"] == "team:b"
    assert case.scene().moved


@pytest.mark.parametrize("home", ["", "servicenow"])
def test_in_the_same_tracker_it_is_only_assigned(home: str) -> None:
    assert names(give(state(), home=home)) == ["ticket.assign", "chat.message"]


def test_a_ticket_that_is_done_does_not_move() -> None:
    case = state()
    case.ticket.state = "done"
    assert names(give(case)) == ["chat.message"]


def test_what_is_asked_meanwhile_comes_after_and_the_last_word_counts() -> None:
    case = state()
    (go,) = give(case)
    assert moving.move(case, "team:c") == []
    assert moving.move(case, "team:d") == []
    *_, again = moving.learned(case, go, JIRA, NOW)
    assert (again.action, again.params["key"], again.params["to"]) == ("ticket.move", "M-7", "team:d")
    assert again.key != go.key


def test_the_plan_closes_the_ticket_that_there_is() -> None:
    case = state()
    leave = moved(case)
    close = RunAction(
        ref="close|do|1", path="close", purpose="do", action="ticket.close", params={"key": "INC1"}, key="k"
    )
    assert moving.current(case, close).params["key"] == "M-7"
    assert moving.current(case, leave).params["key"] == "INC1", "the one that is left is the one that is closed"


@pytest.mark.parametrize("early", [True, False])
def test_a_reopen_brings_the_case_back_also_while_the_old_ticket_is_being_closed(early: bool) -> None:
    case = state()
    leave = moved(case)
    if early:
        assert moving.old_changed(case, change("INC1", "in_progress"), NOW) == []
        (back,) = moving.learned(case, leave, {"state": "done"}, NOW)
    else:
        assert moving.learned(case, leave, {"state": "done"}, NOW) == []
        (back,) = moving.old_changed(case, change("INC1", "in_progress"), NOW)
    assert (back.action, back.params["back"], back.params["key"]) == ("ticket.move", "servicenow:INC1", "M-7")
    leave, told = moving.learned(case, back, {**NOWHERE, "group": "team:a", "assignee": "user:ana"}, NOW)
    assert (case.ticket.key, leave.params["key"], told.params["to"]) == ("INC1", "M-7", "team:a")
    assert (case.holder.owner, case.holder.assignee) == ("team:a", "user:ana")


def test_a_reopen_that_was_none_leaves_the_case_where_it_is() -> None:
    case = state()
    moving.learned(case, moved(case), {"state": "done"}, NOW)
    (back,) = moving.old_changed(case, change("INC1", "new"), NOW)
    assert moving.learned(case, back, JIRA, NOW) == []
    assert case.ticket.key == "M-7"


def test_other_words_at_the_old_ticket_are_explained_once() -> None:
    case = state()
    moving.learned(case, moved(case), {"state": "done"}, NOW)
    (note,) = moving.old_changed(case, change("INC1", "done"), NOW)
    assert (note.action, note.params["key"], note.params["system"]) == ("ticket.comment", "INC1", "servicenow")
    assert "M-7" in note.params["text"]
    assert moving.old_changed(case, change("INC1", "done"), NOW) == []
    assert [each.event for each in case.notes][-1] == "ticket.left_changed"


@pytest.mark.parametrize(
    ("action", "event"), [("ticket.move", "ticket.not_moved"), ("ticket.leave", "ticket.not_left")]
)
def test_a_refusal_is_a_problem_that_a_person_sees(action: str, event: str) -> None:
    case = state()
    command = give(case)[0] if action == "ticket.move" else moved(case)
    error = ActionFailed(now=NOW, ref=command.ref, code="V203", reason="the project is gone")
    after = moving.failed(case, command, error, NOW)
    assert names(after) == (["chat.message"] if action == "ticket.move" else [])
    assert case.notes[-1].event == event
    assert "the project is gone" in case.core.problems[0]
    assert not case.moves.under_way


def test_in_the_tracker_a_team_elsewhere_moves_it_and_a_person_is_told_unless_they_took_it() -> None:
    case = state()
    new = {"is_new": lambda name: True}
    assert names(moving.received(case, change("INC1", "new", group="team:b", home="jira"), "team:b", **new)) == [
        "ticket.move"
    ]
    case = state()
    assert names(moving.received(case, change("INC1", "new"), "user:bob", **new)) == ["chat.message"]
    assert moving.received(case, change("INC1", "new"), "user:ana", **new) == []
    assert moving.received(case, change("INC1", "new"), "user:bob", is_new=lambda name: False) == []


def test_an_answer_about_a_ticket_that_was_left_meanwhile_says_nothing_of_the_new_one() -> None:
    case = state()
    moving.learned(case, moved(case), {"state": "done"}, NOW)
    late = RunAction(ref="r", path="x", purpose="do", action="ticket.close", params={"key": "INC1"}, key="k")
    moving.answered(case, late, {"state": "done", "version": 999})
    assert (case.ticket.state, case.ticket.moved_at, case.ticket.closed_here) == ("new", 0, False)
    moving.answered(case, late.model_copy(update={"params": {"key": "M-7"}}), {"state": "done", "version": 999})
    assert (case.ticket.state, case.ticket.moved_at, case.ticket.closed_here) == ("done", 999, True)


@pytest.mark.parametrize("version", [0, 7])
def test_a_move_that_was_only_an_assignment_leaves_a_persons_resolve_to_be_heard(version: int) -> None:
    case = state()
    (go,) = give(case)
    case.ticket.words = ["c1"]
    answer = {**NOWHERE, "state": "done", "group": "team:b", "version": version}
    assert names(moving.learned(case, go, answer, NOW)) == ["chat.message"]
    assert (case.ticket.state, case.ticket.group, case.ticket.given_at) == ("in_progress", "team:b", version)
    assert (case.ticket.words, case.moves.left, case.moves.under_way) == (["c1"], [], False)


def test_a_word_that_a_left_ticket_refuses_is_not_told_and_no_problem() -> None:
    case = state()
    moving.learned(case, moved(case), {"state": "done"}, NOW)
    (note,) = moving.old_changed(case, change("INC1", "done"), NOW)
    error = ActionFailed(now=NOW, ref=note.ref, code="V203", reason="closed tickets take no notes")
    assert moving.failed(case, note, error, NOW) == []
    assert case.notes[-1].event == "ticket.not_told"
    assert not case.core.problems
