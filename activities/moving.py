"""The ticket moves to another tracker: found or made there, linked both ways, and the old one closed as moved."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import Any

from activities._names import BOARD, account_of, group_of
from activities._run import Job
from activities._texts import context_of, render
from activities._ticket.evidence import attach_evidence
from activities._world import World
from activities.tickets import IMPLEMENTATIONS as VERBS
from activities.tickets import created, draft_of, ensured, follow, moved, tracker_of
from stanch.actions.tickets import Assign, Create, Created, Leave, Move, Moved
from stanch.errors import Gone, Rejected
from stanch.ports import Ticket, TicketDraft, TicketState
from stanch.texts.context import MovedText
from stanch.views import FindingView, TicketTarget

LEFT = "duplicate"  # the one resolution of every tracker by which nothing counts as fixed or accepted


def _move(world: World, job: Job, params: Move) -> Created:
    """The ticket in the tracker where its team works; where that is this one, it is only assigned.

    A ticket that the case has left there before is opened again, so that a case has one ticket in a tracker.
    """
    here = world.tracker_name(job.scene.ticket_system)
    if params.back:
        return _back(world, job, params, here)
    there = _home(world, params.to, here)
    if there == here:
        given = Assign(key=params.key, to=params.to, text=params.text)
        VERBS["ticket.assign"](world, job, given)
        return created(world, tracker_of(world, here).get_ticket(params.key), here)
    old = _current(job, params, here)
    earlier = [name.partition(":")[2] for name in params.left if name.partition(":")[0] == there]
    if earlier:
        ticket = _opened_again(world, job, params, old, place=(there, earlier[-1]))
        _linked(world, job, there, ticket, old)
        return created(world, ticket, there)
    ticket = ensured(world, job, _draft(world, job, params, there=there, old=old), there)
    _linked(world, job, there, ticket, old, is_new=True)
    sha256 = attach_evidence(world, job.scene, tracker_of(world, there), ticket.key)
    return created(world, ticket, there, evidence=sha256)


def _home(world: World, to: str, here: str) -> str:
    """The configured tracker of a team; this one where it has none, or is of the kind in which it works."""
    home = world.people.home(to)
    known = home == BOARD or home in world.sections("tickets")
    return home if known and home != world.kind_of(here) else here


def _back(world: World, job: Job, params: Move, here: str) -> Created:
    """A person has opened the old ticket again; where it is closed after all, the case stays where it is."""
    system, _, key = params.back.partition(":")
    ticket = tracker_of(world, system).get_ticket(key)
    if ticket.state is TicketState.DONE:
        return created(world, tracker_of(world, here).get_ticket(params.key), here)
    _linked(world, job, system, ticket, _current(job, params, here))
    return created(world, ticket, system)


def _current(job: Job, params: Move, here: str) -> Ticket:
    """The ticket that is left, as the case knows it: it may be gone, and the move goes on."""
    return Ticket(key=params.key, id="", system=here, url=job.scene.ticket_url, state=TicketState.IN_PROGRESS)


def _holder(world: World, to: str, there: str) -> tuple[str, str]:
    """Group and lead of a team in a tracker; one that knows no groups knows the team by its lead."""
    kind, team = world.kind_of(there), world.people.team(to)
    group = group_of(world, to, kind)
    return group, account_of(world, team.lead, kind) if team is not None and not group else ""


def _opened_again(world: World, job: Job, params: Move, old: Ticket, *, place: tuple[str, str]) -> Ticket:
    """The ticket that the case had there before."""
    there, key = place
    tracker, (group, lead) = tracker_of(world, there), _holder(world, params.to, there)
    ticket = tracker.set_state(key, TicketState.IN_PROGRESS, note=_words(world, job, "moved_here", old))
    return tracker.assign(ticket.key, assignee=lead, group=group) if lead or group else ticket


def _draft(world: World, job: Job, params: Move, *, there: str, old: Ticket) -> TicketDraft:
    """The team's ticket, with what the team's own target says and nothing of the route's."""
    team, route, finding = world.people.team(params.to), job.scene.route, job.scene.finding or FindingView()
    wanted = Create(
        system=there,
        summary=f"[{route.severity if route else finding.severity}] {finding.title}",
        due=route.due if route else None,
        template=params.template,
        text=params.text,
    )
    group, lead = _holder(world, params.to, there)
    known = team is not None and team.ticket.system in (there, world.kind_of(there))
    draft = draft_of(world, job, wanted, team.ticket.view if team is not None and known else TicketTarget())
    body = f"{_words(world, job, 'moved_here', old)}\n\n{draft.body}"
    return replace(draft, body=body, assignee=lead, group=group)


def _linked(world: World, job: Job, system: str, ticket: Ticket, old: Ticket, *, is_new: bool = False) -> None:
    """Callbacks of the new ticket reach the case from here; whoever reads it finds the old one."""
    follow(world, job, ticket, system, is_new=is_new)
    with suppress(Rejected):  # the address is in the text as well
        title = f"Moved from {old.key}"
        tracker_of(world, system).ensure_link(ticket.key, link_id=f"moved-{old.key}", url=old.url, title=title)


def _leave(world: World, job: Job, params: Leave) -> Moved:
    """Close the old ticket with the way to the new one; who closed it before keeps that, and gets the note."""
    tracker, to = tracker_of(world, params.system), params.to_key
    with suppress(Rejected):
        tracker.ensure_link(params.key, link_id=f"moved-{to}", url=params.url, title=f"Moved to {to}")
    new = Ticket(key=to, id="", system=params.to_system, url=params.url, state=TicketState.NEW)
    note = _words(world, job, "moved_away", new)
    try:
        ticket = tracker.set_state(params.key, TicketState.DONE, resolution=LEFT, note=note)
    except Gone:  # what is deleted needs no closing
        return Moved(key=params.key, state=TicketState.DONE.value)
    return moved(world, job, ticket, world.tracker_name(params.system))


def _words(world: World, job: Job, template: str, other: Ticket) -> str:
    """When is the first attempt's time, so that a second one says the same and adds no note."""
    when = job.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    moved = MovedText(key=other.key, system=other.system, url=other.url, when=when)
    text = str(job.call.params.get("text", ""))
    return render(world, job.scene, template, context_of(world, job.scene, moved=moved, text=text)).body


IMPLEMENTATIONS: Mapping[str, Any] = {"ticket.move": _move, "ticket.leave": _leave}
