"""What comes to a point's writer while it writes, fails, rests or is refused: nobody hears of a block that is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.leases import Lease, LeaseState
from stanch.wire_points import EnforcementInput
from tests.workflows.yard import Point, Yard, until
from workflows import enforcement
from workflows.enforcement import EnforcementWorkflow
from workflows.holding import outcome_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
HELD, LIFTED, EXPIRED, REFUSED = LeaseState.HELD, LeaseState.LIFTED, LeaseState.EXPIRED, LeaseState.REFUSED
Now = Callable[[], Awaitable[datetime]]


@pytest.fixture
def now(skipping: WorkflowEnvironment) -> Now:
    return skipping.get_current_time


def beside(lease: Lease, *, case: str, hours: float) -> Lease:
    """Another holder of the same target, whose lease ends so much later."""
    end = lease.expires_at + timedelta(hours=hours)
    return lease.model_copy(update={"lease_id": f"{lease.lease_id}-{case}", "case_id": case, "expires_at": end})


async def standing(yard: Yard, point: Point, lease: Lease) -> None:
    await yard.hold(lease)
    await until(lambda: point.states(lease) == [HELD])


async def test_who_asks_while_the_block_is_being_lifted_is_not_told_that_it_stands(yard: Yard, now: Now) -> None:
    point = yard.point("lifted-meanwhile")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = beside(first, case="case-2", hours=-0.5)
    await standing(yard, point, first)
    point.gate.clear()
    await yard.release(first)
    await until(lambda: bool(point.calls[-1].removes))
    await yard.hold(second)
    point.refused = {second.target}  # such as a halt that has come
    point.gate.set()
    await until(lambda: bool(point.states(second)))
    assert (point.states(second), point.stands) == ([REFUSED], {})


async def test_a_lift_whose_answer_was_lost_leaves_nothing_to_be_shared(yard: Yard, now: Now) -> None:
    point = yard.point("lost-lift")
    first = yard.lease(point, "/a", case="case-1", now=await now())
    second = beside(first, case="case-2", hours=0)  # even one that would end when the first was to
    await standing(yard, point, first)
    point.mute = True
    await yard.release(first)
    await until(lambda: not point.stands)
    await yard.hold(second)
    point.mute = False
    await until(lambda: HELD in point.states(second))
    assert point.stands == {second.target: second.expires_at}
    assert [lease.lease_id for lease in point.writes[-1].adds] == [second.lease_id]
    await yard.release(second)
    await until(lambda: not point.stands)


async def test_a_refusal_is_for_who_asked_and_not_for_others_who_wait_for_the_same(yard: Yard, now: Now) -> None:
    point = yard.point("refused-alone")
    point.gate.clear()
    other = yard.lease(point, "/b", case="case-0", now=await now())
    first = yard.lease(point, "/a", case="case-1", now=await now())
    longer = beside(first, case="case-2", hours=1)
    point.denied = {longer.lease_id}
    await yard.hold(other)
    await until(lambda: bool(point.calls))
    await yard.hold(first, longer)
    point.gate.set()
    await until(lambda: bool(point.states(longer)) and bool(point.states(first)))
    assert (point.states(longer), point.states(first)) == ([REFUSED], [HELD])
    assert point.stands[first.target] == first.expires_at
    await yard.release(first, other)
    await until(lambda: not point.stands)


async def test_a_holder_whose_end_may_not_be_written_keeps_the_block_and_is_not_tried_for_ever(
    yard: Yard, now: Now, skipping: WorkflowEnvironment
) -> None:
    point = yard.point("halted-holder")
    longer = yard.lease(point, "/a", case="case-1", now=await now(), hours=2)
    shorter = beside(longer, case="case-2", hours=-1)
    await standing(yard, point, longer)
    await standing(yard, point, shorter)
    point.refused = {longer.target}
    await yard.release(longer)
    await until(lambda: LIFTED in point.states(longer))
    other = yard.lease(point, "/b", case="case-3", now=await now(), hours=3)
    await standing(yard, point, other)
    tried = [call for call in point.writes if shorter in call.adds]
    assert len(tried) == 1
    assert longer.target in point.stands
    await skipping.sleep(timedelta(minutes=62))
    await until(lambda: EXPIRED in point.states(shorter))
    assert list(point.stands) == [other.target], "it ends with its last holder, whatever end was written"
    await yard.release(other)
    await until(lambda: not point.stands)


async def test_the_whole_set_has_nobody_who_still_waits(yard: Yard, now: Now) -> None:
    point = yard.point("whole-set")
    kept = yard.lease(point, "/a", case="case-1", now=await now())
    passing = yard.lease(point, "/b", case="case-2", now=await now())
    longer = beside(kept, case="case-3", hours=1)
    await standing(yard, point, kept)
    await standing(yard, point, passing)
    point.gate.clear()
    await yard.release(passing)
    await until(lambda: bool(point.calls[-1].removes))
    point.stands["by-hand"] = kept.expires_at
    await yard.hold(longer)  # no guard has seen it yet
    point.gate.set()
    await until(lambda: LIFTED in point.states(passing))
    whole = next(call for call in point.calls if call.wanted is not None)
    assert [lease.lease_id for lease in whole.wanted or ()] == [kept.lease_id]
    await until(lambda: HELD in point.states(longer))
    del point.stands["by-hand"]
    await yard.release(kept, longer)
    await until(lambda: not point.stands)


async def test_what_was_given_back_while_the_point_was_found_changed_is_not_written(yard: Yard, now: Now) -> None:
    point = yard.point("over-meanwhile")
    kept = yard.lease(point, "/a", case="case-1", now=await now())
    short = yard.lease(point, "/b", case="case-2", now=await now())
    await standing(yard, point, kept)
    point.stands["by-hand"] = kept.expires_at
    point.gate.clear()
    await yard.hold(short)
    await until(lambda: short in point.calls[-1].adds)
    await yard.release(short)
    point.gate.set()
    await until(lambda: LIFTED in point.states(short))
    assert [call for call in point.calls if short in call.adds and call.wanted is not None] == []
    assert short.target not in point.stands
    del point.stands["by-hand"]
    await yard.release(kept)
    await until(lambda: not point.stands)


async def test_a_cancelled_writer_waits_for_the_attempt_that_is_under_way(yard: Yard, now: Now) -> None:
    point = yard.point("cancelled-attempt")
    point.gate.clear()
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    handle = await yard.hold(lease)
    await until(lambda: bool(point.calls))
    await handle.cancel()
    await handle.query(contract.LEASES)  # answered by a worker that has taken in the request
    point.gate.set()
    await until(lambda: point.states(lease) == [HELD])
    await yard.release(lease)
    await until(lambda: not point.stands)
    kinds = {event.event_type async for event in handle.fetch_history_events()}
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in kinds
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED not in kinds


async def test_what_was_refused_does_not_start_when_it_is_asked_for_once_more(yard: Yard, now: Now) -> None:
    """As an activity does whose worker died after it had asked: its case has heard that it came to nothing."""
    point = yard.point("asked-again")
    lease = yard.lease(point, "/a", case="case-1", now=await now())
    point.refused = {lease.target}
    await yard.hold(lease)
    await until(lambda: point.states(lease) == [REFUSED])
    point.refused = set()
    other = yard.lease(point, "/b", case="case-2", now=await now())
    await yard.hold(lease, other)
    await until(lambda: point.states(other) == [HELD])
    assert point.stands == {other.target: other.expires_at}
    assert point.states(lease) == [REFUSED]
    await yard.release(other)
    await until(lambda: not point.stands)


async def test_a_word_that_comes_with_the_end_of_the_rest_is_told(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timer and signal come in one task: the rest is over, and there is something to tell."""
    point = yard.point("rested")
    late = yard.lease(point, "/a", case="case-1", now=datetime.now(UTC), hours=-1)
    writer = EnforcementWorkflow(EnforcementInput(point=point.name))

    async def over(_condition: object, **_: timedelta) -> None:
        writer.hold(late)
        raise TimeoutError

    server = SimpleNamespace(
        wait_condition=over,
        now=lambda: datetime.now(UTC),
        patched=lambda _name: True,
        all_handlers_finished=lambda: True,
    )
    monkeypatch.setattr(enforcement, "workflow", server)
    assert not await writer._rest()


