"""Members of lists, limits and API keys at their single writer: shared, ended, and through a worker's end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.leases import KeySpec, Lease, LeaseSpec, LeaseState, LimitSpec, MemberSpec, Principal, is_item
from tests.workflows.yard import Yard, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELD, LIFTED, EXPIRED = LeaseState.HELD, LeaseState.LIFTED, LeaseState.EXPIRED
KINDS: dict[str, LeaseSpec] = {
    "endpoint": MemberSpec(list="sensitive", join="abuse", host="api.example.com", path="/pay/**"),
    "principal": MemberSpec(list="abusive", join="abuse", principal=Principal(token_id="t-1")),
    "limit": LimitSpec(host="api.example.com", path="/search", requests=100),
    "key": KeySpec(key_id="abcdefghij"),
    "key-in-plan": KeySpec(key_id="abcdefghij", plan_id="planplan00"),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(skipping: WorkflowEnvironment) -> AsyncIterator[Yard]:
    """Workers that remember nothing, so that another one can go on at once."""
    found = Yard(skipping.client, cached=0)
    await found.start()
    yield found
    await found.stop()


@pytest.mark.parametrize(
    "kind",
    [
        "key",
        *(pytest.param(kind, marks=pytest.mark.long) for kind in ("principal", "endpoint", "limit", "key-in-plan")),
    ],
)
async def test_it_is_shared_survives_a_worker_and_ends_by_itself(
    yard: Yard, skipping: WorkflowEnvironment, kind: str
) -> None:
    point, now = yard.point(f"kind-{kind}"), await skipping.get_current_time()
    first = yard.lease(point, "", case="case-1", now=now, spec=KINDS[kind])
    # The list of a member may have come into another join meanwhile; it is the same member.
    later = KINDS[kind].model_copy(update={"join": "other"} if kind in ("endpoint", "principal") else {})
    second = yard.lease(point, "", case="case-2", now=now, hours=0.5, spec=later)
    third = yard.lease(point, "", case="case-3", now=now, hours=0.5, spec=later)
    handle = await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    await yard.stop()
    await yard.start()
    await yard.hold(second, third)
    await until(lambda: point.states(second) == point.states(third) == [HELD])
    assert len(point.writes) == 1
    await yard.release(third)
    await until(lambda: point.states(third) == [HELD, LIFTED])
    held = await handle.query(contract.LEASES, result_type=list[Lease])
    assert {lease.lease_id: lease.spec for lease in held} == {first.lease_id: first.spec, second.lease_id: second.spec}
    assert handle.id == contract.enforcement_id(point.name, first.target if is_item(first.spec) else "")
    await skipping.sleep(timedelta(minutes=31))
    await until(lambda: point.states(second) == [HELD, EXPIRED])
    assert point.stands == {first.target: first.expires_at}
    await skipping.sleep(timedelta(minutes=30))
    await until(lambda: point.states(first) == [HELD, EXPIRED])
    assert point.stands == {}
    assert point.times[-1] - first.expires_at < timedelta(seconds=60)


async def test_two_keys_of_one_point_have_a_writer_each(yard: Yard, skipping: WorkflowEnvironment) -> None:
    point, now = yard.point("two-keys"), await skipping.get_current_time()
    specs = KeySpec(key_id="abcdefghij"), KeySpec(key_id="klmnopqrst")
    one, two = (yard.lease(point, "", case=f"case-{spec.key_id}", now=now, spec=spec) for spec in specs)
    handles = [await yard.hold(one), await yard.hold(two)]
    await until(lambda: point.states(one) == point.states(two) == [HELD])
    assert len({handle.id for handle in handles}) == 2
    await yard.release(one)
    await until(lambda: point.states(one) == [HELD, LIFTED])
    assert set(point.stands) == {two.target}
    await yard.release(two)
    await until(lambda: not point.stands)
