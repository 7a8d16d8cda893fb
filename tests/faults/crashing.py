"""Interceptors that kill their own process at one planned point, and hooks that tell when a write has landed."""

from __future__ import annotations

import contextvars
import http.client
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from activities._world import World
from stanch.records import Entry, Records
from tests.faults.points import Phase, Plan, Point, case_of, name_of

HEARTBEAT = timedelta(seconds=float(os.environ.get("STANCH_CRASH_HEARTBEAT", "1.5")))


@dataclass
class Visit:
    """One run of one activity on its way through its phases."""

    plan: Plan
    case_id: str
    name: str
    nth: int
    writes: int = 0
    started: bool = field(default=False)

    def reach(self, phase: Phase, write: int = 0) -> None:
        """Die here if the plan says so."""
        point = Point(self.name, self.nth, phase, write)
        if self.plan.meets(self.case_id, point):
            self.plan.fire(self.case_id, point)
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(self) -> None:
        """The last moment before the first request that changes something leaves us."""
        if not self.started:
            self.started = True
            self.reach(Phase.BEFORE)

    def written(self) -> None:
        """The other side has it; nobody here has looked at the answer yet."""
        self.writes += 1
        self.plan.saw(self.case_id, self.name, self.nth, "write")
        self.reach(Phase.APPLIED, self.writes)

    def done(self) -> None:
        """What was to be read has been read, or our own records have what they were to get."""
        self.reach(Phase.APPLIED)


_visit: contextvars.ContextVar[Visit | None] = contextvars.ContextVar("visit", default=None)


class Crashing(Interceptor):
    """Counts the activities of every case and kills the process where the plan wants it."""

    def __init__(self, folder: Path) -> None:
        self.plan = Plan(folder)
        self.times: Counter[tuple[str, str]] = Counter()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _ShortBeats


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, crashing: Crashing) -> None:
        super().__init__(next)
        self._crashing = crashing

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        visit = self._begin(input)
        token = _visit.set(visit)
        try:
            if visit.name.split(" ")[0] not in _WRITERS:
                visit.begin()
            result = await self.next.execute_activity(input)
        finally:
            _visit.reset(token)
        visit.reach(Phase.ANSWERED)
        return result

    def _begin(self, input: ExecuteActivityInput) -> Visit:
        info = activity.info()
        first = input.args[0]
        given = first.model_dump(mode="json") if isinstance(first, BaseModel) else {}
        name, case_id = name_of(info.activity_type, given), case_of(given)
        if info.attempt == 1:
            self._crashing.times[case_id, name] += 1
        return Visit(self._crashing.plan, case_id, name, self._crashing.times[case_id, name])


class _ShortBeats(WorkflowInboundInterceptor):
    """A lost worker is noticed sooner than in production; nothing else differs."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        input.heartbeat_timeout = HEARTBEAT
        return super().start_activity(input)


# Their "before" is the moment before the first remote write: the intent is in the ledger by then.
_WRITERS = frozenset({"ticket.create", "ticket.close", "ticket.assign", "ticket.comment", "chat.message"})
_WRITERS |= {"approval.show", "approval.close", "point.reconcile", "block.scope", "block.ip", "block.lift"}
_WRITERS |= {"user.suspend", "user.resume", "token.revoke"}
_WRITERS |= {"key.disable", "key.enable", "apigw.remove_key_from_plan", "apigw.return_key_to_plan"}
_WRITERS |= {"apigw.throttle_method", "apigw.throttle_plan", "apigw.require_auth", "apigw.enforce_contract"}
_WRITERS |= {"apigw.restore"}
_WRITERS |= {"policy.attach", "policy.enforce", "policy.relax", "policy.detach"}


def install_hooks() -> None:
    """Watch every way in which this process changes something outside: HTTP, Temporal, files; and what it keeps."""
    _around(http.client.HTTPConnection, "putrequest", before=_http_begins)
    _around(http.client.HTTPConnection, "getresponse", after=_http_answered)
    for owner, name in ((World, "call"), (Path, "replace")):
        _around(owner, name, before=lambda visit, *_: visit.begin(), after=lambda visit, *_: visit.written())
    _around(Records, "append", before=_outcome_known)
    _around(Records, "put_case", after=lambda visit, *_: visit.done() if visit.name == "records.append" else None)
    _around(Records, "reserve", after=lambda visit, *_: visit.done() if visit.name == "policy.resolve" else None)


def _around(
    owner: type, name: str, *, before: Callable[..., None] | None = None, after: Callable[..., None] | None = None
) -> None:
    plain = getattr(owner, name)

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        visit = _visit.get()
        if visit is not None and before is not None:
            before(visit, *args)
        result = plain(self, *args, **options)
        if visit is not None and after is not None:
            after(visit, self)
        return result

    setattr(owner, name, watched)


def _http_begins(visit: Visit, method: str, *_: object) -> None:
    if method not in ("GET", "HEAD"):
        visit.begin()


def _http_answered(visit: Visit, connection: Any) -> None:
    """Headers are here, so the other side has committed."""
    if connection._method not in ("GET", "HEAD"):
        visit.written()


def _outcome_known(visit: Visit, entries: Sequence[Entry]) -> None:
    if not visit.writes and entries and entries[-1].event.endswith(".outcome"):
        visit.done()
