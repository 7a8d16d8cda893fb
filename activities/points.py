"""What a point's writer calls: one bounded reconcile with guard, consent, intent and outcome; then telling the cases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities._guard import check_lease
from activities._world import World
from stanch import contract
from stanch.canonical import digest
from stanch.contract import Announce, Reconcile, ReconcileReply
from stanch.errors import DependencyError, Refused
from stanch.leases import Applied, Lease, LeaseOutcome, LeaseState
from stanch.ports import Mismatch, PointPort
from stanch.records import Entry, LeaseRow
from stanch.records.spool import Spool


def reconcile(world: World, call: Reconcile) -> ReconcileReply:
    """One attempt; removals go on with their intent in a local spool while records are down."""
    allowed, refused = _guarded(world, call.adds)
    _write(world, call, [*_entries(call.holders, "lift", "intent"), *_entries(allowed, "hold", "intent")])
    point: PointPort = world.connector("point", call.point)
    barred = {applied.target for applied in refused}
    wanted = None if call.wanted is None else [lease for lease in call.wanted if lease.target not in barred]
    try:
        done = point.reconcile(adds=allowed, removes=call.removes, wanted=wanted, expected=call.expected)
    except Mismatch:
        return ReconcileReply(mismatch=True)
    results = [*done.results, *refused]
    _write(world, call, [*_outcomes(call.holders, "lift", results), *_outcomes(call.adds, "hold", results)])
    _tell(world, call.outcomes, results, call)
    return ReconcileReply(
        digest=done.digest, results=tuple((item.target, item.ok, item.code, item.reason) for item in results)
    )


def _guarded(world: World, adds: Sequence[Lease]) -> tuple[list[Lease], list[Applied]]:
    """Guard and consent per lease, right before the write; what is refused is reported, the rest goes on."""
    allowed: list[Lease] = []
    refused: list[Applied] = []
    for lease in adds:
        try:
            check_lease(world, lease)
            allowed.append(lease)
        except Refused as error:
            refused.append(Applied(target=lease.target, ok=False, code=error.code, reason=error.message))
    return allowed, refused


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


def spool_of(world: World) -> Spool:
    """Where intents of lifts wait while records are down."""
    folder: Path = world.settings.data_dir / "spool"
    return Spool(folder / f"lifts-{os.getpid()}.jsonl")


def merge_spools(world: World) -> None:
    """Carry to records what was written while they were down, also by a process that is gone."""
    for path in sorted((world.settings.data_dir / "spool").glob("*.jsonl")):
        Spool(path).merge(world.records)


def _write(world: World, call: Reconcile, entries: list[Entry]) -> None:
    """Into records; where they are down only lifts go on, with their lines fsynced locally and merged later."""
    if not entries:
        return
    try:
        merge_spools(world)
        world.records.append(entries)
    except DependencyError:
        if call.adds:
            raise
        for entry in entries:
            spool_of(world).add(entry)


def _tell(world: World, outcomes: Sequence[LeaseOutcome], results: Sequence[Applied], call: Reconcile) -> None:
    """Tell each case what became of its lease, with the point's proof; only what was confirmed is told."""
    by_target = {item.target: item for item in results}
    leases = {lease.lease_id: lease for lease in (*call.adds, *call.holders, *(call.wanted or ()))}
    told: list[LeaseOutcome] = []
    for outcome in outcomes:
        lease = leases.get(outcome.lease_id)
        item = by_target.get(lease.target) if lease else None
        if lease is None:
            told.append(outcome)
        elif item is not None and item.ok:
            told.append(outcome.model_copy(update={"proof": {**outcome.proof, **item.proof}}))
    _announce(world, told, leases)


def announce(world: World, call: Announce) -> None:
    """Tell cases what no reconcile told them."""
    _announce(world, call.outcomes, {})


def _announce(world: World, outcomes: Sequence[LeaseOutcome], leases: dict[str, Lease]) -> None:
    for outcome in outcomes:
        _remember(world, outcome, leases.get(outcome.lease_id))

    async def send(client: Client) -> None:
        for outcome in outcomes:
            try:
                await client.get_workflow_handle(outcome.case_id).signal(contract.LEASE_OUTCOME, outcome)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    if outcomes:
        world.call(send)


def _remember(world: World, outcome: LeaseOutcome, lease: Lease | None) -> None:
    """Keep the list of live blocks right; it is a read model, so a database that is down holds up nothing."""
    try:
        row = world.records.lease(outcome.lease_id)
        lease = lease or (row.lease if row else None)
        if lease is not None:
            state = LeaseState(outcome.state)
            world.records.put_lease(
                LeaseRow(
                    lease=lease,
                    state=state,
                    updated=datetime.now(UTC),
                    code=outcome.code,
                    reason=outcome.reason,
                    proof=outcome.proof,
                )
            )
    except DependencyError:
        return
