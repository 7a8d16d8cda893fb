"""Refusals that no case takes down: they are in the ledger all the same, once, and under what is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from stanch.approvals import ApprovalRequest, ApprovalState, Need
from stanch.keys import Keys
from stanch.records import Records
from stanch.routing import load_routes
from stanch.settings import Settings
from stanch.web import decisions, refusals
from stanch.web.actions import CONTROL
from stanch.web.api_cases import DecisionBody
from stanch.web.api_decisions import DecisionsBody
from stanch.web.decisions import Answer, Ballot, Fate
from stanch.web.decisions import cast as cast_vote
from stanch.web.services import Services

ROUTES = """
version: routing/v1
namespace: test
directory:
  users: {user:ana: {name: Ana}, user:bo: {name: Bo}}
  teams: {team:shop: {lead: user:ana, members: [user:ana, user:bo]}}
sla: {standard: {critical: {fix: 3d}, high: {fix: 7d}, medium: {fix: 30d}, low: {fix: 90d}, info: {fix: none}}}
default: {id: fallback, owner: team:shop, sla: standard}
"""
BALLOT = Ballot("case-1", "ap-1", "0" * 64, "approve", "api", "c1")
NOW = datetime.now(UTC)
ASKED = ApprovalRequest(
    approval_id="ap-1",
    case_id="case-1",
    episode="e1",
    step="ok",
    question="Block it?",
    needs=(Need(from_=("user:ana", "user:bo"), names=("team:shop",)),),
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


class Refusing:
    """Cases that refuse every vote for one reason, or are over."""

    def __init__(self, records: Records) -> None:
        self.error: Exception = RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
        routes = load_routes(ROUTES)
        self.services = cast(
            Services,
            SimpleNamespace(
                client=SimpleNamespace(get_workflow_handle=lambda _case: self),
                records=records,
                policy=SimpleNamespace(current=SimpleNamespace(routes=routes)),
                stored_votes={},
            ),
        )

    async def execute_update(self, *_: Any, **__: Any) -> Any:
        raise self.error

    def refuse(self, code: str) -> None:
        self.error = WorkflowUpdateFailedError(ApplicationError("refused, for a reason", type=code))

    def vote(self, ballot: Ballot = BALLOT, principal: str = "user:ana") -> Answer:
        return asyncio.run(cast_vote(self.services, ballot, principal=principal))


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    settings = Settings(data_dir=tmp_path)
    made = Records(settings.url_of_records, Keys(settings).ledger)
    made.put_approval(ApprovalState(request=ASKED))
    refusals._told.clear()
    yield made
    made.close()


def lines(records: Records, case_id: str) -> list[tuple[str, str, str]]:
    found = records.timeline(case_id)
    return [(line.actor, str(line.data["code"]), str(line.data["reason"])) for line in found]


@pytest.mark.parametrize("code", ["A001", "A002", "A011"])
def test_what_the_validator_turns_away_for_good_is_in_the_cases_ledger_once(records: Records, code: str) -> None:
    case = Refusing(records)
    case.refuse(code)
    answers = [case.vote(replace(BALLOT, click=str(number))) for number in range(3)]
    assert {(answer.fate, answer.code) for answer in answers} == {(Fate.REFUSED, code)}
    case.vote(principal="user:bo")
    reason = "refused, for a reason"
    assert lines(records, "case-1") == [("user:ana", code, reason), ("user:bo", code, reason)]
    assert records.verify().ok


def test_a_vote_about_a_case_that_is_over_is_in_its_ledger(records: Records) -> None:
    answer = Refusing(records).vote()
    assert (answer.fate, answer.code) == (Fate.REFUSED, "A003")
    assert lines(records, "case-1") == [("user:ana", "A003", "the case is over; there is nothing left to decide")]


def test_a_refusal_that_the_case_has_taken_down_is_not_written_twice(records: Records) -> None:
    case = Refusing(records)
    case.refuse("A006")
    assert case.vote().code == "A006"
    assert lines(records, "case-1") == []


def test_names_of_a_callers_own_making_get_no_ledger_of_their_own(records: Records) -> None:
    case = Refusing(records)
    for number in range(5):
        case.vote(replace(BALLOT, approval_id=f"made-up-{number}"))
        case.vote(replace(BALLOT, case_id=f"case-made-up-{number}"))
    assert [line[:2] for line in lines(records, CONTROL)] == [("user:ana", "A003")]
    assert all(lines(records, f"case-made-up-{number}") == [] for number in range(5))


def test_a_real_request_named_with_a_made_up_case_does_not_keep_the_real_line_back(records: Records) -> None:
    case = Refusing(records)
    case.vote(replace(BALLOT, case_id="case-x"))
    case.vote()
    assert [line[:2] for line in lines(records, CONTROL)] == [("user:ana", "A003")]
    assert [line[:2] for line in lines(records, "case-1")] == [("user:ana", "A003")]


@pytest.mark.parametrize(
    ("case_id", "verdict", "written"),
    [("case-1", "deny", "deny"), ("case-1", "approved by user:boss", ""), ("case-x", "deny", "")],
)
def test_an_answer_is_written_down_only_where_it_is_one(
    records: Records, case_id: str, verdict: str, written: str
) -> None:
    Refusing(records).vote(replace(BALLOT, case_id=case_id, verdict=verdict))
    (line,) = (*records.timeline("case-1"), *records.timeline(CONTROL))
    assert line.data["verdict"] == written


@pytest.mark.parametrize("verdict", ["", "x" * 76, "approve\nby user:boss", "approve\x1b[2K", "a\u2028b"])
def test_no_answer_is_taken_that_no_request_could_offer(verdict: str) -> None:
    given = {"approval_id": "ap-1", "digest": "0" * 64, "verdict": verdict}
    for body, more in ((DecisionBody, given), (DecisionsBody, {"items": [], "verdict": verdict})):
        with pytest.raises(ValidationError, match="verdict"):
            body.model_validate(more)
    assert DecisionBody.model_validate(given | {"verdict": "Rotate the key"})


def test_a_vote_that_took_its_time_is_answered_before_its_line_is_written(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who it is was looked up before, and what Slack gives for all of it is over."""
    case, go_on = Refusing(records), threading.Event()
    write = refusals._write
    for name in ("LOOKING", "PATIENCE", "STORING"):
        monkeypatch.setattr(decisions, name, timedelta(milliseconds=100))
    monkeypatch.setattr(refusals, "SECONDS", 60.0)
    monkeypatch.setattr(refusals, "_write", lambda *given: go_on.wait(60) and write(*given))

    async def voted() -> Answer:
        try:
            return await asyncio.wait_for(cast_vote(case.services, BALLOT, principal="user:ana"), 10)
        finally:
            go_on.set()
            await asyncio.wait(refusals._work)

    assert asyncio.run(voted()).code == "A003"
    assert [line[:2] for line in lines(records, "case-1")] == [("user:ana", "A003")]
