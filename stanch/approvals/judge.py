"""The rules by which votes are taken and an approval is settled: pure, from state and vote to state and verdict."""

from __future__ import annotations

from datetime import datetime, timedelta

from stanch.approvals.matching import empty_lines
from stanch.approvals.model import (
    APPROVE,
    DENY,
    ApprovalRequest,
    ApprovalState,
    Code,
    Decided,
    Outcome,
    Refusal,
    Settled,
    Verdict,
    Vote,
)

MAX_REFUSALS = 64
GRACE = timedelta(hours=1)  # a click in time that no worker could take for longer than this is too old to act on
UNRECORDED = frozenset({Code.OTHER_APPROVAL, Code.STALE, Code.FOREIGN_DECISION})


def judge(state: ApprovalState, vote: Vote, *, now: datetime) -> tuple[ApprovalState, Verdict]:
    """Take a vote, or say why not.

    A refusal is final for that vote: sent again, the same decision is never accepted later. A repeated decision gets
    its first answer and changes nothing.
    """
    for before in state.decided:
        if before.decision_id == vote.decision_id:
            return state, _again(state, before, vote)
    refusal = _refusal(state, vote, now)
    if refusal is not None:
        return _refuse(state, vote, code=refusal[0], message=refusal[1], now=now)
    return _accept(state, vote, now)


def expire(state: ApprovalState, now: datetime) -> ApprovalState:
    """Settle an approval whose time is over; silence never approves. Before that, or once settled, nothing changes."""
    request = state.request
    if state.settled is not None or now < request.expires_at:
        return state
    choice = request.on_timeout if request.on_timeout in request.options else ""
    settled = Settled(outcome=Outcome.EXPIRED, at=request.expires_at, choice=choice, reason="nobody decided in time")
    return state.model_copy(update={"settled": settled})


def open_lines(state: ApprovalState, verdict: str = APPROVE) -> tuple[str, ...]:
    """Labels of the lines that still wait for a person to give this verdict."""
    lines = state.request.lines()
    left = empty_lines([people for _, people in lines], _seats(state.votes, verdict))
    return tuple(lines[line][0] for line in left)


def _again(state: ApprovalState, before: Decided, vote: Vote) -> Verdict:
    if (before.principal, before.verdict) != (vote.principal, vote.verdict):
        message = "this decision was already made by somebody else or the other way; open the request again"
        return Verdict(accepted=False, code=Code.FOREIGN_DECISION, message=message, settled=state.settled)
    return before.answer.model_copy(update={"fresh": False})


def _refusal(state: ApprovalState, vote: Vote, now: datetime) -> tuple[Code, str] | None:
    request = state.request
    return _seen(request, vote) or _over(state, vote, now) or _person(request, vote) or _answer(state, vote)


def _seen(request: ApprovalRequest, vote: Vote) -> tuple[Code, str] | None:
    """Whether the vote is about this request, as it is."""
    if vote.approval_id != request.approval_id:
        return Code.OTHER_APPROVAL, "this answer belongs to another request"
    if vote.digest != request.digest:
        return Code.STALE, "what you saw is not what is asked now; open the request again"
    return None


def _over(state: ApprovalState, vote: Vote, now: datetime) -> tuple[Code, str] | None:
    if state.settled is not None:
        return Code.SETTLED, f"already {describe(state.settled)}"
    if _late(state.request, vote, now):
        return Code.TOO_LATE, "the request has expired; nothing was done"
    return None


def _late(request: ApprovalRequest, vote: Vote, now: datetime) -> bool:
    """A click before the end that waited for a worker still counts; who was slow was us, for no longer than GRACE."""
    end = request.expires_at
    return now >= (end + GRACE if vote.timed and vote.at < end else end)


def _person(request: ApprovalRequest, vote: Vote) -> tuple[Code, str] | None:
    if vote.principal in request.excluded:
        return Code.EXCLUDED, "you asked for this or wrote the playbook, so somebody else must decide"
    if vote.for_ and vote.for_ in request.excluded:
        return Code.EXCLUDED, "you stand in for somebody who asked for this or wrote the playbook"
    if vote.lapsed:
        return Code.NO_LONGER, "you are no longer among those who may decide this; the directory has changed"
    if vote.seat not in request.approvers():
        return Code.NOT_AN_APPROVER, "you are not among the approvers of this request"
    return None


