"""Blocks that stand at a point past their end: found in the point's own state and taken out, whoever is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from activities import _siem, _spool
from activities._bare import bare_world, has_records, points_here
from activities._errors import outcome_of
from activities._freeze import freezes, frozen_targets, why_frozen
from activities._world import World
from stanch.canonical import digest
from stanch.errors import DependencyError, StanchError
from stanch.leases import Applied, Lease, LeaseState
from stanch.ports import Owned, PointPort
from stanch.records import Entry, LeaseRow
from stanch.settings import load_settings

MAX_LEASES = 10_000
REAP = "reap"  # episode of lines about a block whose lease nobody knows


@dataclass(frozen=True)
class Reaped:
    """One entry past its end. `state`: overdue (found), lifted, renewed (meanwhile, and left), failed, or unreadable.

    An unreadable name says no end. A code beside `lifted` means that its line could not be written.
    """

    point: str
    name: str
    case_id: str
    target: str
    expires_at: datetime | None
    state: str
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Reaping:
    """What a look at the points showed; `unreachable` and `frozen` name points with the reason."""

    entries: tuple[Reaped, ...] = ()
    unreachable: Mapping[str, StanchError] = field(default_factory=dict[str, StanchError])
    frozen: tuple[str, ...] = ()
    standing: int = 0


def reap(
    world: World,
    *,
    points: Sequence[str],
    dry_run: bool = False,
    actor: str = "stanch",
) -> Reaping:
    """Take out of each point what is past its end; nothing else is touched."""
    entries: list[Reaped] = []
    unreachable: dict[str, StanchError] = {}
    frozen, standing = frozen_points(world, points), 0
    for name in points:
        try:
            owned = owned_at(world, name)
        except StanchError as error:
            unreachable[name] = error
            continue
        late = overdue(owned, datetime.now(UTC))
        may_go = [] if dry_run else not_frozen(world, name, late)
        entries += [_found(name, item, "unreadable") for item in owned if item.expires_at is None]
        entries += [_found(name, item, "overdue") for item in late if item not in may_go]
        entries += take_out(world, name, may_go, actor=actor)
        standing += len(owned) - len(late)
    return Reaping(tuple(entries), unreachable, frozen, standing)


def owned_at(world: World, point: str) -> Sequence[Owned]:
    """What stands at a point under our name."""
    port: PointPort = world.connector("point", point)
    return port.list_owned()


def overdue(owned: Sequence[Owned], moment: datetime) -> list[Owned]:
    """What should have ended by that moment."""
    return [item for item in owned if item.expires_at is not None and item.expires_at <= moment]


def reap_now(*, at: str, dry_run: bool, actor: str) -> dict[str, Any]:
    """The command `stanch lease reap`.

    Raises:
        ConfigError: C032, there is no such point, or none at all.
    """
    world = bare_world(load_settings())
    points = points_here(world, at)
    try:
        return told(world, points, reap(world, points=points, dry_run=dry_run, actor=actor))
    finally:
        world.records.close()


def told(world: World, points: Sequence[str], found: Reaping) -> dict[str, Any]:
    """What a look showed, in plain words."""
    return {
        "ledger": "records" if has_records(world) else "spool",
        "standing": found.standing,
        "points": [_of_point(name, found) for name in points],
        "entries": [
            {**asdict(item), "expires_at": item.expires_at.isoformat() if item.expires_at else ""}
            for item in found.entries
        ],
    }


def _of_point(name: str, found: Reaping) -> dict[str, str]:
    error = found.unreachable.get(name)
    if error is not None:
        return {"point": name, "state": "unreachable", "code": error.code, "reason": error.message}
    if name in found.frozen:
        return {"point": name, "state": "frozen", "code": "G102", "reason": "`stanch resume` when it is safe"}
    return {"point": name, "state": "answered", "code": "", "reason": ""}


def take_out(
    world: World, point: str, entries: Sequence[Owned], *, actor: str = "stanch", ended: bool = True
) -> list[Reaped]:
    """Take entries out by their exact names, with a ledger line before and after each.

    Args:
        world: records, where they can be had.
        point: where the entries stand.
        entries: as they were listed.
        actor: who does it.
        ended: say in records that their leases are over; not where the point's writer is there to tell the cases.
    """
    if not entries:
        return []
    run, known = uuid4().hex[:12], _known(world, point)
    port: PointPort = world.connector("point", point)
    try:
        _write(world, [_line(point, item, known, run, actor, {}) for item in entries])
    except DependencyError as error:
        return [_found(point, item, "failed", error.code, error.message) for item in entries]
    ends = _taken(port, point, entries)
    told: list[Reaped] = []
    for item, (end, outcome) in zip(entries, ends, strict=True):
        data = {"outcome": outcome, "state": end.state, "code": end.code, "reason": end.reason}
        told.append(_noted(world, end, _line(point, item, known, run, actor, data)))
    if ended:
        _remember(world, known, told)
    lifted = {(item.case_id, item.target) for item in told if item.state == "lifted"}
    _siem.reaped(world, [lease for lease in known if (lease.case_id, lease.target) in lifted])
    return told


def _taken(port: PointPort, point: str, entries: Sequence[Owned]) -> list[tuple[Reaped, str]]:
    """What became of each entry, and the outcome as the ledger names it."""
    try:
        results = {item.target: item for item in port.take_out(entries)}
        return [_ended(point, item, results[item.name]) for item in entries]
    except StanchError as error:
        outcome = outcome_of(error)
        return [(_found(point, item, "failed", error.code, error.message), outcome) for item in entries]


def _ended(point: str, item: Owned, end: Applied) -> tuple[Reaped, str]:
    if not end.ok:
        return _found(point, item, "failed", end.code, end.reason), end.proof.get("outcome", "UNCERTAIN")
    return _found(point, item, "renewed" if end.proof.get("state") == "renewed" else "lifted"), "CONFIRMED"


def _noted(world: World, end: Reaped, line: Entry) -> Reaped:
    """What was done is told even where its line cannot be written."""
    try:
        _write(world, [line])
    except DependencyError as error:
        return replace(end, code=error.code, reason=error.message)
    return end


def frozen_points(world: World, points: Sequence[str]) -> tuple[str, ...]:
    """Points where a freeze stops every lift; a freeze that cannot be read holds up nothing."""
    stops = freezes(world)
    return tuple(name for name in points if why_frozen(name, (), stops) is not None)


def not_frozen(world: World, point: str, entries: Sequence[Owned]) -> list[Owned]:
    """Entries that no freeze keeps; one whose lease records do not know is kept by a freeze of all or of its point."""
    stops = freezes(world) if entries else ()
    if why_frozen(point, (), stops) is not None:
        return []
    kept = frozen_targets(point, _known(world, point), stops) if stops else set[str]()
    return [item for item in entries if item.target not in kept]


def _known(world: World, point: str) -> list[Lease]:
    """Live leases of a point, where records can be read."""
    try:
        return [row.lease for row in world.records.leases(point=point, limit=MAX_LEASES)]
    except DependencyError:
        return []


def _found(point: str, item: Owned, state: str, code: str = "", reason: str = "") -> Reaped:
    if state == "unreadable":
        code, reason = "L014", "its name says neither case nor end; take it out by hand"
    return Reaped(point, item.name, item.case_id, item.target, item.expires_at, state, code, reason)


def _line(point: str, item: Owned, known: Sequence[Lease], run: str, actor: str, end: Mapping[str, str]) -> Entry:
    lease = next((one for one in known if (one.case_id, one.target) == (item.case_id, item.target)), None)
    ended = item.expires_at.isoformat() if item.expires_at else ""
    what = "outcome" if end else "intent"
    effect = f"{lease.lease_id if lease else item.target}:reap:{run}"
    return Entry(
        case_id=item.case_id or REAP,
        episode=lease.episode if lease else REAP,
        key=f"{effect}:{what}",
        time=datetime.now(UTC),
        actor=actor,
        event=f"point.reap.{what}",
        step=lease.step if lease else "",
        effect=effect,
        plan_digest=lease.plan_digest if lease else "",
        request_digest=digest({"name": item.name, "target": item.target}),
        data={"point": point, "name": item.name, "target": item.target, "expires_at": ended, **end},
    )


def _write(world: World, lines: Sequence[Entry]) -> None:
    try:
        _spool.write(world, lines, lifting=True)
    except OSError:
        message, hint = "neither records nor the local spool can be written", "see the disk of data_dir"
        raise DependencyError(message, code="D010", hint=hint) from None


def _remember(world: World, known: Sequence[Lease], told: Sequence[Reaped]) -> None:
    """Leases that ended with what is gone are over; a read model, so records that are down hold up nothing."""
    gone, now = {item.target for item in told if item.state == "lifted"}, datetime.now(UTC)
    try:
        for lease in known:
            if lease.target in gone and lease.expires_at <= now:
                world.records.put_lease(LeaseRow(lease=lease, state=LeaseState.EXPIRED, updated=now, code="L015"))
    except DependencyError:
        return
