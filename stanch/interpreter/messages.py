"""What goes into the core (events) and what comes out of it (commands)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stanch.approvals import ApprovalRequest, Vote
from stanch.leases import ApprovalProof, Wire
from stanch.plan import Retry


class Started(Wire):
    kind: Literal["started"] = "started"
    now: datetime


class ActionDone(Wire):
    """An action ended CONFIRMED."""

    kind: Literal["done"] = "done"
    now: datetime
    ref: str
    outputs: dict[str, Any] = Field(default_factory=dict)


class ActionFailed(Wire):
    """An action ended for good without success. `outcome` is one of the remote-write outcomes."""

    kind: Literal["failed"] = "failed"
    now: datetime
    ref: str
    code: str = ""
    reason: str = ""
    outcome: str = "REJECTED"


class TimerFired(Wire):
    kind: Literal["timer"] = "timer"
    now: datetime
    ref: str


class Voted(Wire):
    """A vote that `approvals.judge` accepted when it arrived."""

    kind: Literal["voted"] = "voted"
    now: datetime
    vote: Vote


class Happened(Wire):
    """Something outside: ticket.resolved|reopened|reassigned, finding.rescan_clean, lease.ended, signal.NAME."""

    kind: Literal["happened"] = "happened"
    now: datetime
    event: str
    data: dict[str, Any] = Field(default_factory=dict)


class Cancelled(Wire):
    kind: Literal["cancelled"] = "cancelled"
    now: datetime
    reason: str = ""


Event = Started | ActionDone | ActionFailed | TimerFired | Voted | Happened | Cancelled


class RunAction(Wire):
    """Run an action and report it under `ref`.

    Args:
        path: the step it belongs to. purpose: do, verify, undo, remind, escalate, renew.
        key: idempotency key, the same for every attempt.
        subject: for verify and undo, the change it is about: action, params, outputs.
        timeout: seconds after which it has failed; None is the action's own.
    """

    kind: Literal["run"] = "run"
    ref: str
    path: str
    purpose: str
    action: str
    params: dict[str, Any]
    key: str
    retry: Retry | None = None
    timeout: float | None = None
    approval: ApprovalProof | None = None
    subject: dict[str, Any] = Field(default_factory=dict)


class StartTimer(Wire):
    kind: Literal["timer"] = "timer"
    ref: str
    due: datetime


class StopTimer(Wire):
    kind: Literal["stop_timer"] = "stop_timer"
    ref: str


class AskApproval(Wire):
    """Show an approval request to people; votes come back as events."""

    kind: Literal["ask"] = "ask"
    path: str
    request: ApprovalRequest


class ApprovalEnded(Wire):
    """Rewrite what was shown: who decided what, when and why."""

    kind: Literal["ended"] = "ended"
    path: str
    request: ApprovalRequest
    outcome: str
    by: tuple[str, ...] = ()
    reason: str = ""
    stood_in: tuple[tuple[str, str], ...] = ()


class Note(Wire):
    """A line for the ledger that has no effect of its own."""

    kind: Literal["note"] = "note"
    event: str
    step: str = ""
    data: dict[str, Any] = Field(default_factory=dict)


class Finish(Wire):
    """The run ended; nothing more comes."""

    kind: Literal["finish"] = "finish"
    status: str
    reason: str = ""
    outputs: dict[str, Any] = Field(default_factory=dict)


Command = RunAction | StartTimer | StopTimer | AskApproval | ApprovalEnded | Note | Finish
