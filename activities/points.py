"""What a point's writer calls: one bounded reconcile with guard, consent, intent and outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

from activities import _breaker, _siem, _spool
from activities._as_guarded import as_guarded, generation
from activities._freeze import held_back, with_lateness, without
from activities._guard import check_lease
from activities._telling import announced, tell
from activities._world import World
from stanch.canonical import digest
from stanch.errors import ConnectorError, DependencyError, Refused, StanchError
from stanch.fitting import refuse_unfit
from stanch.leases import EVICTED, Applied, Lease, LeaseState
from stanch.ports import Mismatch, Owned, PointPort
from stanch.records import Entry
from stanch.wire_points import Announce, Reconcile, ReconcileReply

MAX_SHOWN = 10_000


def reconcile(world: World, call: Reconcile) -> ReconcileReply:
    """One attempt; what only lifts goes on, its lines kept in a local spool, while records are down."""
    frozen = held_back(world, call.point, call.removes, call.holders)
    reply = _attempt(world, without(call, frozen) if frozen else call)
    if reply.mismatch or not frozen:
        return reply
    waiting = tuple((item.target, item.ok, item.code, item.reason) for item in frozen.values())
    return reply.model_copy(update={"results": (*reply.results, *waiting)})  # its writer asks again


def _attempt(world: World, call: Reconcile) -> ReconcileReply:
    if not call.adds and not call.removes:
        tell(world, call.outcomes, (), call)
        return ReconcileReply(digest=call.expected)
    point: PointPort = world.connector("point", call.point)
    seen = generation(world) if call.adds or call.wanted else None  # what only lifts waits for no records
    allowed, refused = _guarded(world, point, call.adds)
    owned = point.list_owned() if call.wanted is not None or (refused and not call.expected) else ()
    landed, refused = _landed(call.adds, refused, owned)
    restored = _restorable(world, point, _vanished(call, owned, [*landed, *allowed]))
    _write(world, call, [*_entries(call.holders, "lift", "intent"), *_entries(allowed, "hold", "intent")])
    dropped: list[Lease] = []
    now = generation(world) if allowed or restored else seen
    if now != seen:  # such as a halt that came while leases were looked at
        allowed, late = _guarded(world, point, allowed)
        refused = [*refused, *late]
        restored, dropped = _still(world, point, restored)
    unchanged = as_guarded(world, now) if allowed or restored else contextlib.nullcontext()
    allowed = [*landed, *allowed]
    wanted = None if call.wanted is None else [*_kept(call, owned, allowed), *restored, *allowed]
    try:
        with unchanged:
            done = point.reconcile(
                adds=allowed, removes=call.removes, wanted=wanted, expected=call.expected, known=call.holders
            )
    except Mismatch:
        return ReconcileReply(mismatch=True)
    except StanchError as error:
        _breaker.point_failed(world, call.point, allowed, error)
        raise
    _breaker.point_answered(world, call.point, allowed, {item.target for item in done.results if item.ok})
    results = [*with_lateness(done.results, call.removes, call.holders), *refused]
    ends = [*_outcomes(call.holders, "lift", results), *_outcomes(call.adds, "hold", results)]
    _write(world, call, [*ends, *_outcomes(restored, "restore", results), *_not_restored(dropped)])
    _siem.reconciled(world, results, held=[*call.adds, *restored], gone=call.holders, outcomes=call.outcomes)
    _told_of_room(world, call, results)
    tell(world, call.outcomes, results, call)
    return ReconcileReply(
        digest=done.digest, results=tuple((item.target, item.ok, item.code, item.reason) for item in results)
    )


def _told_of_room(world: World, call: Reconcile, results: Sequence[Applied]) -> None:
    """What stood and had to make room, in the ledger of everybody who held it, and to the SIEM."""
    asked = {*call.removes, *(lease.target for lease in call.adds)}
    gone = {item.target: item.reason for item in results if item.code == EVICTED and item.target not in asked}
    rows = world.records.leases(point=call.point, limit=MAX_SHOWN) if gone else ()
    held = [row.lease for row in rows if row.lease.target in gone and row.state is LeaseState.HELD]
    lines = [_entry(one, "evict", "outcome", {"code": EVICTED, "reason": gone[one.target]}) for one in held]
    _write(world, call, lines)
    _siem.evicted(world, [(one, gone[one.target]) for one in held])


def _landed(
    adds: Sequence[Lease], refused: Sequence[Applied], owned: Sequence[Owned]
) -> tuple[list[Lease], list[Applied]]:
    """Of what is refused, what an attempt whose answer was lost has made: no new change, which a halt could stop."""
    standing = {(item.target, item.expires_at) for item in owned}
    said_no = {item.target for item in refused}
    landed = [lease for lease in adds if lease.target in said_no and (lease.target, lease.expires_at) in standing]
    stays = {lease.target for lease in landed}
    return landed, [item for item in refused if item.target not in stays]


def _others(call: Reconcile, written: Sequence[Lease]) -> list[Lease]:
    """Of the full set what is neither asked for nor replaced by what is written."""
    asked, targets = {lease.lease_id for lease in call.adds}, {lease.target for lease in written}
    return [lease for lease in call.wanted or () if lease.lease_id not in asked and lease.target not in targets]


def _kept(call: Reconcile, owned: Sequence[Owned], written: Sequence[Lease]) -> list[Lease]:
    """What still stands and goes on standing."""
    standing = {item.target for item in owned}
    return [lease for lease in _others(call, written) if lease.target in standing]


def _vanished(call: Reconcile, owned: Sequence[Owned], written: Sequence[Lease]) -> list[Lease]:
    """What should stand, and somebody has taken out."""
    standing = {item.target for item in owned}
    return [lease for lease in _others(call, written) if lease.target not in standing]


def _restorable(world: World, point: PointPort, vanished: Sequence[Lease]) -> list[Lease]:
    """Putting a block back is a change like another; it is left out where that holds up a lift."""
    try:
        restored, _ = _guarded(world, point, vanished)
        world.records.append(_entries(restored, "restore", "intent"))
    except DependencyError:
        return []
    return restored


def _still(world: World, point: PointPort, restored: Sequence[Lease]) -> tuple[list[Lease], list[Lease]]:
    """What may still be put back, and what not: nothing where that cannot be read, as a lift may be in the write."""
    kept: list[Lease] = []
    with contextlib.suppress(DependencyError):
        kept = _guarded(world, point, restored)[0]
    return kept, [lease for lease in restored if lease not in kept]


def _guarded(world: World, point: PointPort, adds: Sequence[Lease]) -> tuple[list[Lease], list[Applied]]:
    """Guard and consent per lease, right before the write; what is refused is reported, the rest goes on."""
    allowed: list[Lease] = []
    refused: list[Applied] = []
    for lease in adds:
        try:
            _refuse_ended(lease)
            refuse_unfit(point, lease.spec)
            check_lease(world, lease)
            allowed.append(lease)
        except (Refused, ConnectorError) as error:
            refused.append(Applied(target=lease.target, ok=False, code=error.code, reason=error.message))
    return allowed, refused


def _refuse_ended(lease: Lease) -> None:
    """An attempt may have waited for a worker for longer than the lease was to last."""
    if lease.expires_at <= datetime.now(UTC):
        raise Refused("the block ended before it was confirmed", code="L004", hint="see the timeline")


def _entries(leases: Sequence[Lease], verb: str, what: str) -> list[Entry]:
    return [
        _entry(lease, verb, what, {"target": lease.target, "expires_at": lease.expires_at.isoformat()})
        for lease in leases
    ]


def _outcomes(leases: Sequence[Lease], verb: str, results: Sequence[Applied]) -> list[Entry]:
    found = {item.target: item for item in results}
    lines: list[Entry] = []
    for lease in leases:
        item = found.get(lease.target)
        if item is not None:
            data = {"outcome": "CONFIRMED" if item.ok else "REJECTED", "code": item.code, "reason": item.reason}
            lines.append(_entry(lease, verb, "outcome", {**data, **item.proof}))
    return lines


def _not_restored(leases: Sequence[Lease]) -> list[Entry]:
    stopped = [Applied(target=one.target, ok=False, code="G103", reason="stopped before that") for one in leases]
    return _outcomes(leases, "restore", stopped)


def _entry(lease: Lease, verb: str, what: str, data: dict[str, str]) -> Entry:
    spec = lease.spec.model_dump(mode="json", exclude_none=True)
    effect = f"{lease.lease_id}:{verb}"
    return Entry(
        case_id=lease.case_id,
        episode=lease.episode,
        key=f"{effect}:{what}",
        time=datetime.now(UTC),
        actor="stanch",
        event=f"point.{verb}.{what}",
        step=lease.step,
        effect=effect,
        plan_digest=lease.plan_digest,
        request_digest=digest(spec),
        data={"point": lease.point, **data},
    )


def _write(world: World, call: Reconcile, entries: list[Entry]) -> None:
    """Into records; an attempt that only lifts goes on without them."""
    _spool.write(world, entries, lifting=not call.adds)


def announce(world: World, call: Announce) -> None:
    """Tell cases what no reconcile told them."""
    announced(world, call.outcomes, {})
