"""One way to decide for console, API, CLI and Slack: a vote goes to its case, or is stored until it can."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic

from temporalio.client import (
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.approvals import Code, Settled, Verdict, Vote
from stanch.approvals.judge import UNRECORDED
from stanch.approvals.model import Via
from stanch.contract import Decision
from stanch.errors import DependencyError
from stanch.seats import Seat, active, seat_of
from stanch.web.refusals import Turned, note
from stanch.web.services import Services, now

PATIENCE = timedelta(milliseconds=1000)
STORING = timedelta(milliseconds=500)
LOOKING = timedelta(milliseconds=200)  # these three, a line about a refusal and the look-up of who it is: `ACK_SECONDS`
STORED_FOR = timedelta(minutes=10)
MAX_STORED = 10_000
_CODES = {code.value: code for code in Code}


class Fate(StrEnum):
    """What became of a vote."""

    COUNTED = "counted"
    REFUSED = "refused"
    RECORDED = "recorded"  # stored by Temporal; the case counts it when a worker is there
    LOST = "lost"  # Temporal did not take it


@dataclass(frozen=True)
class Answer:
    """What the person is told.

    Args:
        unheard: a refusal that the case has not taken down, or had no case to take it down.
    """

    fate: Fate
    code: str
    message: str
    settled: Settled | None = None
    unheard: bool = False


@dataclass(frozen=True)
class Ballot:
    """What a person decided, where, and about which request as they saw it.

    Args:
        click: unique per click.
        step_up: the person has proven just now, and for this, who they are.
        at: when the click came in; None for this moment.
    """

    case_id: str
    approval_id: str
    digest: str
    verdict: str
    via: Via
    click: str
    reason: str = ""
    step_up: bool = False
    at: datetime | None = None


def decision_id(ballot: Ballot, principal: str) -> str:
    """Unique per click of one person: a request sent twice counts once."""
    parts = (ballot.approval_id, principal, ballot.verdict, ballot.click)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


async def cast(services: Services, ballot: Ballot, *, principal: str) -> Answer:
    """Give the vote to its case; never raises for what the person can be told. Every refusal gets into the ledger."""
    end = monotonic() + (LOOKING + PATIENCE + STORING).total_seconds()
    answer = await _cast(services, ballot, principal=principal)
    if answer.unheard:
        turned = Turned(
            who=principal,
            actor=principal,
            code=answer.code,
            reason=answer.message,
            case_id=ballot.case_id,
            about=ballot.approval_id,
            verdict=ballot.verdict,
            proven=False,
        )
        await note(services, turned, left=end - monotonic())
    return answer


async def _cast(services: Services, ballot: Ballot, *, principal: str) -> Answer:
    at = ballot.at or now()
    client, seat = services.client, await _seat(services, ballot, principal)
    vote = Vote(
        approval_id=ballot.approval_id,
        digest=ballot.digest,
        principal=principal,
        verdict=ballot.verdict,
        reason=ballot.reason[:2000],
        via=ballot.via,
        decision_id=decision_id(ballot, principal),
        at=at,
        step_up=ballot.step_up,
        for_=seat.for_,
        lapsed=seat.lapsed,
        timed=True,
    )
    handle = client.get_workflow_handle(ballot.case_id)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):  # the client itself would go on trying
            verdict = await handle.execute_update(  # pyright: ignore[reportUnknownMemberType]  the SDK's overloads
                contract.DECIDE, Decision(vote=vote), id=vote.decision_id, result_type=Verdict, rpc_timeout=PATIENCE
            )
    except WorkflowUpdateFailedError as error:
        return _turned_away(error)
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        return await _store(services, ballot.case_id, vote)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return _over()
        return await _store(services, ballot.case_id, vote)
    return _counted(verdict)


async def _seat(services: Services, ballot: Ballot, principal: str) -> Seat:
    """By the directory of this moment.

    Where records do not answer, whoever is asked and still active may answer: the process that makes a change looks
    again right before it, and makes none without records. A denial is not looked at again, nor is an option.
    """
    people = services.policy.current.routes.people
    try:
        async with asyncio.timeout(LOOKING.total_seconds()):
            state = await asyncio.to_thread(services.records.approval, ballot.approval_id)
    except (TimeoutError, DependencyError):
        state = None
    if state is None:  # or it is asked and not yet stored
        return Seat(lapsed=not active(people, principal))
    return seat_of(people, state, principal, now())


def _counted(verdict: Verdict) -> Answer:
    fate = Fate.COUNTED if verdict.accepted else Fate.REFUSED
    return Answer(fate, verdict.code.value, verdict.message, verdict.settled)


def _turned_away(error: WorkflowUpdateFailedError) -> Answer:
    """The validator's word; anything else that failed was not ours to say and is not shown."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in _CODES:
        return Answer(Fate.REFUSED, cause.type, cause.message, unheard=cause.type in UNRECORDED)
    return Answer(Fate.LOST, "A012", "the case could not take this decision; open it and try again")


def _over() -> Answer:
    message = "the case is over; there is nothing left to decide"
    return Answer(Fate.REFUSED, Code.SETTLED.value, message, unheard=True)


async def _store(services: Services, case_id: str, vote: Vote) -> Answer:
    """Leave the vote as a signal: it survives until a worker is there, and its id keeps it from counting twice.

    The same again, while the first waits, adds nothing. What the case judges differently is another vote: a person who
    has proven who they are only the second time, or has another seat by then, is heard the second time.
    """
    same_vote = _same(vote)
    if _is_stored(services.stored_votes, same_vote):
        return Answer(Fate.RECORDED, "A013", "recorded before; it counts as soon as a worker is back")
    handle = services.client.get_workflow_handle(case_id)
    try:
        async with asyncio.timeout(STORING.total_seconds()):
            await handle.signal(contract.DECIDE_LATER, Decision(vote=vote), rpc_timeout=STORING)
    except (RPCError, TimeoutError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return _over()
        return Answer(Fate.LOST, "D010", "not recorded: Temporal cannot be reached right now, try again")
    services.stored_votes[same_vote] = now()
    return Answer(Fate.RECORDED, "A013", "recorded; it counts as soon as a worker is back")


def _same(vote: Vote) -> tuple[str, ...]:
    """All that the case looks at: two votes that are alike in it have one answer."""
    said = (vote.approval_id, vote.digest, vote.principal, vote.verdict, vote.reason)
    return (*said, vote.for_, str(vote.lapsed), str(vote.step_up))


def _is_stored(stored: dict[tuple[str, ...], datetime], vote: tuple[str, ...]) -> bool:
    """Whether Temporal has taken this vote lately; forgets what is old."""
    limit = now() - STORED_FOR
    for old in [key for key, at in stored.items() if at < limit] if len(stored) < MAX_STORED else list(stored):
        del stored[old]
    return vote in stored
