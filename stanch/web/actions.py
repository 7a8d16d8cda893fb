"""What people do to cases, leases and the whole of Stanch; the API and the console share each deed."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from stanch import contract
from stanch.contract import CaseCommand
from stanch.records import LeaseRow
from stanch.records.chain import Entry
from stanch.tickets.telling import start_again
from stanch.web.endings import Ending, put_away_closed, take_back
from stanch.web.looking import is_case, no_case
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.temporal import over, reaching, release, signal_case
from stanch.wire_points import Release

CONTROL = "control"  # ledger lines that belong to no case
MAX_TEXT = 2000


async def command(
    services: Services,
    case_id: str,
    *,
    kind: str,
    by: str,
    text: str,
    command_id: str = "",
    ending: Ending | None = None,
) -> None:
    """A person's word to a case.

    Raises:
        WebError: W005, there is no such case; W010, it is over (reopen starts it again from its last finding); D010.
    """
    ending = ending or Ending()
    message = CaseCommand(
        kind=kind,
        by=by,
        text=text[:MAX_TEXT],
        command_id=command_id or uuid4().hex,
        resolution=ending.resolution,
        until=ending.until,
    )
    try:
        await signal_case(services.client, case_id, contract.CASE_COMMAND, message)
    except WebError as error:
        if error.status != 409:
            raise
        if not await asyncio.to_thread(is_case, services, case_id):
            raise no_case() from None
        if kind == "reopen":
            await _start_again(services, case_id, message)
        elif not await put_away_closed(services, case_id, message):
            raise


async def _start_again(services: Services, case_id: str, message: CaseCommand) -> None:
    """The workflow of a closed case is gone: a new one starts with the newest finding, asked for by this person."""
    if await asyncio.to_thread(services.records.newest_finding, case_id) is None:
        raise over()
    await take_back(services, case_id, by=message.by)
    inventory = services.policy.current.inventory
    async with reaching():
        await start_again(
            services.client, services.records, inventory, case_id=case_id, by=message.by, command_id=message.command_id
        )


async def lift(services: Services, lease_id: str, *, by: str, reason: str) -> LeaseRow:
    """Ask the writer of the point to lift a block; the ledger knows who asked before anything happens.

    Raises:
        WebError: W005, there is no such lease; D010.
    """
    row = await asyncio.to_thread(services.records.lease, lease_id)
    if row is None:
        raise no_lease()
    lease = row.lease
    asked = Entry(
        case_id=lease.case_id,
        episode=lease.episode,
        key=f"lift:{lease_id}:{uuid4().hex}",
        time=now(),
        actor=by,
        event="lease.lift_asked",
        step=lease.step,
        data={"lease": lease_id, "point": lease.point, "reason": reason[:MAX_TEXT]},
    )
    await asyncio.to_thread(services.records.append, [asked])
    await release(services.client, Release(lease=lease, by=by, reason=reason[:MAX_TEXT]))
    return row


def no_lease() -> WebError:
    hint = "`stanch lease list --all` names them, as Blocks of the console names those that stand"
    return WebError("there is no such lease", status=404, code="W005", hint=hint)


async def halt(services: Services, *, scope: str, by: str, reason: str, freeze: bool) -> int:
    """Stop changes of a scope; returns the generation that every worker must have seen."""
    moment = now()
    generation = await asyncio.to_thread(
        services.records.halt, scope, by=by, reason=reason[:MAX_TEXT], at=moment, freeze=freeze
    )
    data = {"scope": scope, "freeze": freeze, "reason": reason[:MAX_TEXT], "generation": generation}
    await _note(services, "halt.set", by=by, data=data)
    return generation


async def resume(services: Services, *, scope: str, by: str) -> bool:
    """Allow changes of a scope again; False where it was not halted."""
    was_halted = await asyncio.to_thread(services.records.resume, scope)
    if was_halted:
        await _note(services, "halt.lifted", by=by, data={"scope": scope})
    return was_halted


async def _note(services: Services, event: str, *, by: str, data: dict[str, Any]) -> None:
    entry = Entry(case_id=CONTROL, episode=CONTROL, key=uuid4().hex, time=now(), actor=by, event=event, data=data)
    await asyncio.to_thread(services.records.append, [entry])
