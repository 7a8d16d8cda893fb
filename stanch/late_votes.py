"""What becomes of a stored vote that the case cannot count: whoever gave it has only heard that it is stored."""

from __future__ import annotations

from stanch.approvals import Verdict, Vote
from stanch.approvals.judge import UNRECORDED
from stanch.canonical import digest
from stanch.cases import CaseState
from stanch.interpreter.messages import Command, Note, RunAction

PURPOSE = "vote_refused"
TEMPLATE = "vote_refused"


def refused(state: CaseState, vote: Vote, verdict: Verdict) -> list[Command]:
    """A message to the voter, and a line for the ledger where counting the vote has left none."""
    told: list[Command] = [_line(vote, verdict)] if verdict.code in UNRECORDED else []
    return [*told, _message(state, vote, verdict)]


def _line(vote: Vote, verdict: Verdict) -> Note:
    data = {"principal": vote.principal, "verdict": vote.verdict, "via": vote.via, "accepted": False}
    data |= {"code": verdict.code.value, "digest": vote.digest, "reason": vote.reason}
    return Note(event="approval.vote", data=data)


def _message(state: CaseState, vote: Vote, verdict: Verdict) -> RunAction:
    """To the voter's own place; the path of the request keeps a quiet case from holding it back."""
    found = state.core.approvals.items()
    path = next((path for path, item in found if item.request.approval_id == vote.approval_id), "case")
    ref = f"{path}|{PURPOSE}|{digest(vote.decision_id)[:16]}"
    return RunAction(
        ref=ref,
        path=path,
        purpose=PURPOSE,
        action="chat.message",
        params={"to": vote.principal, "template": TEMPLATE, "text": verdict.message[:500]},
        key=digest([state.case_id, state.episode, ref])[:32],
    )
