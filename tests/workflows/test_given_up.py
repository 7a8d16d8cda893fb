"""An attempt that stands still longer than its heartbeat allows finds, when it goes on, that it may not write."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities._defining import defined
from activities._fence import before_write, fenced
from activities._world import World
from stanch.errors import RetrySafe

pytestmark = pytest.mark.asyncio(loop_scope="module")


@workflow.defn
class Twice:
    """One write, tried twice."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            "write",
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=2),
        )
        await workflow.wait_condition(lambda: self.done)

    def __init__(self) -> None:
        self.done = False

    @workflow.signal
    def end(self) -> None:
        self.done = True


async def test_what_was_given_up_writes_nothing_after_the_attempt_that_followed(early: WorkflowEnvironment) -> None:
    world = _world(early)
    written: list[int] = []
    refused: list[str] = []
    followed, over = threading.Event(), threading.Event()

    @defined("write")
    def write() -> None:
        number = activity.info().attempt
        with fenced(world):
            try:
                if number == 1:
                    before_write()  # it counts so far
                    followed.wait(30)  # as a process that is suspended: it sends no heartbeat
                before_write()
                written.append(number)
            except RetrySafe as error:
                refused.append(error.code)
        (over if number == 1 else followed).set()

    with ThreadPoolExecutor(4) as threads:
        async with Worker(
            early.client,
            task_queue="given-up",
            workflows=[Twice],
            activities=[write],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            handle = await early.client.start_workflow(Twice.run, id="given-up", task_queue="given-up")
            await asyncio.to_thread(over.wait, 30)
            await handle.signal(Twice.end)
            await handle.result()
    assert (written, refused) == ([2], ["T004"])


def _world(environment: WorkflowEnvironment) -> World:
    world: Any = SimpleNamespace(client=environment.client, loop=asyncio.get_running_loop())
    world.call = lambda work: World.call(world, work)
    return cast("World", world)
