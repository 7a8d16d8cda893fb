"""The ticket moves to another tracker: found or made there, linked both ways, and the old one closed as moved."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from activities._names import BOARD, account_of, group_of
from activities._run import Job
from activities._texts import context_of, render
from activities._world import World
from activities.tickets import IMPLEMENTATIONS as VERBS
from activities.tickets import created, draft_of, tracker_of, view_of
from stanch.actions.tickets import Assign, Create, Created, Leave, Move, Moved
from stanch.errors import Rejected
from stanch.ports import Ticket, TicketState
from stanch.texts.context import MovedText
from stanch.views import FindingView

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
    ticket = _opened(world, job, params, there=there, old=old)
    _linked(world, job, there, ticket, old)
    return created(world, ticket, there)


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


def _opened(world: World, job: Job, params: Move, *, there: str, old: Ticket) -> Ticket:
    """The team's ticket: the one that the case had there, or one that is found or made by our own key."""
    tracker, kind = tracker_of(world, there), world.kind_of(there)
    team = world.people.team(params.to)
    group = group_of(world, params.to, kind)
    lead = account_of(world, team.lead, kind) if team is not None and not group else ""
    earlier = [name.partition(":")[2] for name in params.left if name.partition(":")[0] == there]
    if earlier:
        ticket = tracker.set_state(earlier[-1], TicketState.IN_PROGRESS, note=_words(world, job, "moved_here", old))
        return tracker.assign(ticket.key, assignee=lead, group=group) if lead or group else ticket
    finding = job.scene.finding or FindingView()
    severity = job.scene.route.severity if job.scene.route else finding.severity
    wanted = Create(
        system=there,
        summary=f"[{severity}] {finding.title}",
        due=job.scene.route.due if job.scene.route else None,
        template=params.template,
        text=params.text,
    )
    draft = draft_of(world, job, wanted)
    target = team.ticket if team is not None else None
    draft = replace(
        draft,
        body=f"{_words(world, job, 'moved_here', old)}\n\n{draft.body}",
        assignee=lead,
        group=group,
        project=target.project if target else "",
        type=target.type if target else "",
    )
    return tracker.ensure_ticket(draft, uncertain_since=job.uncertain_since)


def _linked(world: World, job: Job, system: str, ticket: Ticket, old: Ticket) -> None:
    """Callbacks of the new ticket reach the case from here; whoever reads it finds the old one."""
    at = datetime.now(UTC)
    world.records.link_ticket(job.scene.case_id, system=system, key=ticket.key, url=ticket.url, at=at)
    world.records.see_ticket(view_of(world, ticket, system=system, case_id=job.scene.case_id, at=at))
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
    ticket = tracker.set_state(params.key, TicketState.DONE, resolution=LEFT, note=note)
    return Moved(key=ticket.key, state=ticket.state.value)


def _words(world: World, job: Job, template: str, other: Ticket) -> str:
    """When is the first attempt's time, so that a second one says the same and adds no note."""
    when = job.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    moved = MovedText(key=other.key, system=other.system, url=other.url, when=when)
    text = str(job.call.params.get("text", ""))
    return render(world, job.scene, template, context_of(world, job.scene, moved=moved, text=text)).body


IMPLEMENTATIONS: Mapping[str, Any] = {"ticket.move": _move, "ticket.leave": _leave}