def _answer(state: ApprovalState, vote: Vote) -> tuple[Code, str] | None:
    request = state.request
    if vote.verdict not in request.verdicts:
        return Code.NOT_OFFERED, f"choose one of: {', '.join(request.verdicts)}"
    if any(earlier.principal == vote.principal for earlier in state.votes):
        return Code.ALREADY_VOTED, "you have already voted; your first vote counts"
    if any(earlier.seat == vote.seat for earlier in state.votes):
        return Code.ALREADY_VOTED, "this seat has answered already: nobody has two votes, not even through a stand-in"
    if vote.verdict in request.reason_for and not vote.reason.strip():
        return Code.NEEDS_REASON, "give a reason"
    if _alone(request, vote):
        return Code.NEEDS_STEP_UP, "high impact and no second approver: decide in the console and sign in again"
    return None


def _alone(request: ApprovalRequest, vote: Vote) -> bool:
    """A vote that could never settle a high-impact request, because nobody else may vote and it is not stepped up."""
    return request.alone and vote.verdict != DENY and not vote.step_up


def _refuse(
    state: ApprovalState, vote: Vote, *, code: Code, message: str, now: datetime
) -> tuple[ApprovalState, Verdict]:
    known = any((old.principal, old.code) == (vote.principal, code) for old in state.refusals)
    fresh = code not in UNRECORDED and not known and len(state.refusals) < MAX_REFUSALS
    verdict = Verdict(accepted=False, code=code, message=message, settled=state.settled, fresh=fresh)
    if not fresh:
        return state, verdict
    refusal = Refusal(principal=vote.principal, code=code, via=vote.via, at=now)
    return _remember(state.model_copy(update={"refusals": (*state.refusals, refusal)}), vote, verdict), verdict


def _accept(state: ApprovalState, vote: Vote, now: datetime) -> tuple[ApprovalState, Verdict]:
    votes = (*state.votes, vote)
    settled = _settle(state.request, votes, now)
    message = describe(settled) if settled else "recorded; more approvals are needed"
    verdict = Verdict(accepted=True, code=Code.RECORDED, message=message, settled=settled, fresh=True)
    return _remember(state.model_copy(update={"votes": votes, "settled": settled}), vote, verdict), verdict


def _remember(state: ApprovalState, vote: Vote, answer: Verdict) -> ApprovalState:
    decided = Decided(decision_id=vote.decision_id, principal=vote.principal, verdict=vote.verdict, answer=answer)
    return state.model_copy(update={"decided": (*state.decided, decided)})


def _settle(request: ApprovalRequest, votes: tuple[Vote, ...], now: datetime) -> Settled | None:
    verdict, reason = votes[-1].verdict, votes[-1].reason
    if verdict == DENY:
        stood_in = _stood_in(votes[-1:], verdict)
        return Settled(outcome=Outcome.REJECTED, at=now, by=(votes[-1].principal,), reason=reason, stood_in=stood_in)
    lines = [allowed for _, allowed in request.lines()]
    if not lines or empty_lines(lines, _seats(votes, verdict)) or not _weighty(request, votes, verdict):
        return None
    outcome, choice = (Outcome.CHOSEN, verdict) if request.options else (Outcome.APPROVED, "")
    by, stood_in = _voters(votes, verdict), _stood_in(votes, verdict)
    return Settled(outcome=outcome, at=now, choice=choice, by=by, reason=reason, stood_in=stood_in)


def _weighty(request: ApprovalRequest, votes: tuple[Vote, ...], verdict: str) -> bool:
    stepped_up = any(vote.step_up for vote in votes if vote.verdict == verdict)
    return not request.high_impact or stepped_up or len(_voters(votes, verdict)) > 1


def _voters(votes: tuple[Vote, ...], verdict: str) -> tuple[str, ...]:
    return tuple(vote.principal for vote in votes if vote.verdict == verdict)


def _seats(votes: tuple[Vote, ...], verdict: str) -> tuple[str, ...]:
    return tuple(vote.seat for vote in votes if vote.verdict == verdict)


def _stood_in(votes: tuple[Vote, ...], verdict: str) -> tuple[tuple[str, str], ...]:
    return tuple((vote.principal, vote.for_) for vote in votes if vote.verdict == verdict and vote.for_)


def describe(settled: Settled) -> str:
    """The end of an approval in words, such as `approved by user:ana`."""
    what = f"decided: {settled.choice}" if settled.choice else settled.outcome.value
    stood_in = dict(settled.stood_in)
    names = [f"{name} for {stood_in[name]}" if name in stood_in else name for name in settled.by]
    return f"{what} by {', '.join(names)}" if names else what
