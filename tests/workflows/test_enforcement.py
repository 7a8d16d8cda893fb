"""The single writer of a point: what it writes, in which order, and what the holders are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.leases import Lease, LeaseState
from tests.workflows.yard import Yard, targets, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELD, LIFTED, EXPIRED, REFUSED = LeaseState.HELD, LeaseState.LIFTED, LeaseState.EXPIRED, LeaseState.REFUSED
Now = Callable[[], Awaitable[datetime]]


@pytest.fixture
def now(skipping: WorkflowEnvironment) -> Now:
    return skipping.get_current_time


async def test_two_holders_share_one_write_and_the_last_lifts(yard: Yard, now: Now) -> None:
    point = yard.point("shared")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = yard.lease(point, "/a", case="case-2", now=await now(), hours=0.5)
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    await yard.hold(second)
    await until(lambda: point.states(second) == [HELD])
    assert len(point.writes) == 1, "what stands long enough is not written again"
    await yard.release(first)
    await until(lambda: point.states(first) == [HELD, LIFTED])
    assert point.stands == {second.target: second.expires_at}, "somebody still holds it, until its own expiry"
    await yard.release(second)
    await until(lambda: point.states(second) == [HELD, LIFTED])
    assert point.stands == {}


async def test_a_longer_lease_extends_what_stands(yard: Yard, now: Now) -> None:
    point = yard.point("extended")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    longer = yard.lease(point, "/a", case="case-2", now=await now(), hours=2)
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    await yard.hold(longer)
    await until(lambda: point.states(longer) == [HELD])
    assert point.stands == {longer.target: longer.expires_at}
    assert not any(call.removes for call in point.calls)
    await yard.release(first, longer)
    await until(lambda: not point.stands)


@pytest.mark.parametrize("hours", [0.5, 1.0])
async def test_who_asks_while_the_block_is_being_written_is_told_too(yard: Yard, now: Now, hours: float) -> None:
    point = yard.point(f"meanwhile-{hours}")
    point.gate.clear()
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = first.model_copy(update={"lease_id": f"{first.lease_id}-b", "case_id": "case-2"})
    second = second.model_copy(update={"expires_at": first.expires_at - timedelta(hours=1 - hours)})
    await yard.hold(first)
    await until(lambda: bool(point.calls))
    await yard.hold(second)
    point.gate.set()
    await until(lambda: point.states(second) == [HELD])
    assert point.told[-1].proof == {"shared": "true"}
    assert (point.states(first), len(point.writes)) == ([HELD], 1)
    await yard.release(first, second)
    await until(lambda: not point.stands)


async def test_a_refused_extension_leaves_the_first_holder_its_block(yard: Yard, now: Now) -> None:
    point = yard.point("refused-extension")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    longer = yard.lease(point, "/a", case="case-2", now=await now(), hours=2)
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    point.refused = {first.target}
    await yard.hold(longer)
    await until(lambda: point.states(longer) == [REFUSED])
    assert point.states(first) == [HELD]
    assert point.stands == {first.target: first.expires_at}
    await yard.release(first)
    await until(lambda: not point.stands)


async def test_what_makes_room_is_told_to_all_who_hold_it_and_not_put_back(yard: Yard, now: Now) -> None:
    point = yard.point("full")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = yard.lease(point, "/a", case="case-2", now=await now(), hours=0.5)
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    await yard.hold(second)
    await until(lambda: point.states(second) == [HELD])
    point.makes_room = {first.target}
    other = yard.lease(point, "/b", case="case-3", now=await now())
    await yard.hold(other)
    await until(lambda: point.states(first) == [HELD, LIFTED] and point.states(second) == [HELD, LIFTED])
    ends = [(told.lease_id, told.code, told.reason) for told in point.told if told.state is LIFTED]
    assert sorted(ends) == sorted((one.lease_id, "L018", "it made room") for one in (first, second))
    assert list(point.stands) == [other.target]
    await yard.release(other)
    await until(lambda: not point.stands)
    assert len(point.writes) == 2


async def test_the_same_lease_again_changes_nothing(yard: Yard, now: Now) -> None:
    point = yard.point("again")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    await yard.hold(lease, lease)
    await until(lambda: point.states(lease) == [HELD])
    await yard.hold(lease)
    await yard.release(lease)
    await until(lambda: point.states(lease) == [HELD, LIFTED])
    await yard.hold(lease)
    other = yard.lease(point, "/b", case="case-1", now=await now())
    await yard.hold(other)
    await until(lambda: point.states(other) == [HELD])
    assert lease.target not in point.stands, "a hold that arrives after its own release does not start again"
    await yard.release(other)
    await until(lambda: not point.stands)


async def test_a_block_is_lifted_when_its_time_is_over(yard: Yard, now: Now, skipping: WorkflowEnvironment) -> None:
    point = yard.point("expiry")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    await yard.hold(lease)
    await until(lambda: point.states(lease) == [HELD])
    await skipping.sleep(timedelta(minutes=59))
    assert point.stands
    await skipping.sleep(timedelta(minutes=2))
    await until(lambda: point.states(lease) == [HELD, EXPIRED])
    assert point.stands == {}
    assert timedelta(0) <= point.times[-1] - lease.expires_at < timedelta(seconds=60)


async def test_many_at_once_need_few_writes(yard: Yard, now: Now) -> None:
    point = yard.point("many")
    leases = [yard.lease(point, f"/{number}", case=f"case-{number}", now=await now()) for number in range(50)]
    point.gate.clear()
    await yard.hold(*leases)
    point.gate.set()
    await until(lambda: len(point.stands) == 50)
    assert len(point.writes) <= 4
    await yard.release(*leases)
    await until(lambda: not point.stands)
    await until(lambda: all(point.states(lease) == [HELD, LIFTED] for lease in leases))


async def test_one_bad_lease_does_not_hold_up_the_others(yard: Yard, now: Now, skipping: WorkflowEnvironment) -> None:
    point = yard.point("poison")
    leases = [yard.lease(point, f"/{number}", case=f"case-{number}", now=await now()) for number in range(8)]
    bad, good = leases[0], leases[1:]
    point.poison = {bad.target}
    begun = await now()
    await yard.hold(*leases)
    await skipping.sleep(timedelta(minutes=2))
    await until(lambda: targets(good) <= set(point.stands))
    await until(lambda: all(point.states(lease) == [HELD] for lease in good))
    assert all(time - begun < timedelta(minutes=2) for time in point.times[:10])
    await skipping.sleep(timedelta(minutes=16))
    await until(lambda: point.states(bad) == [REFUSED])
    assert next(item.code for item in point.told if item.lease_id == bad.lease_id) == "L002"
    await yard.release(*good)
    await until(lambda: not point.stands)


async def test_a_busy_point_gets_all_of_a_batch_in_one_write(
    yard: Yard, now: Now, skipping: WorkflowEnvironment
) -> None:
    point = yard.point("busy")
    point.busy = 3
    leases = [yard.lease(point, f"/{number}", case=f"case-{number}", now=await now()) for number in range(12)]
    await yard.hold(*leases)
    await until(lambda: point.stands.keys() == targets(leases))
    sizes = [len(call.adds) for call in point.writes[1:]]  # the first may have gone before the others came
    assert set(sizes[1:]) <= {11, 12}, sizes
    await yard.release(*leases)
    await until(lambda: not point.stands)


async def test_what_the_point_turns_away_is_told(yard: Yard, now: Now) -> None:
    point = yard.point("turned-away")
    bad = yard.lease(point, "/bad", case="case-1", now=await now())
    good = yard.lease(point, "/good", case="case-2", now=await now())
    point.refused = {bad.target}
    await yard.hold(bad, good)
    await until(lambda: point.states(bad) == [REFUSED] and point.states(good) == [HELD])
    assert set(point.stands) == {good.target}
    await yard.release(good)
    await until(lambda: not point.stands)


async def test_removals_go_first_and_alone(yard: Yard, now: Now) -> None:
    point = yard.point("order")
    old = yard.lease(point, "/old", case="case-1", now=await now())
    busy = yard.lease(point, "/busy", case="case-1", now=await now())
    new = yard.lease(point, "/new", case="case-2", now=await now())
    await yard.hold(old)
    await until(lambda: point.states(old) == [HELD])
    point.gate.clear()
    await yard.hold(busy)
    await until(lambda: len(point.calls) == 2)
    await yard.hold(new)
    await yard.release(old)
    point.gate.set()
    await until(lambda: point.states(new) == [HELD] and point.states(old) == [HELD, LIFTED])
    after = point.calls[2:]
    assert (after[0].removes, after[0].adds) == ((old.target,), ())
    assert targets(after[1].adds) == {new.target}
    await yard.release(busy, new)
    await until(lambda: not point.stands)


async def test_a_point_that_was_changed_by_hand_gets_the_whole_set(yard: Yard, now: Now) -> None:
    point = yard.point("drift")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = yard.lease(point, "/b", case="case-2", now=await now())
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    assert all(call.wanted is None for call in point.calls), "only what changes is sent"
    point.stands.clear()
    await yard.hold(second)
    await until(lambda: point.states(second) == [HELD])
    assert [targets(call.wanted) for call in point.calls if call.wanted] == [{first.target, second.target}]
    assert set(point.stands) == {first.target, second.target}
    await yard.release(first, second)
    await until(lambda: not point.stands)


async def test_a_lease_nobody_remembers_is_lifted_to_be_sure(yard: Yard, now: Now) -> None:
    point = yard.point("unknown")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    point.stands[lease.target] = lease.expires_at
    await yard.release(lease)
    await until(lambda: point.states(lease) == [LIFTED])
    assert point.stands == {}


async def test_lifts_are_retried_without_end(yard: Yard, now: Now, skipping: WorkflowEnvironment) -> None:
    point = yard.point("outage")
    lease = yard.lease(point, "/a", case="case-1", now=await now(), hours=1)
    await yard.hold(lease)
    await until(lambda: point.states(lease) == [HELD])
    point.down = True
    await skipping.sleep(timedelta(hours=2))
    assert point.stands
    attempts = sum(bool(call.removes) for call in point.calls)
    assert 60 < attempts < 200, "about every 30 seconds"
    point.down = False
    await skipping.sleep(timedelta(seconds=31))
    await until(lambda: point.states(lease) == [HELD, EXPIRED])
    assert point.stands == {}


async def test_what_cannot_be_lifted_is_asked_for_calmly_and_holds_up_nobody(
    yard: Yard, now: Now, skipping: WorkflowEnvironment
) -> None:
    point = yard.point("clinging")
    old = yard.lease(point, "/old", case="case-1", now=await now())
    new = yard.lease(point, "/new", case="case-2", now=await now(), hours=5)
    await yard.hold(old)
    await until(lambda: point.states(old) == [HELD])
    point.clinging = {old.target}
    await yard.release(old)
    await skipping.sleep(timedelta(minutes=10))
    assert len(point.calls) < 40
    await yard.hold(new)
    await until(lambda: point.states(new) == [HELD])  # at once: the point answers, and no time is skipped here
    point.clinging = set()
    await skipping.sleep(timedelta(minutes=1))
    await until(lambda: point.states(old) == [HELD, LIFTED])
    await yard.release(new)
    await until(lambda: not point.stands)


async def test_a_case_that_cannot_be_told_holds_up_no_block(
    yard: Yard, now: Now, skipping: WorkflowEnvironment
) -> None:
    point = yard.point("mute")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    sharer = yard.lease(point, "/a", case="case-2", now=await now(), hours=0.5)
    other = yard.lease(point, "/b", case="case-3", now=await now())
    await yard.hold(first)
    await until(lambda: point.states(first) == [HELD])
    point.silent = True
    await yard.hold(sharer)
    await skipping.sleep(timedelta(minutes=1))
    await yard.hold(other)
    await skipping.sleep(timedelta(minutes=1))
    await until(lambda: point.states(other) == [HELD])
    point.silent = False
    await skipping.sleep(timedelta(minutes=1))
    await until(lambda: point.states(sharer) == [HELD])
    await yard.release(first, sharer, other)
    await until(lambda: not point.stands)


async def test_cancelling_the_writer_does_not_drop_its_leases(yard: Yard, now: Now) -> None:
    point = yard.point("cancelled")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    handle = await yard.hold(lease)
    await until(lambda: point.states(lease) == [HELD])
    await asyncio.sleep(1)  # the writer hears a moment after the point that its attempt went well
    await handle.cancel()
    assert [held.lease_id for held in await handle.query(contract.LEASES, result_type=list[Lease])] == [lease.lease_id]
    await yard.release(lease)
    await until(lambda: point.states(lease) == [HELD, LIFTED], seconds=120)


async def test_an_empty_writer_ends(yard: Yard, now: Now) -> None:
    point = yard.point("empty")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    handle = await yard.hold(lease)
    await yard.release(lease)
    await handle.result()
    assert point.stands == {}
