"""A freeze: what a point's writer would lift stays until it ends, what is new stays out, and lateness is said."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import FakeTemporal, Glue, Recorder, job, reachable
from point_support import edge_world, lease, standing_in

from activities import _freeze, points
from activities._guard import check_action
from activities._run import perform
from stanch.actions.blocks import Lifted
from stanch.errors import DependencyError
from stanch.guards import Stop
from stanch.leases import Applied, BlockSpec, Lease, LeaseOutcome, LeaseState, MemberSpec, Principal, target_of
from stanch.ports import Mismatch, Owned, Reconciled
from stanch.ports_traffic import Exposure
from stanch.records import LeaseRow
from stanch.wire_points import Announce, Reconcile, ReconcileReply

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCOPES = ["all", "point:edge", "playbook:contain_attacker", "source:own", "environment:prod", "action:block.lift"]


class Point:
    """In memory, with what it was asked; `when_read` happens while a writer looks at it."""

    def __init__(self) -> None:
        self.held: dict[str, Lease] = {}
        self.calls = 0
        self.when_read: Callable[[], object] = lambda: None

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.held)).encode()).hexdigest()

    def reconcile(self, *, adds: Any, removes: Any, wanted: Any, expected: str, known: Any = ()) -> Reconciled:
        self.calls += 1
        if wanted is None and expected != self.digest:
            raise Mismatch
        self.held |= {one.target: one for one in (*(wanted or ()), *adds)}
        for target in removes:
            self.held.pop(target, None)
        done = [Applied(target=target, ok=True) for target in (*removes, *(one.target for one in adds))]
        return Reconciled(self.digest, tuple(done))

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        return Exposure(unknown=0.0)

    def list_owned(self) -> Sequence[Owned]:
        self.when_read()
        return [Owned(one.lease_id, one.case_id, one.expires_at, one.target) for one in self.held.values()]


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with edge_world(tmp_path) as made:
        yield made


@pytest.fixture
def temporal(glue: Glue) -> Iterator[FakeTemporal]:
    with reachable(glue.world, FakeTemporal()) as made:
        yield made


@pytest.fixture
def point(glue: Glue) -> Point:
    return standing_in(glue, Point())


def freeze(glue: Glue, scope: str = "all", *, frozen: bool = True) -> None:
    glue.records.halt(scope, by="user:ana", reason="evidence", at=datetime.now(UTC), freeze=frozen)


def lift(glue: Glue, point: Point, *leases: Lease, expected: str | None = None) -> ReconcileReply:
    told = [
        LeaseOutcome(
            lease_id=one.lease_id, case_id=one.case_id, step="block", state=LeaseState.EXPIRED, at=one.expires_at
        )
        for one in leases
    ]
    call = Reconcile(
        point="edge",
        removes=tuple(one.target for one in leases),
        holders=leases,
        expected=point.digest if expected is None else expected,
        outcomes=tuple(told),
    )
    return points.reconcile(glue.world, call)


def codes(reply: ReconcileReply) -> dict[str, str]:
    return {target: code for target, _, code, _ in reply.results}


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_over_stays_until_the_freeze_ends(glue: Glue, point: Point, temporal: FakeTemporal, scope: str) -> None:
    over = lease("over", -2 * MINUTE)
    point.held = {over.target: over}
    freeze(glue, scope)
    reply = lift(glue, point, over)
    assert codes(reply) == {over.target: "G102"}
    assert (reply.digest, point.calls, glue.events(), temporal.signals) == (point.digest, 0, [], [])
    glue.records.resume(scope)
    assert codes(lift(glue, point, over)) == {over.target: ""}
    assert point.held == {}
    assert [told.state for _, _, told in temporal.signals] == [LeaseState.EXPIRED]


def test_a_freeze_of_one_playbook_keeps_only_its_own(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    kept, gone = lease("kept", -2 * MINUTE), lease("gone", -2 * MINUTE, playbook="data_exposure_block")
    point.held = {kept.target: kept, gone.target: gone}
    freeze(glue, "playbook:contain_attacker")
    assert codes(lift(glue, point, kept, gone)) == {gone.target: "", kept.target: "G102"}
    assert list(point.held) == [kept.target]
    assert [told.lease_id for _, _, told in temporal.signals] == ["gone"]  # nobody is told that the other one ended


def test_of_two_holders_one_that_is_frozen_keeps_the_block(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    one = lease("one", -2 * MINUTE)
    other = one.model_copy(update={"lease_id": "other", "playbook": "data_exposure_block"})
    point.held = {one.target: one}
    freeze(glue, "playbook:data_exposure_block")
    call = Reconcile(point="edge", removes=(one.target,), holders=(one, other), expected=point.digest)
    assert codes(points.reconcile(glue.world, call)) == {one.target: "G102"}


@pytest.mark.parametrize(
    ("scope", "stands"), [("all", True), ("point:edge", True), ("playbook:contain_attacker", False)]
)
def test_an_entry_whose_lease_nobody_knows_falls_under_its_point(
    glue: Glue, point: Point, temporal: FakeTemporal, scope: str, stands: bool
) -> None:
    stray = lease("stray", -2 * MINUTE)
    point.held = {stray.target: stray}
    freeze(glue, scope)
    points.reconcile(glue.world, Reconcile(point="edge", removes=(stray.target,), expected=point.digest))
    assert bool(point.held) is stands


def test_what_others_are_told_is_not_kept_by_a_freeze(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    over = lease("over", -2 * MINUTE)
    shared = LeaseOutcome(lease_id="else", case_id="case-b", step="block", state=LeaseState.HELD, at=over.expires_at)
    freeze(glue)
    call = Reconcile(point="edge", removes=(over.target,), holders=(over,), outcomes=(shared,))
    points.reconcile(glue.world, call)
    assert [told.lease_id for _, _, told in temporal.signals] == ["else"]


def test_a_freeze_that_cannot_be_read_holds_up_nothing(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    over = lease("over", -2 * MINUTE)
    point.held = {over.target: over}
    freeze(glue)
    glue.world.records = glue.down(reading=True).records
    assert codes(lift(glue, point, over)) == {over.target: ""}


@pytest.mark.parametrize(("late", "said"), [(10 * MINUTE, True), (timedelta(seconds=20), False)])
def test_a_lift_that_is_late_says_by_how_much(
    glue: Glue, point: Point, temporal: FakeTemporal, late: timedelta, said: bool
) -> None:
    over = lease("over", -late)
    point.held = {over.target: over}
    lift(glue, point, over)
    line = next(line.data or {} for line in glue.timeline() if line.event == "point.lift.outcome")
    ((_, _, told),) = temporal.signals
    for found in (line, told.proof):
        assert abs(int(found["late_seconds"]) - 600) < 5 if said else "late_seconds" not in found


def test_a_halt_that_comes_while_a_writer_looks_stops_its_write(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    """The full set is read from the point after the guard has spoken; people who halt then are not too late."""
    new, gone = lease("new"), lease("gone")
    point.when_read = lambda: freeze(glue, frozen=False)
    call = Reconcile(point="edge", adds=(new,), wanted=(new, gone), expected="")
    reply = points.reconcile(glue.world, call)
    assert codes(reply) == {new.target: "G103"}
    assert point.held == {}
    assert not any(line.uncertain for line in glue.timeline() if (line.effect or "").startswith("new"))


def test_a_halt_turns_away_nothing_whose_answer_was_lost(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    """It stands, its case may have been told so: to refuse it now would lift a block that somebody holds."""
    landed, new = lease("landed"), lease("new")
    point.held = {landed.target: landed}
    freeze(glue, frozen=False)
    reply = points.reconcile(glue.world, Reconcile(point="edge", adds=(landed, new), wanted=(landed, new)))
    assert codes(reply) == {landed.target: "", new.target: "G103"}
    assert list(point.held) == [landed.target]


def test_a_point_that_needs_no_full_set_is_asked_what_stands_before_it_refuses(
    glue: Glue, point: Point, temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a point of users, which takes an attempt of a writer that does not know what it has."""
    landed = lease("landed")
    point.held = {landed.target: landed}
    monkeypatch.setattr(Point, "digest", "")
    freeze(glue, frozen=False)
    reply = points.reconcile(glue.world, Reconcile(point="edge", adds=(landed,), expected=""))
    assert codes(reply) == {landed.target: ""}


