"""A look at every point: what is past its end comes off, writers that were lost begin again, orphans are named."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities import _drift, _reaping, blocks
from activities._breaker_news import announce_open
from activities._freeze import freezes, frozen_targets
from activities._world import World
from stanch import contract
from stanch.errors import StanchError
from stanch.leases import LIVE, Lease, LeaseState
from stanch.ports import Owned
from stanch.records import Entry
from stanch.wire_points import Release
from stanch.wire_watch import INCIDENT, SEEN, Overdue, PointsSeen

GRACE = timedelta(seconds=30)  # so long the point's own writer goes first


@dataclass(frozen=True)
class _Sight:
    """One point: what stands there (None: it does not answer), the leases that records say are held, what is frozen."""

    point: str
    owned: Sequence[Owned] | None
    held: Sequence[Lease]
    frozen: frozenset[str] = frozenset()

    @property
    def standing(self) -> set[str]:
        return {item.target for item in self.owned or ()}

    @property
    def ends(self) -> list[datetime]:
        listed = [item.expires_at for item in self.owned or () if item.expires_at is not None]
        return listed + [lease.expires_at for lease in self.held]


def look(world: World) -> PointsSeen:
    """See every point once.

    Raises:
        DependencyError: records cannot be read; without them nobody can say what is an orphan.
    """
    now = datetime.now(UTC)
    points = tuple(world.sections("point"))
    for point in points:
        _lift_late(world, point, now)
    announce_open(world)
    sights = [_see(world, point) for point in points]
    halted = {halt.scope for halt in world.records.halts()}
    for sight in sights:
        _revive(world, sight, now, may_hold=not halted & {"all", f"point:{sight.point}"})
    orphaned = {sight.point: _orphans(world, sight) for sight in sights if sight.owned is not None}
    drifted = {
        sight.point: _drift.missing(
            world, sight.point, sight.held, sight.standing, idle=_drift.idle(world, sight.point, sight.held)
        )
        for sight in sights
        if sight.owned is not None
    }
    gone = [sight.point for sight in sights if sight.owned is None]
    incidents = tuple(_incidents(sights, now))
    overdue = Counter(item.point for item in incidents)
    found = {
        "orphaned": orphaned,
        "drifted": drifted,
        "unreachable": gone,
        "overdue": dict(overdue),
        "at": now.isoformat(),
    }
    world.records.put_setting(SEEN, found)
    return PointsSeen(again=_again(sights, now), overdue=incidents)


def _lift_late(world: World, point: str, now: datetime) -> None:
    """Before writers are asked, though each write asks Temporal; a point that does not answer is seen to below."""
    with contextlib.suppress(StanchError):
        late = _reaping.overdue(_reaping.owned_at(world, point), now - GRACE)
        _reaping.take_out(world, point, _reaping.not_frozen(world, point, late), ended=False)


def _see(world: World, point: str) -> _Sight:
    rows = world.records.leases(point=point, limit=_reaping.MAX_LEASES)
    held = [row.lease for row in rows if row.state is LeaseState.HELD]
    frozen = frozenset(frozen_targets(point, held, freezes(world)))
    try:
        return _Sight(point, _reaping.owned_at(world, point), held, frozen)
    except StanchError:
        return _Sight(point, None, held, frozen)


def _again(sights: Sequence[_Sight], now: datetime) -> datetime | None:
    return min((max(end + GRACE, now) for sight in sights for end in sight.ends), default=None)


def _incidents(sights: Sequence[_Sight], now: datetime) -> Iterator[Overdue]:
    """Held past their end by more than a minute, where they still stand or nobody can say."""
    for sight in sights:
        for lease in sight.held:
            stands = sight.owned is None or lease.target in sight.standing
            if stands and lease.expires_at + INCIDENT <= now and _is_last(lease, sight):
                frozen = lease.target in sight.frozen
                one = {"point": sight.point, "lease_id": lease.lease_id, "case_id": lease.case_id}
                yield Overdue(**one, ended=lease.expires_at, frozen=frozen)


def _is_last(lease: Lease, sight: _Sight) -> bool:
    """No other holder of the same target has longer."""
    return all(other.expires_at <= lease.expires_at for other in sight.held if other.target == lease.target)


def _revive(world: World, sight: _Sight, now: datetime, *, may_hold: bool) -> None:
    """Give a lost writer its leases back; have cases told of what ended while nobody was there to tell.

    Who has longest comes first, so that a writer knows of them before it hears that another holder of the target goes.
    """
    running: dict[str, bool] = {}
    may_hold = may_hold and sight.owned is not None
    for lease in sorted(sight.held, key=lambda one: one.expires_at, reverse=True):
        shard = blocks.shard_of(world, lease)
        if shard not in running:
            running[shard] = _is_running(world, sight.point, shard)
        stands = sight.owned is None or lease.target in sight.standing
        over, lost = lease.expires_at + GRACE <= now, not running[shard]
        if (over and (lost or not stands)) or (lost and not stands):  # a living writer that cannot lift is trying
            may_lift = lease.target not in sight.frozen
            if may_lift and (may_hold or not lost or not _is_shared(lease, sight, now)):
                blocks.signal_point(world, lease, contract.RELEASE, Release(lease=lease, reason="found by the sweep"))
        elif lost and not over and may_hold:
            blocks.signal_point(world, lease, contract.HOLD, lease)


def _is_shared(lease: Lease, sight: _Sight, now: datetime) -> bool:
    """Another holder in time has the same target, and it stands, for all we know."""
    stands = sight.owned is None or lease.target in sight.standing
    others = (one for one in sight.held if one.target == lease.target and one.lease_id != lease.lease_id)
    return stands and any(one.expires_at > now for one in others)


def _is_running(world: World, point: str, shard: str) -> bool:
    async def ask(client: Client) -> bool:
        try:
            found = await client.get_workflow_handle(contract.enforcement_id(point, shard)).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return found.status is WorkflowExecutionStatus.RUNNING

    return world.call(ask)


def _orphans(world: World, sight: _Sight) -> int:
    """Entries of ours that neither live leases nor the point's writer know: named once, lifted at their end.

    They are not lifted before: another deployment may share the point, and an empty database must not unblock. Where
    our own records say that the lease is over, a write has come late, and the point's writer is told to lift.
    """
    known = {lease.target for lease in sight.held}
    strays = [item for item in sight.owned or () if item.target not in known]
    strays = [item for item in strays if not _has_writer(world, sight.point, item.target)]
    if strays:
        world.records.append([_named(sight.point, item) for item in strays])
    late = [lease for item in strays for lease in _ended(world, sight.point, item)]
    frozen = frozen_targets(sight.point, late, freezes(world))
    for lease in late:
        if lease.target not in frozen:
            blocks.signal_point(world, lease, contract.RELEASE, Release(lease=lease, reason="found by the sweep"))
    return len(strays)


def _ended(world: World, point: str, item: Owned) -> list[Lease]:
    """The newest lease of this entry's case and target, where all of them are over."""
    if not item.case_id:
        return []
    rows = world.records.leases(live=False, case_id=item.case_id, point=point)
    ours = [row for row in rows if row.lease.target == item.target]
    return [ours[-1].lease] if ours and not any(row.state in LIVE for row in ours) else []


def _has_writer(world: World, point: str, target: str) -> bool:
    """A writer that may hold this target is alive and knows it."""

    async def ask(client: Client, shard: str) -> bool:
        handle = client.get_workflow_handle(contract.enforcement_id(point, shard))
        leases: list[Lease] = await handle.query(contract.LEASES, result_type=list[Lease])
        return any(lease.target == target for lease in leases)

    alive = (shard for shard in ("", target) if _is_running(world, point, shard))
    return any(world.call(partial(ask, shard=shard)) for shard in alive)


def _named(point: str, item: Owned) -> Entry:
    ended = item.expires_at.isoformat() if item.expires_at else ""
    return Entry(
        case_id=item.case_id or _reaping.REAP,
        episode=_reaping.REAP,
        key=f"orphan:{point}:{item.name}"[:400],
        time=datetime.now(UTC),
        actor="stanch",
        event="point.orphan.found",
        data={"point": point, "name": item.name, "target": item.target, "expires_at": ended},
    )
