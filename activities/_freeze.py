"""A freeze stops lifts, too: which lifts of a point wait for its end, and how late one is that has waited."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from activities._world import World
from stanch.catalog import catalog
from stanch.errors import DependencyError
from stanch.guards import Attempt, GuardState, Refusal, Stop, check
from stanch.leases import Applied, BlockSpec, Lease, LeaseSpec, MemberSpec, verb_of
from stanch.wire_points import Reconcile
from stanch.wire_watch import INCIDENT

_HOST = "host:"
NOWHERE = BlockSpec(host="", path="/**")  # a lift whose lease nobody knows any more falls under its point alone


def held_back(world: World, point: str, removes: Sequence[str], holders: Sequence[Lease]) -> dict[str, Applied]:
    """The targets that a freeze keeps where they are, with what the writer is told of them.

    A freeze that cannot be read holds up nothing: lifts go on while records are down.
    """
    stops = freezes(world) if removes else ()
    if not stops:
        return {}
    found: dict[str, Applied] = {}
    for target in removes:
        own = [lease for lease in holders if lease.target == target]
        refusal = why_frozen(point, own, stops)
        if refusal is not None:
            found[target] = Applied(target=target, ok=False, code=refusal.code, reason=refusal.message)
    return found


def without(call: Reconcile, frozen: Collection[str]) -> Reconcile:
    """The attempt without these targets; nobody is told of them."""
    waiting = {lease.lease_id for lease in call.holders if lease.target in frozen}
    changed = {
        "removes": tuple(target for target in call.removes if target not in frozen),
        "holders": tuple(lease for lease in call.holders if lease.target not in frozen),
        "outcomes": tuple(outcome for outcome in call.outcomes if outcome.lease_id not in waiting),
    }
    return call.model_copy(update=changed)


def freezes(world: World) -> tuple[Stop, ...]:
    """The freezes in force."""
    try:
        halts = world.records.halts()
    except DependencyError:
        return ()
    return tuple(Stop(scope=halt.scope, freeze=True) for halt in halts if halt.freeze)


def why_frozen(point: str, holders: Sequence[Lease], stops: tuple[Stop, ...]) -> Refusal | None:
    """Why a target may not be lifted now; of several holders one that is frozen is enough."""
    judged = [(spec, _attempt(point, lease)) for lease in holders for spec in _reach(lease.spec, stops)]
    state = GuardState(halted=stops)
    for spec, attempt in judged or [(NOWHERE, _unknown(point))]:
        refusals = check(spec, attempt, policy=None, state=state)
        if refusals:
            return refusals[0]
    return None


def _reach(spec: LeaseSpec, stops: tuple[Stop, ...]) -> list[LeaseSpec]:
    """What a lift opens; somebody on a list is denied at any host that the other list may have."""
    hosts = [stop.scope.removeprefix(_HOST) for stop in stops if stop.scope.startswith(_HOST)]
    anywhere = isinstance(spec, MemberSpec) and not spec.host
    return [spec, *(BlockSpec(host=host) for host in hosts if anywhere)]


def frozen_targets(point: str, leases: Sequence[Lease], stops: tuple[Stop, ...]) -> set[str]:
    """Targets of these leases that a freeze keeps."""
    return {lease.target for lease in leases if why_frozen(point, [lease], stops) is not None} if stops else set()


def _attempt(point: str, lease: Lease) -> Attempt:
    return Attempt(
        action=catalog()[verb_of(lease.spec)].inverse,
        mode="manual",
        removing=True,
        environment=lease.environment,
        playbook=lease.playbook,
        source=lease.source,
        point=point,
    )


def _unknown(point: str) -> Attempt:
    return Attempt(action="block.lift", mode="manual", removing=True, point=point)


def with_lateness(results: Sequence[Applied], removes: Collection[str], holders: Sequence[Lease]) -> list[Applied]:
    """The results; a lift that is an incident says by how many seconds it was late."""
    ends: dict[str, datetime] = {}
    for lease in holders:
        ends[lease.target] = max(lease.expires_at, ends.get(lease.target, lease.expires_at))
    now = datetime.now(UTC)
    return [_late(item, ends, now) if item.target in removes else item for item in results]


def _late(item: Applied, ends: Mapping[str, datetime], now: datetime) -> Applied:
    end = ends.get(item.target)
    if not item.ok or end is None or now - end < INCIDENT:
        return item
    return item.model_copy(update={"proof": {**item.proof, "late_seconds": f"{(now - end).total_seconds():.0f}"}})
