"""The answer to a stored vote that was refused: through any silence, bounded, and without words of anybody's choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stanch.approvals import ApprovalRequest, ApprovalState, Code, Need, Verdict, Vote
from stanch.cases import MAX_REMEMBERED, CaseState
from stanch.interpreter.messages import Command, Note, RunAction
from stanch.late_votes import refused
from stanch.noise.gate import Fate, fate_of
from stanch.noise.words import GroupRef, Noise, Quiet

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
GROUP = GroupRef(group_id="group-x", grouping="same", wait=60, add_for=3600, max=2)
ASKED = ApprovalRequest(
    approval_id="ap-1",
    case_id="case-1",
    episode="e1",
    step="ok",
    question="Block it?",
    needs=(Need(from_=("user:ana",)),),
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


def case(*, asked: bool = True) -> CaseState:
    state = CaseState(case_id="case-1")
    state.core.approvals |= {"ok": ApprovalState(request=ASKED)} if asked else {}
    return state


def refuse(state: CaseState, code: Code = Code.STALE, **more: Any) -> list[Command]:
    given = {"approval_id": "ap-1", "principal": "user:ana", "decision_id": "d1", "reason": "because", **more}
    vote = Vote.model_validate({"digest": "0" * 64, "verdict": "approve", "via": "api", "at": NOW, **given})
    return refused(state, vote, Verdict(accepted=False, code=code, message="no"))


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("kind", ["silence", "inhibition", "group"])
def test_who_has_decided_is_answered_whatever_is_kept_from_people(kind: str, asked: bool) -> None:
    state = case(asked=asked)
    quiet = None if kind == "group" else Quiet.model_validate({"kind": kind, "rule": "r", "until": NOW})
    state.noise.take(Noise(group=GROUP if kind == "group" else None, quiet=quiet))
    (answer,) = [command for command in refuse(state) if isinstance(command, RunAction)]
    assert fate_of(state, answer) is Fate.DO


def test_a_voters_reason_is_written_down_only_about_what_is_asked() -> None:
    lines = [refuse(case(asked=asked))[0] for asked in (True, False)]
    assert [line.data.get("reason") for line in lines if isinstance(line, Note)] == ["because", None]


def test_an_answer_is_written_down_only_where_it_is_one() -> None:
    given = [(True, "approve"), (True, "approved by user:boss"), (False, "approve")]
    lines = [refuse(case(asked=asked), verdict=verdict)[0] for asked, verdict in given]
    assert [line.data["verdict"] for line in lines if isinstance(line, Note)] == ["approve", "", ""]


def test_each_voter_hears_each_reason_once_for_each_request_and_carried_on() -> None:
    state = case()
    heard = [refuse(state), refuse(state, Code.SETTLED), refuse(state, principal="user:bo")]
    keys = [command.key for commands in heard for command in commands if isinstance(command, RunAction)]
    assert len(set(keys)) == 3
    carried = CaseState.model_validate(state.model_dump(mode="json"))
    assert refuse(carried, decision_id="d2", digest="1" * 64) == []


def test_there_is_an_end_to_what_one_case_answers() -> None:
    state = case()
    for number in range(MAX_REMEMBERED):
        assert refuse(state, principal=f"user:u{number}")
    assert refuse(state, principal="user:late") == []
    assert len(state.refused_votes) == MAX_REMEMBERED


def test_a_state_from_before_that_list_loads() -> None:
    before = case().model_dump(mode="json", exclude={"refused_votes"})
    assert refuse(CaseState.model_validate(before))
