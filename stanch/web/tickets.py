"""POST /v1/tickets/{system}: a tracker says that a ticket changed; it is read again before its case hears of it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from stanch import contract
from stanch.contract import TicketChange
from stanch.intake.signatures import dummy_check, unauthorized
from stanch.ports import Ticket, TicketEvent
from stanch.routing import People
from stanch.web.problems import WebError
from stanch.web.services import Given, Services
from stanch.web.temporal import signal_case

router = APIRouter()


@router.post("/v1/tickets/{system}")
async def changed(system: str, request: Request, services: Given) -> dict[str, str]:
    """Take a tracker's callback; the connector proves who sent it."""
    body = await request.body()
    if system not in services.trackers:
        dummy_check(body)
        raise unauthorized()
    port = services.registry.tickets(system)
    event = await asyncio.to_thread(port.parse_event, headers=dict(request.headers), body=body)
    if event is None:
        return {"status": "ignored"}
    case_id = await asyncio.to_thread(services.records.case_of_ticket, system, event.ticket_key)
    if case_id is None:
        return {"status": "ignored"}
    ticket = await asyncio.to_thread(port.get_ticket, event.ticket_key)
    return await _tell(services, case_id, system=system, event=event, ticket=ticket)


async def _tell(services: Services, case_id: str, *, system: str, event: TicketEvent, ticket: Ticket) -> dict[str, str]:
    kind = str(services.settings.trackers.get(system, {}).get("kind", system))
    people = services.policy.current.routes.people
    change = ticket_change(f"{system}:{event.event_id}", ticket, people=people, kind=kind)
    try:
        await signal_case(services.client, case_id, contract.TICKET_CHANGED, change)
    except WebError as error:
        if error.status == 409:  # the case is over; the tracker need not try again
            return {"status": "ignored"}
        raise
    return {"status": "accepted", "case_id": case_id}


def ticket_change(event_id: str, ticket: Ticket, *, people: People, kind: str) -> TicketChange:
    """A ticket as cases take it: accounts become names of the directory where it knows them."""
    group = people.place(ticket.group, kind)
    home = people.home(group)
    return TicketChange(
        event_id=event_id,
        key=ticket.key,
        state=ticket.state.value,
        assignee=people.place(ticket.assignee, kind),
        group=group,
        home="" if home == kind else home,
        resolution=ticket.resolution,
        by=people.place(ticket.changed_by, kind),
    )
