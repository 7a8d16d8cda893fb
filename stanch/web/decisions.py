"""One way to decide for console, API, CLI and Slack: a vote goes to its case, or is stored until it can."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.approvals import Code, Settled, Verdict, Vote
from stanch.approvals.model import Via
from stanch.contract import Decision
from stanch.web.services import now

PATIENCE = timedelta(milliseconds=1200)  # Slack gives three seconds in all
STORING = timedelta(milliseconds=700)
_CODES = {code.value: code for code in Code}


class Fate(StrEnum):
    """What became of a vote."""

    COUNTED = "counted"
    REFUSED = "refused"
    RECORDED = "recorded"  # stored by Temporal; the case counts it when a worker is there
    LOST = "lost"  # Temporal did not take it


@dataclass(frozen=True)
class Answer:
    """What the person is told."""

    fate: Fate
    code: str
    message: str
    settled: Settled | None = None


@dataclass(frozen=True)
class Ballot:
    """What a person decided, where, and about which request as they saw it. `click` is unique per click."""

    case_id: str
    approval_id: str
    digest: str
    verdict: str
    via: Via
    click: str
    reason: str = ""


def decision_id(ballot: Ballot, principal: str) -> str:
    """Unique per click of one person: a request sent twice counts once."""
    parts = (ballot.approval_id, principal, ballot.verdict, ballot.click)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


async def cast(client: Client, ballot: Ballot, *, principal: str) -> Answer:
    """Give the vote to its case; never raises for what the person can be told."""
    vote = Vote(
        approval_id=ballot.approval_id,
        digest=ballot.digest,
        principal=principal,
        verdict=ballot.verdict,
        reason=ballot.reason[:2000],
        via=ballot.via,
        decision_id=decision_id(ballot, principal),
        at=now(),
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
        return await _store(client, ballot.case_id, vote)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return _over()
        return await _store(client, ballot.case_id, vote)
    return _counted(verdict)


def _counted(verdict: Verdict) -> Answer:
    fate = Fate.COUNTED if verdict.accepted else Fate.REFUSED
    return Answer(fate, verdict.code.value, verdict.message, verdict.settled)


def _turned_away(error: WorkflowUpdateFailedError) -> Answer:
    """The validator's word; anything else that failed was not ours to say and is not shown."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in _CODES:
        return Answer(Fate.REFUSED, cause.type, cause.message)
    return Answer(Fate.LOST, "A012", "the case could not take this decision; open it and try again")


def _over() -> Answer:
    return Answer(Fate.REFUSED, Code.SETTLED.value, "the case is over; there is nothing left to decide")


async def _store(client: Client, case_id: str, vote: Vote) -> Answer:
    """Leave the vote as a signal: it survives until a worker is there, and its id keeps it from counting twice."""
    handle = client.get_workflow_handle(case_id)
    try:
        async with asyncio.timeout(STORING.total_seconds()):
            await handle.signal(contract.DECIDE_LATER, Decision(vote=vote), rpc_timeout=STORING)
    except (RPCError, TimeoutError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return _over()
        return Answer(Fate.LOST, "D010", "not recorded: Temporal cannot be reached right now, try again")
    return Answer(Fate.RECORDED, "A013", "recorded; it counts as soon as a worker is back")
