"""Between two sweeps points are looked at often enough, when something should have ended, and not past the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from stanch import contract
from stanch.wire_watch import Overdue, Paging, PointsSeen
from tests.workflows.yard import runner
from workflows.sweep import SweepWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")
Answer = Callable[[int, datetime], PointsSeen]


class Looks:
    """Activities of a sweep; `answer` gives what look number N shows at a moment."""

    def __init__(self, answer: Answer) -> None:
        self.times: list[datetime] = []
        self.paged: list[Paging] = []
        self._answer = answer

    async def run(self, env: WorkflowEnvironment, name: str) -> list[float]:
        """One sweep; when it looked, in minutes since it began."""

        @activity.defn(name=contract.SWEEP)
        async def sweep() -> None:
            return None

        @activity.defn(name=contract.LOOK)
        async def look() -> PointsSeen:
            self.times.append(activity.info().scheduled_time)
            return self._answer(len(self.times), self.times[-1])

        @activity.defn(name=contract.PAGE)
        async def page(paging: Paging) -> None:
            self.paged.append(paging)

        client, queue = env.client, f"sweep-{name}"
        core = Worker(client, task_queue=queue, workflows=[SweepWorkflow], activities=[sweep], workflow_runner=runner())
        points = Worker(client, task_queue=contract.queue("contain"), activities=[look])
        chat = Worker(client, task_queue=contract.queue("chat"), activities=[page])
        async with core, points, chat:
            await client.execute_workflow(contract.SWEEP_WORKFLOW, id=queue, task_queue=queue)
        return [round((moment - self.times[0]).total_seconds() / 60, 1) for moment in self.times]


async def test_it_looks_again_when_something_ends(skipping: WorkflowEnvironment) -> None:
    def ends(number: int, at: datetime) -> PointsSeen:
        due = [looks.times[0] + timedelta(minutes=minutes) for minutes in (12, 32)]
        return PointsSeen(again=next((moment for moment in due if moment > at), None))

    looks = Looks(ends)
    assert await looks.run(skipping, "ends") == [0, 5, 10, 12, 17, 22, 27, 32, 37, 42, 47]


async def test_what_is_placed_after_the_last_look_is_seen_within_minutes(skipping: WorkflowEnvironment) -> None:
    assert await Looks(lambda number, at: PointsSeen()).run(skipping, "nothing") == list(range(0, 50, 5))


async def test_what_is_overdue_is_paged_and_looked_at_calmly(skipping: WorkflowEnvironment) -> None:
    def stuck(number: int, at: datetime) -> PointsSeen:
        late = Overdue(point="edge", lease_id="one", case_id="case-a", ended=at)
        return PointsSeen(again=at, overdue=(late,) if number == 2 else ())

    looks = Looks(stuck)
    times = await looks.run(skipping, "stuck")
    assert len(looks.paged) == 1
    assert 90 <= len(times) <= 100  # twice a minute, until the next sweep


async def test_a_look_that_fails_does_not_fail_the_sweep(skipping: WorkflowEnvironment) -> None:
    def fail(number: int, at: datetime) -> PointsSeen:
        raise ApplicationError("records cannot be read", type="RETRY_SAFE")

    assert len(await Looks(fail).run(skipping, "fails")) == 3
