"""What a case reads out of the ticket that it is answered with."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from stanch.cases import CaseState
from stanch.noise.words import GroupTold
from workflows import opened

NOW = datetime(2026, 3, 2, tzinfo=UTC)
GROUPS = {"system": "jira", "key": "PAY-1", "state": "new", "assignee": "user:tom"}


@pytest.fixture(autouse=True)
def always_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "workflow", SimpleNamespace(patched=lambda name: True, now=lambda: NOW))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GroupTold(group_id="g", ticket=GROUPS), []),
        (GroupTold(group_id="g", failed="the tracker is down"), ["ticket.reassigned"]),
        (None, ["ticket.reassigned"]),
    ],
)
def test_a_groups_ticket_was_given_away_by_none_of_its_members(answer: GroupTold | None, expected: list[str]) -> None:
    state = CaseState(case_id="case-1")
    state.noise.answer = answer
    missed = opened.take_opened(state, {"assignee": "user:maria"}, GROUPS)
    assert [each.event for each in missed] == expected
    assert state.ticket.key == "PAY-1"
    assert state.holder.assignee == ("user:tom" if expected else "")
