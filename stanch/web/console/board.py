"""The built-in ticket board for people: read a ticket, resolve, reopen, assign, comment; its case hears of it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from stanch.errors import Rejected
from stanch.ports import TicketEvent, TicketState
from stanch.records import BoardNote, BoardTicket
from stanch.web.auth import By
from stanch.web.console.forms import Fields, done
from stanch.web.console.render import page
from stanch.web.people import principals
from stanch.web.problems import WebError
from stanch.web.services import Given, Services, now
from stanch.web.tickets import followed, tracker_of

RESOLUTIONS = ("fixed", "risk_accepted", "false_positive", "duplicate", "other")
TicketId = Annotated[str, Path(pattern=r"^BOARD-[0-9]{1,9}$")]

router = APIRouter()


@router.get("/board")
async def tickets(request: Request, services: Given) -> Response:
    found = await asyncio.to_thread(services.records.board_tickets)
    return page(request, "board.html", {"tickets": found})


@router.get("/board/{ticket_id}")
async def ticket(ticket_id: TicketId, request: Request, services: Given) -> Response:
    found = await asyncio.to_thread(_existing, services, ticket_id)
    people = services.policy.current.routes.people
    context = {
        "ticket": found,
        "people": principals(people),
        "teams": sorted(people.directory.teams),
        "resolutions": RESOLUTIONS,
        "click": uuid4().hex,
    }
    return page(request, "ticket.html", context)


def _existing(services: Services, ticket_id: str) -> BoardTicket:
    try:
        return services.records.board_ticket(ticket_id)
    except Rejected as error:
        raise WebError(error.message, status=404, code="W005") from None


@router.post("/board/{ticket_id}/{deed}")
async def change(
    ticket_id: TicketId,
    deed: Literal["resolve", "reopen", "start", "assign", "note"],
    services: Given,
    caller: By,
    fields: Fields,
) -> Response:
    """Change a ticket as a person, then tell its case; a case that is over only keeps the ticket's new state."""
    by, back = caller.person(), f"/board/{ticket_id}"
    await asyncio.to_thread(_existing, services, ticket_id)
    await asyncio.to_thread(_do, services, ticket_id, deed=deed, by=by, fields=fields)
    changed = await asyncio.to_thread(_existing, services, ticket_id)
    told = await _tell(services, changed, by=by)
    is_linked = await asyncio.to_thread(services.records.case_of_ticket, "board", ticket_id) is not None
    return done(services, back, "Done." if told or not is_linked else "Done. Its case had nothing to learn from it.")


def _do(services: Services, ticket_id: str, *, deed: str, by: str, fields: dict[str, str]) -> None:
    """The change in records."""
    records, moment = services.records, now()
    if deed == "note":
        marker = fields.get("click", "") or uuid4().hex
        text = fields.get("text", "").strip()
        if text:
            records.board_note(ticket_id, BoardNote(marker=marker, text=text, by=by, at=moment))
        return
    if deed == "assign":
        _assign(services, ticket_id, to=fields.get("to", ""), by=by)
        return
    states = {"resolve": TicketState.DONE, "reopen": TicketState.NEW, "start": TicketState.IN_PROGRESS}
    resolution = fields.get("resolution", "fixed")
    kept = resolution if resolution in RESOLUTIONS else "other"
    records.board_move(ticket_id, states[deed], by=by, at=moment, resolution=kept)


def _assign(services: Services, ticket_id: str, *, to: str, by: str) -> None:
    people = services.policy.current.routes.people
    if people.user(to) is None and people.team(to) is None:
        raise WebError("nobody of that name is in the directory", status=422, code="W006", place="to")
    is_team = to.startswith("team:")
    assignee, team = ("", to) if is_team else (to, None)
    services.records.board_assign(ticket_id, by=by, at=now(), assignee=assignee, team=team)


async def _tell(services: Services, changed: BoardTicket, *, by: str = "") -> bool:
    """The same way as a callback of any other tracker; false where the case had nothing to learn."""
    event = TicketEvent("board", changed.id, f"board:{uuid4().hex}", actor=by or changed.changed_by)
    news = await followed(services, tracker_of(services, "board"), event)
    return news["status"] != "ignored"
