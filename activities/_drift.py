"""Blocks that should stand and do not: somebody has taken them out at the point, and nobody here did."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

from activities import _siem
from activities._world import World
from stanch.errors import StanchError
from stanch.leases import BlockSpec, Lease, LeaseSpec, LeaseState
from stanch.ports_traffic import TellsEffect
from stanch.records import Entry

MISSING = "point.drift.found"
TAKEN_OUT = "taken out at the point by somebody else"
IDLE = "stands at the point and stops nothing"


def idle(world: World, point: str, held: Sequence[Lease]) -> frozenset[str]:
    """What a point lists and does not stop, where it can tell; where it does not answer, the next look asks again."""
    connector = world.connector("point", point)
    if not held or not isinstance(connector, TellsEffect):
        return frozenset()
    with contextlib.suppress(StanchError):
        return connector.without_effect(held)
    return frozenset()


def missing(
    world: World, point: str, held: Sequence[Lease], standing: set[str], *, idle: frozenset[str] = frozenset()
) -> int:
    """Name each block that vanished or is idle, in its case's ledger and for the SIEM.

    What vanished its writer restores when it next writes; what is listed and stops nothing needs a person.
    What was lifted while the point was being read is no drift, so the lease is looked up again. Users and API keys
    are left out: one that somebody else had disabled before bears no mark of ours.
    """
    now = datetime.now(UTC)
    works = standing - idle
    gone = [lease for lease in held if lease.expires_at > now and lease.target not in works and _held(world, lease)]
    new = [lease for lease in gone if not _told(world, lease)]
    if new:
        told = [(lease, IDLE if lease.target in idle & standing else TAKEN_OUT) for lease in new]
        world.records.append([_line(point, lease, now, why) for lease, why in told])
        _siem.vanished(world, told)
    return len(gone)


def _told(world: World, lease: Lease) -> bool:
    return world.records.count_keys(lease.case_id, lease.episode, _key(lease), limit=1) > 0


def _key(lease: Lease) -> str:
    return f"{lease.lease_id}:drift"


def _held(world: World, lease: Lease) -> bool:
    row = world.records.lease(lease.lease_id)
    return _marked(lease.spec) and row is not None and row.state is LeaseState.HELD


def _marked(spec: LeaseSpec) -> bool:
    return isinstance(spec, BlockSpec) and not (spec.principal and spec.principal.api_key)


def _line(point: str, lease: Lease, now: datetime, why: str) -> Entry:
    return Entry(
        case_id=lease.case_id,
        episode=lease.episode,
        key=_key(lease),
        time=now,
        actor="stanch",
        event=MISSING,
        step=lease.step,
        plan_digest=lease.plan_digest,
        data={"point": point, "target": lease.target, "expires_at": lease.expires_at.isoformat(), "reason": why},
    )
