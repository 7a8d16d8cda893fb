"""What whoever asks for a lift should know: that the block is gone already, frozen, or held by another case, too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stanch.catalog import catalog
from stanch.errors import DependencyError
from stanch.guards import Attempt, GuardState, Stop, check
from stanch.leases import LIVE, Lease, verb_of
from stanch.records import Halt, LeaseRow
from stanch.web.services import Services


async def news_of(services: Services, row: LeaseRow) -> tuple[str, ...]:
    """Why the block may go on, or be gone, although its lift is taken; nothing where all goes its way."""
    if row.state not in LIVE:
        return (f"it is {row.state.value} already; the point is asked once more to be sure",)
    try:
        halts, leases = await asyncio.gather(
            asyncio.to_thread(services.records.halts), asyncio.to_thread(_fellows, services, row.lease)
        )
    except DependencyError:
        return ()
    return (*_frozen(row.lease, halts), *_shared(leases))


def _fellows(services: Services, lease: Lease) -> list[Lease]:
    """Other live leases of the same block."""
    rows = services.records.leases(point=lease.point)
    return [row.lease for row in rows if row.lease.target == lease.target and row.lease.lease_id != lease.lease_id]


def _frozen(lease: Lease, halts: Sequence[Halt]) -> list[str]:
    attempt = Attempt(
        action=catalog()[verb_of(lease.spec)].inverse or "",
        mode="manual",
        removing=True,
        environment=lease.environment,
        playbook=lease.playbook,
        source=lease.source,
        point=lease.point,
    )
    found: list[str] = []
    for halt in halts:
        stop = Stop(scope=halt.scope, freeze=halt.freeze)
        if check(lease.spec, attempt, policy=None, state=GuardState(halted=(stop,))):
            found.append(f"lifts are frozen by {halt.by}: it stands until `stanch resume {halt.scope}`")
    return found


def _shared(leases: Sequence[Lease]) -> list[str]:
    """A block that several cases hold ends with the last of them."""
    return [
        f"{lease.case_id} holds the same block, which stands until `stanch lease lift {lease.lease_id}`, too"
        for lease in leases
    ]
