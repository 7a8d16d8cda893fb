"""SweepWorkflow: run by a Schedule, it drops what records need no longer and merges what was spooled."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from stanch import contract


@workflow.defn(name=contract.SWEEP_WORKFLOW)
class SweepWorkflow:
    """One pass; the Schedule starts the next."""

    @workflow.run
    async def run(self) -> None:
        """Do the housekeeping of records."""
        await workflow.execute_activity(
            contract.SWEEP, start_to_close_timeout=timedelta(minutes=5), heartbeat_timeout=timedelta(seconds=30)
        )
