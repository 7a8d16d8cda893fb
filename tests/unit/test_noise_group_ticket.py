"""A group and its ticket: what is old, renamed, gone or of no matter to members."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stanch.cases import TicketRef
from stanch.contract import TicketChange
from stanch.noise.group import GroupState, begin
from stanch.noise.group_words import changed
from stanch.wire_tickets import TicketWord

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def group() -> GroupState:
    state = begin("group-1", "e")
    state.members = {"case-1": ""}
    state.case.ticket = TicketRef(
        system="jira", key="PAY-1", state="new", assignee="user:ana", version=5, priority="Low"
    )
    return state


def hear(state: GroupState, event: str, value: str = "new", *, old: bool = False, **more: Any) -> list[str]:
    """Tell the group; gives the lines that this wrote."""
    given: dict[str, Any] = {"key": "PAY-1", "assignee": "user:ana", "version": 9, "priority": "Low", **more}
    seen = len(state.case.notes)
    change = TicketChange(event_id=event, state=value, by="user:tom", **given)
    changed(state, change, NOW, is_new=lambda name: not old)
    return [note.event for note in state.case.notes[seen:]]


def test_a_renamed_ticket_is_followed_and_members_hear_of_it(group: GroupState) -> None:
    assert hear(group, "1", key="NEW-1", was="PAY-1", url="u") == ["ticket.moved", "group.ticket_changed"]
    assert (group.case.ticket.key, group.posts[0].message["was"]) == ("NEW-1", "PAY-1")
    assert hear(group, "2", "done", key="NEW-1") == ["group.ticket_changed"]


def test_an_older_look_than_our_own_write_says_nothing(group: GroupState) -> None:
    group.case.ticket.state, group.case.ticket.moved_at = "done", 20
    assert hear(group, "1", "in_progress", version=19) == []
    assert hear(group, "2", "in_progress", version=4) == []
    assert group.case.ticket.state == "done"
    assert not group.posts


def test_versions_words_and_priorities_are_no_news_for_members(group: GroupState) -> None:
    word = TicketWord(id="c1", by="user:tom", text="looking")
    assert hear(group, "1", version=6) == []
    assert hear(group, "2", version=7, words=(word,)) == ["ticket.comment"]
    assert hear(group, "3", version=8, priority="High") == ["ticket.priority"]
    assert not group.posts


def test_a_lost_ticket_is_told_once_and_its_return_as_well(group: GroupState) -> None:
    assert hear(group, "1", gone=True) == ["ticket.gone"]
    assert hear(group, "2", gone=True) == []
    assert hear(group, "3") == ["ticket.found"]
    assert not group.posts


def test_a_run_from_before_goes_on_as_it_began(group: GroupState) -> None:
    assert hear(group, "1", version=6, old=True) == ["group.ticket_changed"]
    assert hear(group, "2", key="NEW-1", was="PAY-1", old=True) == []
    assert group.case.ticket.key == "PAY-1"
