"""Blocks outlive whoever asked for them, and never their time: termination takes nothing back, the lease does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

import workflows
from stanch import contract
from stanch.contract import CaseInput
from stanch.leases import LeaseState
from tests.workflows.yard import Yard, at_rest, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORBIDDEN = {"start_child_workflow", "execute_child_workflow", "signal_with_start_workflow"}
FORBIDDEN |= {"get_external_workflow_handle", "get_external_workflow_handle_for"}


def _called() -> Iterator[str]:
    for path in Path(workflows.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                yield node.attr


async def test_no_case_has_children_that_would_end_with_it_or_start_nothing() -> None:
    """A child ends when its parent continues as new; workflow-side signal-with-start is disabled on the server."""
    assert FORBIDDEN & set(_called()) == set()


async def test_a_terminated_case_takes_nothing_back_and_its_block_ends_at_its_time(
    yard: Yard, skipping: WorkflowEnvironment
) -> None:
    point = yard.point("terminated")
    case = await skipping.client.start_workflow(
        contract.CASE_WORKFLOW, CaseInput(case_id="case-t"), id="case-t", task_queue=contract.queue("core")
    )
    lease = yard.lease(point, "/a", case="case-t", now=await skipping.get_current_time())
    await yard.hold(lease)
    await until(lambda: point.states(lease) == [LeaseState.HELD])
    await at_rest(case)
    await case.terminate("by mistake")
    await skipping.sleep(timedelta(minutes=50))
    assert (await case.describe()).status is WorkflowExecutionStatus.TERMINATED
    assert point.stands == {lease.target: lease.expires_at}
    await skipping.sleep(timedelta(minutes=11))
    await until(lambda: point.stands == {})
    assert point.times[-1] - lease.expires_at < timedelta(seconds=60)


async def test_a_terminated_writer_is_given_its_leases_again_and_keeps_to_their_times(
    yard: Yard, skipping: WorkflowEnvironment
) -> None:
    """As the look at the points does it: `tests/activities/test_watch.py` shows that it gives them."""
    point = yard.point("orphaned")
    now = await skipping.get_current_time()
    first, second = yard.lease(point, "/a", case="case-1", now=now), yard.lease(point, "/b", case="case-2", now=now)
    handle = await yard.hold(first, second)
    await until(lambda: point.states(second) == [LeaseState.HELD])
    await at_rest(handle)
    await handle.terminate("by mistake")
    await yard.hold(first, second)
    await until(lambda: len(point.states(second)) == 2)
    assert point.stands.keys() == {first.target, second.target}
    await yard.release(second)
    await until(lambda: point.stands.keys() == {first.target})
    await skipping.sleep(timedelta(minutes=61))
    await until(lambda: point.stands == {})
