"""A worker for the storm: the real one, which notes its process id so that it can be killed, and waits less.

Run as `python -m tests.faults.storm_worker FOLDER`. A lost worker is noticed sooner and a failed call is tried again
sooner than in production; nothing else differs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.common import RetryPolicy
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

import worker
from stanch.catalog import Queue
from tests.faults.crash_worker import supervise

HEARTBEAT = timedelta(seconds=1.5)
FIRST, MOST = timedelta(milliseconds=200), timedelta(seconds=1)


class Impatient(Interceptor):
    """Shortens the waits that a workflow asks for around its activities."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        input.heartbeat_timeout = HEARTBEAT
        input.retry_policy = RetryPolicy(initial_interval=FIRST, backoff_coefficient=1.5, maximum_interval=MOST)
        return super().start_activity(input)


def work(folder: Path) -> None:
    """Serve all queues until killed."""
    (folder / "worker.pid").write_text(str(os.getpid()), encoding="utf-8")
    asyncio.run(worker.serve([queue.value for queue in Queue], interceptors=[Impatient()]))


if __name__ == "__main__":
    supervise(lambda: work(Path(sys.argv[1])))
