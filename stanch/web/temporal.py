"""How the edge talks to workflows: start with a signal, signal, query, each within a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import CaseView, FindingReport
from stanch.leases import is_item
from stanch.reporting import CALL, bring
from stanch.web.problems import WebError, unreachable
from stanch.wire_points import EnforcementInput, Release

LOOK = timedelta(seconds=2)


@asynccontextmanager
async def reaching() -> AsyncGenerator[None]:
    """Anything that keeps Temporal from answering becomes a 503, soon: the client itself would go on trying."""
    try:
        async with asyncio.timeout(CALL.total_seconds()):
            yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise
        raise unreachable() from None
    except (TimeoutError, RuntimeError):
        raise unreachable() from None


async def report(client: Client, case_id: str, message: FindingReport) -> None:
    """Deliver a finding to its case, opening the case where there is none; stored once this returns."""
    async with reaching():
        await bring(client, case_id, message)


async def release(client: Client, message: Release) -> None:
    """Tell the point's single writer to give a lease back."""
    lease = message.lease
    shard = lease.target if is_item(lease.spec) else ""
    async with reaching():
        await client.start_workflow(
            contract.ENFORCEMENT_WORKFLOW,
            EnforcementInput(point=lease.point, shard=shard),
            id=contract.enforcement_id(lease.point, shard),
            task_queue=contract.queue(Queue.CORE),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal=contract.RELEASE,
            start_signal_args=[message],
            rpc_timeout=CALL,
        )


async def signal_case(client: Client, case_id: str, name: str, message: Any) -> None:
    """Signal a case that is alive.

    Raises:
        WebError: W010, 409, it is over or was never there; D010, 503.
    """
    try:
        async with reaching():
            await client.get_workflow_handle(case_id).signal(name, message, rpc_timeout=CALL)
    except RPCError:
        raise over() from None


def over() -> WebError:
    hint = "a closed case is opened again by reopen, or by the finding itself"
    return WebError("this case is not running", status=409, code="W010", hint=hint)


async def view_of_case(client: Client, case_id: str) -> CaseView | None:
    """The case as its workflow knows it now; None where nobody can say (no worker, closed long ago)."""
    handle = client.get_workflow_handle(case_id)
    try:
        async with asyncio.timeout(LOOK.total_seconds()):
            found = await handle.query(contract.VIEW, result_type=dict[str, Any], rpc_timeout=LOOK)
    except (RPCError, WorkflowQueryFailedError, TimeoutError):
        return None
    return CaseView.model_validate(found) if found else None