async def test_the_words_about_one_lease_go_together(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was told that a block stands, and not that it went, would hold it for good."""
    point = yard.point("together")
    now = datetime.now(UTC)
    writer = EnforcementWorkflow(EnforcementInput(point=point.name))
    monkeypatch.setattr(enforcement, "workflow", SimpleNamespace(patched=lambda _name: True))
    leases = [yard.lease(point, f"/{number}", case="case-1", now=now) for number in range(210)]
    writer._state.pending = [outcome_of(one, HELD, now) for one in leases] + [outcome_of(leases[0], LIFTED, now)]
    told = [(outcome.lease_id, outcome.state) for outcome in writer._due()]
    assert len(told) == 201
    assert told[-1] == (leases[0].lease_id, LIFTED)


async def test_many_words_are_told_in_parts(yard: Yard, now: Now) -> None:
    point = yard.point("many-words")
    point.gate.clear()
    first = yard.lease(point, "/a", case="case-0", now=await now())
    await yard.hold(first)
    await until(lambda: bool(point.calls))
    late = [yard.lease(point, f"/{number}", case="case-1", now=await now(), hours=-1) for number in range(230)]
    await yard.hold(*late)
    more = yard.lease(point, "/b", case="case-2", now=await now())
    await yard.hold(more)
    point.gate.set()
    await until(lambda: len(point.told) >= 232)
    assert max(len(call.outcomes) for call in point.calls) <= 202
    assert {lease.lease_id for lease in late} <= {told.lease_id for told in point.told}
    await yard.release(first, more)
    await until(lambda: not point.stands)