def refused(one: Lease) -> LeaseOutcome:
    """What its writer has a case told of a lease that a guard turned away."""
    state = LeaseState.REFUSED
    return LeaseOutcome(lease_id=one.lease_id, case_id=one.case_id, step="block", state=state, at=NOW, code="G103")


@pytest.mark.parametrize("known", [LeaseState.REQUESTED, None, LeaseState.EXPIRED, LeaseState.REFUSED])
def test_who_was_never_told_of_a_block_is_told_no(glue: Glue, temporal: FakeTemporal, known: LeaseState | None) -> None:
    one = lease("one")
    if known is not None:
        glue.records.put_lease(LeaseRow(lease=one, state=known, updated=NOW))
    points.announce(glue.world, Announce(point="edge", outcomes=(refused(one),)))
    assert [told.state for _, _, told in temporal.signals] == [LeaseState.REFUSED]


def test_who_was_told_that_a_block_stands_is_told_that_it_goes(glue: Glue, temporal: FakeTemporal) -> None:
    """Its writer never heard that it was held; then it was taken out by hand, and the next attempt met a halt."""
    one = lease("one")
    glue.records.put_lease(LeaseRow(lease=one, state=LeaseState.HELD, updated=NOW))
    for _ in range(2):  # points say things at least once
        points.announce(glue.world, Announce(point="edge", outcomes=(refused(one),)))
    assert [(told.state, told.code) for _, _, told in temporal.signals] == [(LeaseState.LIFTED, "G103")] * 2
    row = glue.records.lease(one.lease_id)
    assert row is not None
    assert row.state is LeaseState.LIFTED


def test_an_undo_waits_for_the_end_of_a_freeze_and_says_so_once(glue: Glue) -> None:
    undo = job("block.lift", {"lease_id": "L1"}, purpose="undo")
    done = Recorder(Lifted(lease_id="L1"))
    freeze(glue)
    for _ in range(3):
        with pytest.raises(DependencyError):
            perform(glue.world, undo, done, check_action)
    assert glue.events() == ["block.lift.frozen"]
    glue.records.resume("all")
    perform(glue.world, undo, done, check_action)
    assert (len(done.jobs), glue.events()[1:]) == (1, ["block.lift.intent", "block.lift.outcome"])


def test_somebody_on_a_list_is_kept_by_the_freeze_of_a_host_that_the_other_list_may_have() -> None:
    spec = MemberSpec(list="abusive", principal=Principal(user_id="u1"))
    held = lease("l1", spec=spec, target=target_of(spec))
    assert _freeze.why_frozen("edge", [held], (Stop(scope="host:api.example.com", freeze=True),)) is not None
    assert _freeze.why_frozen("edge", [held], (Stop(scope="point:other", freeze=True),)) is None
