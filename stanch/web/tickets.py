"""POST /v1/tickets/{system}: a tracker says that a ticket changed; it is read again before its case hears of it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from temporalio.service import RPCError

from stanch.errors import ConnectorError
from stanch.intake.signatures import dummy_check, unauthorized
from stanch.ports import TicketEvent
from stanch.tickets.following import News, Tracker, look
from stanch.tickets.telling import follow_later, tell
from stanch.web.problems import unreachable
from stanch.web.services import Given, Services
from stanch.web.temporal import reaching
from stanch.wire_tickets import TicketHint

router = APIRouter()


@router.post("/v1/tickets/{system}")
async def changed(system: str, request: Request, services: Given) -> dict[str, str]:
    """Take a tracker's callback; the connector proves who sent it.

    The answer is given once the news is stored: as a signal to its case or, where the tracker cannot be read now, as a
    look that is still to be had.
    """
    body = await request.body()
    if system not in services.trackers:
        dummy_check(body)
        raise unauthorized()
    tracker = tracker_of(services, system)
    event = await asyncio.to_thread(tracker.port.parse_event, headers=dict(request.headers), body=body)
    if event is None or not await asyncio.to_thread(_is_of_a_case, services, system, event):
        return {"status": "ignored"}
    return await followed(services, tracker, event)


async def followed(services: Services, tracker: Tracker, event: TicketEvent) -> dict[str, str]:
    """Look at the ticket now, or see to it that somebody does.

    Raises:
        WebError: D010, 503: nothing is stored and the tracker is to try again.
    """
    try:
        news = await asyncio.to_thread(look, tracker, event)
    except ConnectorError:
        await _later(services, TicketHint.of(tracker.name, event))
        return {"status": "later"}
    if news is None or not await _told(services, news):
        return {"status": "ignored"}
    return {"status": "accepted", "case_id": news.case_id}


def tracker_of(services: Services, system: str) -> Tracker:
    """A tracker as callbacks of this process use it."""
    kind = services.settings.tracker_kind(system)
    port, people = services.registry.tickets(system), services.policy.current.routes.people
    return Tracker(system, kind, port, people, services.records)


def _is_of_a_case(services: Services, system: str, event: TicketEvent) -> bool:
    records = services.records
    known = records.ticket_view(system, key=event.ticket_key, ticket_id=event.ticket_id)
    return known is not None or records.case_of_ticket(system, event.ticket_key) is not None


async def _told(services: Services, news: News) -> bool:
    async with reaching():
        try:
            return await tell(services.client, services.records, services.policy.current.inventory, news)
        except RPCError:
            raise unreachable() from None


async def _later(services: Services, hint: TicketHint) -> None:
    async with reaching():
        try:
            await follow_later(services.client, hint)
        except RPCError:
            raise unreachable() from None
