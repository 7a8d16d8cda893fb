"""A look at the points: what is over comes off, lost writers begin again, orphans are named, owners are told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from glue import CASE, FakeTemporal, Glue, reachable
from point_support import edge_world, held, lease, standing_in
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities import _drift, _paging, _watch
from stanch import contract
from stanch.errors import Rejected, RetrySafe
from stanch.leases import Applied, BlockSpec, Lease, LeaseState, Principal
from stanch.ports import Owned
from stanch.records import LeaseRow
from stanch.web.point_figures import seen as figures
from stanch.wire_watch import SEEN, Overdue, Paging

MINUTE = timedelta(minutes=1)


class Point:
    """What stands at it, by name; everything else is never called by a look."""

    def __init__(self) -> None:
        self.stands: dict[str, Owned] = {}
        self.down = False
        self.stuck = False

    def put(self, lease: Lease) -> None:
        name = f"{lease.case_id}/{lease.target}/{lease.expires_at.timestamp():.0f}"
        self.stands[name] = Owned(name, lease.case_id, lease.expires_at, lease.target)

    def list_owned(self) -> Sequence[Owned]:
        if self.down:
            raise RetrySafe("no answer")
        return list(self.stands.values())

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        if self.stuck:
            raise RetrySafe("no answer")
        for entry in entries:
            self.stands.pop(entry.name, None)
        return [Applied(target=entry.name, ok=True) for entry in entries]


class Temporal(FakeTemporal):
    """Writers that run, and what they know."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: dict[str, list[Lease]] = {}

    def get_workflow_handle(self, workflow_id: str) -> Any:
        async def describe() -> Any:
            if workflow_id not in self.writers:
                raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
            return SimpleNamespace(status=WorkflowExecutionStatus.RUNNING)

        async def query(_name: str, *, result_type: Any) -> list[Lease]:
            return self.writers[workflow_id]

        return SimpleNamespace(describe=describe, query=query)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Signals to writers, and of which lease."""
        found: list[tuple[str, str]] = []
        for start in self.starts:
            (word,) = start["start_signal_args"]
            found.append((start["start_signal"], getattr(word, "lease", word).lease_id))
        return found


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with edge_world(tmp_path) as made:
        yield made


@pytest.fixture
def point(glue: Glue) -> Point:
    return standing_in(glue, Point())


@pytest.fixture
def temporal(glue: Glue) -> Iterator[Temporal]:
    made = Temporal()
    with reachable(glue.world, made):
        yield made


def test_what_is_over_comes_off_and_its_writer_is_told(glue: Glue, point: Point, temporal: Temporal) -> None:
    over, fresh = lease("over", -10 * MINUTE), lease("fresh", 10 * MINUTE)
    held(glue, over, fresh)
    for one in (over, fresh):
        point.put(one)
    temporal.writers["enforce-edge"] = [over, fresh]
    seen = _watch.look(glue.world)
    assert [item.target for item in point.stands.values()] == [fresh.target]
    assert temporal.told == [(contract.RELEASE, "over")]
    assert glue.events() == ["point.reap.intent", "point.reap.outcome"]
    assert seen.overdue == ()
    assert seen.again is not None


def test_the_writer_goes_first_for_half_a_minute(glue: Glue, point: Point, temporal: Temporal) -> None:
    just = lease("just", timedelta(seconds=-10))
    held(glue, just)
    point.put(just)
    temporal.writers["enforce-edge"] = [just]
    seen = _watch.look(glue.world)
    assert len(point.stands) == 1
    assert seen.again is not None
    assert timedelta(0) < seen.again - datetime.now(UTC) <= _watch.GRACE


def test_a_lost_writer_gets_back_what_stands_and_tells_of_what_is_gone(
    glue: Glue, point: Point, temporal: Temporal
) -> None:
    stands, gone, asked = lease("stands", 10 * MINUTE), lease("gone", 10 * MINUTE), lease("asked", 10 * MINUTE)
    held(glue, stands, gone)
    glue.records.put_lease(LeaseRow(lease=asked, state=LeaseState.REQUESTED, updated=datetime.now(UTC)))
    point.put(stands)
    _watch.look(glue.world)
    assert sorted(temporal.told) == [(contract.HOLD, "stands"), (contract.RELEASE, "gone")]


def test_a_living_writer_is_left_alone(glue: Glue, point: Point, temporal: Temporal) -> None:
    stands, pending = lease("stands", 10 * MINUTE), lease("pending", 10 * MINUTE)
    held(glue, stands, pending)
    point.put(stands)
    temporal.writers["enforce-edge"] = [stands, pending]
    _watch.look(glue.world)
    assert temporal.told == []


def test_a_halt_starts_no_writer_since_its_guard_would_drop_the_block(
    glue: Glue, point: Point, temporal: Temporal
) -> None:
    stands = lease("stands", 10 * MINUTE)
    held(glue, stands)
    point.put(stands)
    glue.records.halt("all", by="user:ana", reason="drill", at=datetime.now(UTC))
    _watch.look(glue.world)
    assert (temporal.told, len(point.stands)) == ([], 1)


@pytest.mark.parametrize("scope", ["all", "point:edge", "playbook:contain_attacker"])
def test_a_freeze_lifts_nothing_and_its_owner_hears_that_people_keep_it(
    glue: Glue, point: Point, temporal: Temporal, scope: str
) -> None:
    over, other = lease("over", -10 * MINUTE), lease("other", -10 * MINUTE, playbook="data_exposure_block")
    held(glue, over, other)
    for one in (over, other):
        point.put(one)
    glue.records.halt(scope, by="user:ana", reason="evidence", at=datetime.now(UTC), freeze=True)
    seen = _watch.look(glue.world)
    kept = ["over"] if scope.startswith("playbook:") else ["other", "over"]
    assert sorted(item.lease_id for item in seen.overdue) == kept
    assert all(item.frozen for item in seen.overdue)
    assert {item.target for item in point.stands.values()} == {one.target for one in (over, other)[: len(kept)]}
    assert not {name for _, name in temporal.told} & set(kept)
    _paging.page(glue.world, Paging(overdue=seen.overdue))
    paged = [line.data or {} for line in glue.timeline() if line.event == _paging.PAGED]
    assert sorted((line["lease"], line["incident"]) for line in paged) == [(name, "frozen") for name in kept]
    glue.records.resume(scope)
    assert _watch.look(glue.world).overdue == ()
    assert point.stands == {}


def test_orphans_are_named_once_and_lifted_at_their_end_only(glue: Glue, point: Point, temporal: Temporal) -> None:
    point.put(lease("orphan", 10 * MINUTE))
    point.put(lease("old-orphan", -10 * MINUTE))
    known = lease("known", 10 * MINUTE)
    point.put(known)
    temporal.writers["enforce-edge"] = [known]
    for _ in range(2):
        _watch.look(glue.world)
    assert glue.events().count("point.orphan.found") == 1
    assert {item.target for item in point.stands.values()} == {known.target, lease("orphan", MINUTE).target}
    seen = glue.records.setting(SEEN)
    assert seen["orphaned"] == {"edge": 1}


@pytest.mark.parametrize("down", [True, False])
def test_what_cannot_be_lifted_is_an_incident_told_once(
    glue: Glue, point: Point, temporal: Temporal, down: bool
) -> None:
    over = lease("over", -2 * MINUTE)
    held(glue, over)
    point.put(over)
    point.down, point.stuck = down, True
    temporal.writers["enforce-edge"] = [over]
    seen = _watch.look(glue.world)
    assert [item.lease_id for item in seen.overdue] == ["over"]
    assert figures(glue.records).overdue == {"edge": 1}
    assert temporal.told == []  # its writer is trying, and needs no second word
    for _ in range(2):
        _paging.page(glue.world, Paging(overdue=seen.overdue))
    assert glue.events().count(_paging.PAGED) == 1
    assert glue.records.setting(SEEN)["unreachable"] == (["edge"] if down else [])


def test_one_message_that_fails_leaves_no_other_owner_untold(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    def post(_world: Any, item: Overdue) -> None:
        if item.lease_id == "away":
            raise RetrySafe("no answer")
        if item.lease_id == "refused":
            raise Rejected("no such channel")

    monkeypatch.setattr(_paging, "_post", post)
    ended = datetime.now(UTC)
    items = [Overdue(point="edge", lease_id=name, case_id=CASE, ended=ended) for name in ("away", "refused", "last")]
    with pytest.raises(RetrySafe):
        _paging.page(glue.world, Paging(overdue=tuple(items)))
    paged = [(line.data or {})["lease"] for line in glue.timeline() if line.event == _paging.PAGED]
    assert paged == ["refused", "last"]


def shared(glue: Glue, point: Point) -> None:
    """One block of two holders, one over and one in time; its writer is lost."""
    last = lease("shared", 10 * MINUTE).model_copy(update={"lease_id": "last"})
    held(glue, lease("shared", -10 * MINUTE), last)
    point.put(last)


def test_a_lost_writer_hears_first_of_the_holder_who_has_longest(glue: Glue, point: Point, temporal: Temporal) -> None:
    shared(glue, point)
    _watch.look(glue.world)
    assert temporal.told == [(contract.HOLD, "last"), (contract.RELEASE, "shared")]


@pytest.mark.parametrize("down", [True, False])
def test_where_nothing_may_be_held_a_shared_block_is_not_released(
    glue: Glue, point: Point, temporal: Temporal, down: bool
) -> None:
    shared(glue, point)
    alone = lease("alone", -10 * MINUTE)
    held(glue, alone)
    point.down = down
    if not down:
        glue.records.halt("all", by="user:ana", reason="drill", at=datetime.now(UTC))
    _watch.look(glue.world)
    assert temporal.told == [(contract.RELEASE, "alone")]


def test_a_shared_block_is_overdue_only_when_its_last_holder_is(glue: Glue, point: Point, temporal: Temporal) -> None:
    first = lease("shared", -10 * MINUTE)
    last = lease("shared", 10 * MINUTE).model_copy(update={"lease_id": "last"})
    held(glue, first, last)
    point.put(last)
    temporal.writers["enforce-edge"] = [last]
    seen = _watch.look(glue.world)
    assert seen.overdue == ()
    assert figures(glue.records).overdue == {}  # the first holder is past its end, and the block is not
    assert len(point.stands) == 1


def test_a_block_that_somebody_took_out_is_named_once(glue: Glue, point: Point, temporal: Temporal) -> None:
    gone, there, key = lease("gone", 10 * MINUTE), lease("there", 10 * MINUTE), lease("key", 10 * MINUTE)
    key = key.model_copy(update={"spec": BlockSpec(host="api.example.com", principal=Principal(api_key="k1"))})
    held(glue, gone, there, key)
    point.put(there)
    temporal.writers["enforce-edge"] = [gone, there, key]
    for _ in range(2):
        _watch.look(glue.world)
    (found,) = [item for item in glue.timeline() if item.event == "point.drift.found"]
    assert found.data["target"] == gone.target
    assert found.data["reason"] == _drift.TAKEN_OUT
    assert glue.records.setting(SEEN)["drifted"] == {"edge": 1}
    point.put(gone)
    _watch.look(glue.world)
    assert glue.records.setting(SEEN)["drifted"] == {"edge": 0}


def test_a_block_that_is_listed_and_stops_nothing_is_named(glue: Glue, temporal: Temporal) -> None:
    there, idle = lease("there", 10 * MINUTE), lease("idle", 10 * MINUTE)

    class Telling(Point):
        def without_effect(self, leases: Sequence[Lease]) -> frozenset[str]:
            if self.stuck:
                raise RetrySafe("no answer")
            return frozenset(one.target for one in leases if one.lease_id == "idle")

    point = standing_in(glue, Telling())
    held(glue, there, idle)
    point.put(there)
    point.put(idle)
    temporal.writers["enforce-edge"] = [there, idle]
    point.stuck = True
    _watch.look(glue.world)
    assert glue.records.setting(SEEN)["drifted"] == {"edge": 0}, "nobody knows, so nothing is claimed"
    point.stuck = False
    _watch.look(glue.world)
    (found,) = [item for item in glue.timeline() if item.event == "point.drift.found"]
    assert found.data["target"] == idle.target
    assert found.data["reason"] == _drift.IDLE
    assert glue.records.setting(SEEN)["drifted"] == {"edge": 1}


def ended(glue: Glue, *leases: Lease, state: LeaseState = LeaseState.REFUSED) -> None:
    """Records say that these are over."""
    for one in leases:
        glue.records.put_lease(LeaseRow(lease=one, state=state, updated=datetime.now(UTC)))


@pytest.mark.parametrize("state", [LeaseState.REFUSED, LeaseState.LIFTED, LeaseState.EXPIRED])
def test_a_write_that_came_after_its_lease_was_over_is_lifted_by_the_writer(
    glue: Glue, point: Point, temporal: Temporal, state: LeaseState
) -> None:
    late = lease("late", 10 * MINUTE)
    ended(glue, late, state=state)
    point.put(late)
    _watch.look(glue.world)
    assert temporal.told == [(contract.RELEASE, "late")]
    assert glue.events() == ["point.orphan.found"]


def test_what_a_writer_still_knows_another_case_holds_or_a_freeze_keeps_is_not_lifted(
    glue: Glue, point: Point, temporal: Temporal
) -> None:
    known, frozen = lease("known", 10 * MINUTE), lease("frozen", 10 * MINUTE)
    shared = lease("shared", 10 * MINUTE)
    ended(glue, known, frozen, shared)
    held(glue, shared.model_copy(update={"lease_id": "other", "case_id": "case-other"}))
    for one in (known, frozen, shared):
        point.put(one)
    temporal.writers["enforce-edge"] = [known, shared]
    glue.records.halt("all", by="user:ana", reason="drill", at=datetime.now(UTC), freeze=True)
    _watch.look(glue.world)
    assert temporal.told == []
    glue.records.resume("all")
    _watch.look(glue.world)
    assert temporal.told == [(contract.RELEASE, "frozen")]


def test_after_a_freeze_its_owner_hears_that_the_point_keeps_the_block(
    glue: Glue, point: Point, temporal: Temporal
) -> None:
    over = lease("over", -2 * MINUTE)
    held(glue, over)
    point.put(over)
    temporal.writers["enforce-edge"] = [over]
    glue.records.halt("all", by="user:ana", reason="drill", at=datetime.now(UTC), freeze=True)
    _paging.page(glue.world, Paging(overdue=_watch.look(glue.world).overdue))
    glue.records.resume("all")
    point.stuck = True
    for _ in range(2):
        _paging.page(glue.world, Paging(overdue=_watch.look(glue.world).overdue))
    kinds = [(line.data or {})["incident"] for line in glue.timeline() if line.event == _paging.PAGED]
    assert kinds == ["frozen", "overdue"]
