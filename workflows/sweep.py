"""SweepWorkflow: run by a Schedule, it keeps house in records and looks at the points until the next one."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from stanch import contract
from workflows.watch import watch_points


@workflow.defn(name=contract.SWEEP_WORKFLOW)
class SweepWorkflow:
    """One pass; the Schedule starts the next."""

    @workflow.run
    async def run(self) -> None:
        """Do the housekeeping of records, then watch what stands at the points."""
        await workflow.execute_activity(
            contract.SWEEP, start_to_close_timeout=timedelta(minutes=5), heartbeat_timeout=timedelta(seconds=30)
        )
        if workflow.patched("watch-points"):
            await watch_points()
