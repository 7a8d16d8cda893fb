"""What one attempt at a ticket tells the next: when something may last have been sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import _run
from activities._run import Job, bind
from activities._world import World
from stanch.actions.tickets import Created
from stanch.contract import ActionCall, ActionReply, Scene
from stanch.errors import RetrySafe, Uncertain

CALL = ActionCall(
    action="ticket.create",
    params={"summary": "x"},
    ref="t|do|1",
    path="t",
    purpose="do",
    key="0f" * 16,
    scene=Scene(case_id="case-1", episode="e", run_id="r"),
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@workflow.defn(name="OneTicket")
class OneTicket:
    @workflow.run
    async def run(self, call: ActionCall) -> ActionReply:
        found: ActionReply = await workflow.execute_activity(
            "ticket.create",
            call,
            result_type=ActionReply,
            start_to_close_timeout=timedelta(seconds=3),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=5),
        )
        return found


async def attempts(env: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[Any]:
    """What each attempt was told, after attempts that ended with these errors."""
    told: list[Any] = []

    def create(world: World, job: Job, params: Any) -> Created:
        told.append(job.uncertain_since)
        if len(told) <= len(errors):
            raise errors[len(told) - 1]
        return Created(key="T-1")

    monkeypatch.setattr(_run, "_record", lambda *_, **__: None)
    before: Callable[..., None] = lambda *_: None  # noqa: E731
    queue = uuid.uuid4().hex
    worker = Worker(
        env.client,
        task_queue=queue,
        workflows=[OneTicket],
        activities=[bind(cast("World", None), "ticket.create", create, before)],
        activity_executor=ThreadPoolExecutor(2),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await env.client.execute_workflow("OneTicket", CALL, id=queue, task_queue=queue)
    return told


async def test_nothing_is_doubted_while_nothing_was_sent(
    skipping: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await attempts(skipping, monkeypatch, RetrySafe("slow down"), RetrySafe("slow down")) == [None, None, None]


async def test_doubt_counts_from_the_last_time_that_something_was_sent(
    skipping: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Uncertain("not to be seen yet", sent=False)
    told = await attempts(
        skipping, monkeypatch, RetrySafe("slow down"), Uncertain("lost"), looked, RetrySafe("slow down")
    )
    first, second, *rest = told
    assert (first, second) == (None, None)
    assert len(set(rest)) == 1
    assert isinstance(rest[0], datetime)


async def test_a_mistake_of_ours_may_have_sent_something(
    skipping: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await attempts(skipping, monkeypatch, KeyError("x"), Uncertain("lost"))
    assert told[0] is None
    assert told[1] < told[2]


async def test_an_end_for_good_is_told_as_it_was(
    skipping: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await attempts(skipping, monkeypatch, *[Uncertain("lost", retry_after=1)] * 5)
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    assert caught.value.cause.cause.type == "UNCERTAIN"
