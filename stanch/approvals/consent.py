"""From a settled approval to the effect it allows: the proof an effect carries, and its check right before the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from stanch.approvals.matching import empty_lines
from stanch.approvals.model import APPROVE, DENY, ApprovalRequest, ApprovalState, Need, Outcome
from stanch.canonical import canonical
from stanch.errors import Problem
from stanch.leases import ApprovalProof


def proof_of(state: ApprovalState) -> ApprovalProof | None:
    """What an effect carries to show that people agreed; None where they did not: to choose is not to consent."""
    if state.settled is None or state.settled.outcome is not Outcome.APPROVED:
        return None
    votes = tuple((vote.principal, vote.verdict) for vote in state.votes)
    stepped_up = any(vote.step_up for vote in state.votes if vote.verdict != DENY)
    request = state.request
    return ApprovalProof(
        approval_id=request.approval_id,
        digest=request.digest,
        votes=votes,
        step_up=stepped_up,
        stood_in=tuple((vote.principal, vote.for_) for vote in state.votes if vote.for_),
    )


def covers(request: ApprovalRequest, *, action: str, params: Mapping[str, JsonValue]) -> bool:
    """True where the request asked for this action with exactly these parameters (rendered JSON)."""
    wanted = canonical([action, params])
    asked = [(request.action, request.params), *((bound.action, bound.params) for bound in request.also)]
    return any(canonical(list(pair)) == wanted for pair in asked)


def check_proof(
    request: ApprovalRequest, proof: ApprovalProof, *, needs: Sequence[Need] | None = None
) -> tuple[Problem, ...]:
    """Check consent again right before an effect.

    Args:
        request: as it was asked.
        proof: as the effect carries it.
        needs: the request's lines resolved again just now, so that a person who left a team no longer counts.

    Of several voters the proof does not say who had signed in again, so where one no longer counts nobody has.
    """
    if (proof.approval_id, proof.digest) != (request.approval_id, request.digest):
        return (Problem("A201", "the approval was for something else", hint="ask again with the new parameters"),)
    if any(verdict == DENY for _, verdict in proof.votes):
        return (Problem("A202", "the approval was denied"),)
    current = request if needs is None else request.model_copy(update={"needs": tuple(needs)})
    stood_in = dict(proof.stood_in)
    voted = dict.fromkeys(who for who, verdict in proof.votes if verdict == APPROVE)
    people = [who for who in voted if stood_in.get(who, who) in current.approvers()]
    lines = [allowed for _, allowed in current.lines()]
    seats = [stood_in.get(who, who) for who in people]
    if not lines or len(set(seats)) < len(seats) or empty_lines(lines, seats):
        hint = "an approver has lost the role; ask again"
        return (Problem("A203", "the votes no longer meet what is needed", hint=hint),)
    if request.high_impact and len(people) < 2 and not (proof.step_up and len(people) == len(voted)):
        return (Problem("A204", "high impact needs two people, or one who has signed in again"),)
    return ()
