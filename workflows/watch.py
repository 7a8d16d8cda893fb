"""Between two sweeps points are looked at every few minutes, and whenever something there should have ended."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

from stanch import contract
from stanch.catalog import Queue
from stanch.wire_watch import Paging, PointsSeen

SPAN = timedelta(minutes=50)  # the next sweep begins afterwards
PAUSE = timedelta(seconds=30)  # a hundred looks at most; each is about a dozen events of history
LONGEST = timedelta(minutes=5)  # a block that was placed since the last look is known to nobody here
TRIES = RetryPolicy(maximum_attempts=3)


async def watch_points() -> None:
    """Look, tell, and wait until there is something to be seen; nothing here keeps a sweep from ending."""
    end = workflow.now() + SPAN
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
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return  # the next sweep looks again
        now = workflow.now()
        again = max(min(seen.again or end, now + LONGEST), now + PAUSE)
        if again >= end:
            return
        await workflow.sleep(again - now)


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
