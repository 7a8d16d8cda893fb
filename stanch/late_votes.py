"""What becomes of a stored vote that the case cannot count: whoever gave it has only heard that it is stored."""

from __future__ import annotations

from stanch.approvals import ApprovalRequest, Verdict, Vote
from stanch.approvals.judge import UNRECORDED
from stanch.canonical import digest
from stanch.cases import MAX_REMEMBERED, CaseState
from stanch.interpreter.messages import Command, Note, RunAction
from stanch.noise.gate import VOTE_REFUSED


def refused(state: CaseState, vote: Vote, verdict: Verdict) -> list[Command]:
    """A message to the voter, and a line for the ledger where counting the vote has left none.

    Once for a voter, request and reason, and so often in all: what a case is sent must not fill its history.
    """
    asked = (item.request for item in state.core.approvals.values())
    about = next((request for request in asked if request.approval_id == vote.approval_id), None)
    name = digest([vote.principal, about.approval_id if about else "", verdict.code.value])[:16]
    if name in state.refused_votes or len(state.refused_votes) >= MAX_REMEMBERED:
        return []
    state.refused_votes.append(name)
    told: list[Command] = [_line(vote, verdict, about)] if verdict.code in UNRECORDED else []
    return [*told, _message(state, vote, verdict, name)]


def _line(vote: Vote, verdict: Verdict, about: ApprovalRequest | None) -> Note:
    """A voter's own words only about what this case asks: the rest may be anybody's, about anything."""
    said = vote.verdict if about and vote.verdict in about.verdicts else ""
    data = {"principal": vote.principal, "verdict": said, "via": vote.via, "accepted": False}
    data |= {"code": verdict.code.value, "digest": vote.digest} | ({"reason": vote.reason} if about else {})
    return Note(event="approval.vote", data=data)


def _message(state: CaseState, vote: Vote, verdict: Verdict, name: str) -> RunAction:
    ref = f"case|{VOTE_REFUSED}|{name}"
    return RunAction(
        ref=ref,
        path="case",
        purpose=VOTE_REFUSED,
        action="chat.message",
        params={"to": vote.principal, "template": VOTE_REFUSED, "text": verdict.message[:500]},
        key=digest([state.case_id, state.episode, ref])[:32],
    )
