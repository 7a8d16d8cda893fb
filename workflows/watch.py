"""The hour between two sweeps: points are looked at now and whenever something there should have ended."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from stanch import contract
from stanch.catalog import Queue
from stanch.wire_watch import Paging, PointsSeen

HOUR = timedelta(minutes=50)  # the next sweep begins afterwards
PAUSE = timedelta(seconds=30)
TRIES = RetryPolicy(maximum_attempts=3)


async def watch_points() -> None:
    """Look, tell, and wait until there is something to be seen; nothing here keeps a sweep from ending."""
    end = workflow.now() + HOUR
    while True:
        try:
            seen: PointsSeen = await workflow.execute_activity(
                contract.LOOK,
                result_type=PointsSeen,
                task_queue=contract.queue(Queue.CONTAIN),
                start_to_close_timeout=timedelta(minutes=2),
                schedule_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=TRIES,
            )
            if seen.overdue:
                await _page(Paging(overdue=seen.overdue))
        except ActivityError:
            return  # the next sweep looks again
        if seen.again is None or max(seen.again, workflow.now() + PAUSE) >= end:
            return
        await workflow.sleep(max(seen.again - workflow.now(), PAUSE))


async def _page(paging: Paging) -> None:
    await workflow.execute_activity(
        contract.PAGE,
        paging,
        task_queue=contract.queue(Queue.CHAT),
        start_to_close_timeout=timedelta(minutes=1),
        schedule_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=TRIES,
    )
