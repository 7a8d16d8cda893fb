"""IntakeWorkflow: findings that were stored together are brought to their cases, however often a worker dies."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from stanch import contract
from stanch.catalog import Queue
from stanch.wire_intake import IntakeInput

BEAT = timedelta(seconds=30)
LONGEST = timedelta(hours=1)
PATIENCE = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


@workflow.defn(name=contract.INTAKE_WORKFLOW)
class IntakeWorkflow:
    """One activity that remembers in its heartbeat how far it has come."""

    @workflow.run
    async def run(self, start: IntakeInput) -> None:
        """Carry the findings out, without an end to retrying: they were promised to their senders."""
        await workflow.execute_activity(
            contract.TELL_HELD if start.held else contract.DELIVER,
            start,
            task_queue=contract.queue(Queue.INTAKE),
            start_to_close_timeout=LONGEST,
            heartbeat_timeout=BEAT,
            retry_policy=PATIENCE,
        )
