"""The state of a run: one serialisable object, carried over continue-as-new; finding and plan stay outside."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stanch.approvals import ApprovalState

CORE_VERSION = 1
GATE = ":gate"  # behind a path: the approval that stands before its change
RENEWAL = ":renew"  # behind a path: the approval that lets its block stand longer


class StepStatus(StrEnum):
    """Where a step stands. OK, SKIPPED, FAILED, REJECTED are final."""

    PENDING = "pending"
    RUNNING = "running"
    VERIFYING = "verifying"
    RECOVERING = "recovering"  # undoing itself after a failed verification
    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    REJECTED = "rejected"

    @property
    def final(self) -> bool:
        return self in (StepStatus.OK, StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.REJECTED)


class RunStatus(StrEnum):
    RUNNING = "running"
    UNDOING = "undoing"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (RunStatus.DONE, RunStatus.FAILED, RunStatus.CANCELLED)


class ChangeState(StrEnum):
    OPEN = "open"
    UNDOING = "undoing"
    UNDONE = "undone"
    ENDED = "ended"  # its lease ran out
    STUCK = "stuck"  # the undo was refused; a person must look


class Mutable(BaseModel):
    model_config = ConfigDict(extra="ignore")


class StepState(Mutable):
    status: StepStatus = StepStatus.PENDING
    occurrence: int = 0
    outputs: dict[str, Any] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)
    code: str = ""
    reason: str = ""
    since: datetime | None = None
    seen: list[str] = Field(default_factory=list)  # events a wait has met
    count: int = 0  # reminders and escalations sent


class Change(Mutable):
    """A change that stands in production and how to take it back."""

    path: str
    action: str
    params: dict[str, Any]
    outputs: dict[str, Any]
    undo: str = ""
    undo_with: dict[str, Any] = Field(default_factory=dict)
    state: ChangeState = ChangeState.OPEN
    reason: str = ""


class CoreState(Mutable):
    """Everything a run knows. `core` is the interpreter version that made it."""

    core: int = CORE_VERSION
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    cancelled: bool = False
    failed: bool = False
    steps: dict[str, StepState] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)  # of called playbooks, durations as text
    changes: list[Change] = Field(default_factory=list[Change])
    approvals: dict[str, ApprovalState] = Field(default_factory=dict)
    timers: dict[str, datetime] = Field(default_factory=dict)
    inflight: dict[str, str] = Field(default_factory=dict)  # ref -> action
    facts: dict[str, str] = Field(default_factory=dict)  # latest word on ticket and finding
    problems: list[str] = Field(default_factory=list)
    outputs: dict[str, Any] = Field(default_factory=dict)

    def step(self, path: str) -> StepState:
        return self.steps.setdefault(path, StepState())

    @property
    def open_changes(self) -> list[Change]:
        return [change for change in self.changes if change.state is ChangeState.OPEN]
