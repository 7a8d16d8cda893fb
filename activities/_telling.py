"""Telling cases what became of their leases, and keeping the list of live blocks right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities._world import World
from stanch import contract
from stanch.errors import DependencyError
from stanch.leases import Applied, Lease, LeaseOutcome, LeaseState
from stanch.records import LeaseRow
from stanch.wire_points import Reconcile

AT_ONCE = 16
DEAF = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)  # it is over, or has had as many signals as it may
TOLD = (LeaseState.HELD, LeaseState.LIFTED)  # lifted: a repeat of what was told says the same


def tell(world: World, outcomes: Sequence[LeaseOutcome], results: Sequence[Applied], call: Reconcile) -> None:
    """Tell each case what became of its lease, with the point's proof; only what was confirmed is told."""
    by_target = {item.target: item for item in results}
    leases = {lease.lease_id: lease for lease in (*call.adds, *call.holders, *(call.wanted or ()))}
    told: list[LeaseOutcome] = []
    for outcome in outcomes:
        lease = leases.get(outcome.lease_id)
        target = lease.target if lease else outcome.target  # who waits beside the lease that is written has only that
        item = by_target.get(target)
        if not target or "shared" in outcome.proof:  # which was so before this write, whatever becomes of it
            told.append(outcome)
        elif item is not None and item.ok:
            told.append(outcome.model_copy(update={"proof": {**outcome.proof, **item.proof}}))
    announced(world, told, leases)


def announced(world: World, outcomes: Sequence[LeaseOutcome], leases: dict[str, Lease]) -> None:
    """Each outcome into the list of live blocks, then to its case; a case that has ended needs no word."""
    outcomes = [_as_known(world, outcome) for outcome in outcomes]
    _remember(world, outcomes, leases)

    async def send(client: Client) -> None:
        turns = asyncio.Semaphore(AT_ONCE)
        ends = await asyncio.gather(*(_tell_case(client, turns, told) for told in _by_case(outcomes)))
        for error in ends:
            if error is not None:
                raise error  # all that could be told were told

    if outcomes:
        world.call(send)


def _by_case(outcomes: Sequence[LeaseOutcome]) -> Iterable[list[LeaseOutcome]]:
    found: dict[str, list[LeaseOutcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.case_id, []).append(outcome)
    return found.values()


async def _tell_case(client: Client, turns: asyncio.Semaphore, outcomes: Iterable[LeaseOutcome]) -> RPCError | None:
    """Tell one case, in order; one that takes no word any more must not hold up the blocks of others."""
    async with turns:
        try:
            for outcome in outcomes:
                await client.get_workflow_handle(outcome.case_id).signal(contract.LEASE_OUTCOME, outcome)
        except RPCError as error:
            return None if error.status in DEAF else error
    return None


def _as_known(world: World, outcome: LeaseOutcome) -> LeaseOutcome:
    """Who was told that its block stands is told that it goes: a writer whose answers were lost takes it for new."""
    if outcome.state is LeaseState.REFUSED:
        with contextlib.suppress(DependencyError):
            row = world.records.lease(outcome.lease_id)
            if row is not None and row.state in TOLD:
                return outcome.model_copy(update={"state": LeaseState.LIFTED})
    return outcome


def _remember(world: World, outcomes: Sequence[LeaseOutcome], leases: dict[str, Lease]) -> None:
    """Keep the list of live blocks right; it is a read model, so a database that is down holds up nothing."""
    with contextlib.suppress(DependencyError):
        for outcome in outcomes:
            _keep_row(world, outcome, leases.get(outcome.lease_id))


def _keep_row(world: World, outcome: LeaseOutcome, lease: Lease | None) -> None:
    known = world.records.lease(outcome.lease_id)
    lease = lease or (known.lease if known else None)
    if lease is None:
        return
    row = LeaseRow(
        lease=lease,
        state=LeaseState(outcome.state),
        updated=datetime.now(UTC),
        code=outcome.code,
        reason=outcome.reason,
        proof=outcome.proof,
    )
    world.records.put_lease(row)
