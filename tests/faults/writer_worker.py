"""A worker that dies at a chosen call of a point's writer, before the call or right after it, under a supervisor.

Run as `python -m tests.faults.writer_worker FOLDER`.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from botocore.client import BaseClient
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

import worker
from activities._world import World
from stanch.catalog import Queue
from stanch.records import Records
from stanch.wire_points import Reconcile
from tests.faults.crash_worker import supervise
from tests.faults.crashing import _ShortBeats

ORDER, SEEN, FIRED = "order.json", "seen.jsonl", "fired.jsonl"
QUEUES = (Queue.CORE.value, Queue.CONTAIN.value)


class Visit:
    """One attempt of a writer, and how often it has called what."""

    def __init__(self, folder: Path, call: Reconcile) -> None:
        self._folder = folder
        first = (*call.adds, *call.holders)
        self._lease = first[0].lease_id if first else ""
        self._verb = "hold" if call.adds else "lift"
        self._calls: Counter[str] = Counter()

    def meet(self, call: str, when: str) -> None:
        """Note the moment, and die if it is the one."""
        self._calls[call] += when == "before"
        moment = {"lease": self._lease, "verb": self._verb, "call": call, "nth": self._calls[call], "when": when}
        _append(self._folder / SEEN, moment)
        try:
            order = json.loads((self._folder / ORDER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if order == moment:
            _append(self._folder / FIRED, moment)
            (self._folder / ORDER).unlink()
            os.kill(os.getpid(), signal.SIGKILL)


_visit: contextvars.ContextVar[Visit | None] = contextvars.ContextVar("visit", default=None)


class Dying(Interceptor):
    """Follows each attempt of a writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next, self.folder)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _ShortBeats


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, folder: Path) -> None:
        super().__init__(next)
        self._folder = folder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        first = input.args[0] if input.args else None
        if not isinstance(first, Reconcile):
            return await self.next.execute_activity(input)
        visit = Visit(self._folder, first)
        token = _visit.set(visit)
        try:
            visit.meet("attempt", "before")
            result = await self.next.execute_activity(input)
        finally:
            _visit.reset(token)
        visit.meet("attempt", "after")
        return result


def install_hooks() -> None:
    """Every call of an attempt: files, the gateway, the cloud, records, Temporal."""
    _around(Path, "read_bytes", lambda path: "file.read" if path.suffix == ".json" else "")
    _around(Path, "replace", lambda path, _to: "file.write")
    _around(httpx.Client, "send", lambda _client, request: f"gateway {request.method}")
    _around(BaseClient, "_make_api_call", lambda _client, operation, _params: operation)
    _around(Records, "append", lambda _records, entries: f"ledger {entries[0].event}" if entries else "")
    _around(Records, "put_lease", lambda _records, _row: "lease row")
    _around(World, "call", lambda _world, _work: "tell case")


def _around(owner: type, name: str, called: Callable[..., str]) -> None:
    plain = getattr(owner, name)

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        visit = _visit.get()
        call = called(self, *args) if visit is not None else ""
        if visit is not None and call:
            visit.meet(call, "before")
        result = plain(self, *args, **options)
        if visit is not None and call:
            visit.meet(call, "after")
        return result

    setattr(owner, name, watched)


def _append(path: Path, line: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


def work(folder: Path) -> None:
    """Serve writers until killed."""
    install_hooks()
    draft = folder / f"worker.{os.getpid()}"
    draft.write_text(str(os.getpid()), encoding="utf-8")
    draft.rename(folder / "worker.pid")
    asyncio.run(worker.serve(list(QUEUES), interceptors=[Dying(folder)]))


if __name__ == "__main__":
    supervise(lambda: work(Path(sys.argv[1])))
