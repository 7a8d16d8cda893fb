"""A point's writer over continue-as-new: leases stay, nothing is written twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.leases import Lease, LeaseState
from tests.workflows.conftest import EARLY
from tests.workflows.yard import Yard, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_point_keeps_its_leases(early: WorkflowEnvironment) -> None:
    yard = Yard(early.client)
    await yard.start()
    try:
        point = yard.point("continued")
        now = datetime.now(UTC)
        kept = yard.lease(point, "/kept", case="case-0", now=now)
        handle = await yard.hold(kept)
        first = (await handle.describe()).run_id
        for number in range(EARLY):
            passing = yard.lease(point, f"/{number}", case=f"case-{number}", now=now)
            await yard.hold(passing)
            await yard.release(passing)
            await until(lambda passing=passing: LeaseState.LIFTED in point.states(passing))  # type: ignore[misc]
            if (await handle.describe()).run_id != first:
                break
        assert (await handle.describe()).run_id != first
        assert [lease.lease_id for lease in await handle.query(contract.LEASES, result_type=list[Lease])] == [
            kept.lease_id
        ]
        assert point.stands == {kept.target: kept.expires_at}
        assert sum(kept.target in {lease.target for lease in call.adds} for call in point.calls) == 1
        await yard.release(kept)
        await until(lambda: not point.stands)
    finally:
        await yard.stop()


@pytest.mark.long
async def test_a_lift_that_is_being_tried_goes_on_in_the_next_run(early: WorkflowEnvironment) -> None:
    """The block is past its end and its point away: history grows, the writer begins anew, and still lifts."""
    yard = Yard(early.client)
    await yard.start()
    try:
        point = yard.point("expiring")
        lease = yard.lease(point, "/a", case="case-1", now=datetime.now(UTC), hours=3 / 3600)
        handle = await yard.hold(lease)
        first = (await handle.describe()).run_id
        await until(lambda: point.states(lease) == [LeaseState.HELD])
        point.down = True
        await until(lambda: any(call.removes for call in point.calls))
        for _ in range(EARLY):
            await yard.hold(lease)  # changes nothing, and fills the history
            if (await handle.describe()).run_id != first:
                break
        before = len(point.calls)
        await until(lambda: len(point.calls) > before + 1)
        assert (await handle.describe()).run_id != first
        assert point.stands
        point.down = False
        await until(lambda: not point.stands)
        assert point.states(lease) == [LeaseState.HELD, LeaseState.EXPIRED]
    finally:
        await yard.stop()
