"""How a finding reaches its case: signal-with-start, one durable call; word of a fix goes to a case that is there."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import CaseInput, FindingReport

CALL = timedelta(seconds=5)


async def bring(client: Client, case_id: str, report: FindingReport) -> bool:
    """Deliver a finding to its case, opening the case where there is none; stored once this returns.

    Returns:
        False where word of a fix found no case that is alive.

    Raises:
        RPCError: Temporal did not take it.
    """
    if report.status == "open":
        await _start(client, case_id, report)
        return True
    try:
        await client.get_workflow_handle(case_id).signal(contract.REPORT, report, rpc_timeout=CALL)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _start(client: Client, case_id: str, report: FindingReport) -> None:
    await client.start_workflow(
        contract.CASE_WORKFLOW,
        CaseInput(case_id=case_id),
        id=case_id,
        task_queue=contract.queue(Queue.CORE),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=contract.REPORT,
        start_signal_args=[report],
        rpc_timeout=CALL,
    )
