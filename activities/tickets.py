"""The ticket verbs: which tracker, which person there, which words; the connector does the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from activities._names import BOARD, account_of, group_of, is_person
from activities._run import Implementation, Job
from activities._texts import case_text, context_of, evidence_of, render
from activities._ticket.duplicates import remember
from activities._ticket.evidence import attach_evidence
from activities._world import World
from stanch.actions.tickets import Assign, Close, Comment, Commented, Create, Created, Moved, Reopen
from stanch.contract import Scene
from stanch.errors import Gone, Rejected
from stanch.ports import Ticket, TicketDraft, TicketPort, TicketState
from stanch.records import TicketView
from stanch.views import TicketTarget

RESOLUTIONS = MappingProxyType({"fixed_and_verified": "fixed"})


def tracker_of(world: World, name: str) -> TicketPort:
    port: TicketPort = world.connector("tickets", world.tracker_name(name))
    return port


def _create(world: World, job: Job, params: Create) -> Created:
    """Find or make the case's ticket. A case that came back reopens the ticket it had."""
    scene = job.scene
    system = world.tracker_name(scene.ticket_system if scene.moved else params.system)
    ticket = _again(world, job, system) if scene.ticket_key and scene.ticket_system == system else None
    is_new = ticket is None
    if ticket is None:
        ticket = ensured(world, job, draft_of(world, job, params), system)
    follow(world, job, ticket, system, is_new=is_new)
    sha256 = attach_evidence(world, scene, tracker_of(world, system), ticket.key)
    return created(world, ticket, system, evidence=sha256)


def ensured(world: World, job: Job, draft: TicketDraft, system: str) -> Ticket:
    """A ticket of our own key, found or made; where an earlier attempt may have made one, a second is looked for."""
    if job.uncertain_since is not None:
        now, scene = datetime.now(UTC), job.scene
        remember(world, key=draft.key, case_id=scene.case_id, episode=scene.episode, system=system, at=now)
    return tracker_of(world, system).ensure_ticket(draft, uncertain_since=job.uncertain_since)


def follow(world: World, job: Job, ticket: Ticket, system: str, *, is_new: bool) -> None:
    """From now on what changes at the ticket reaches the case."""
    now, case_id = datetime.now(UTC), job.scene.case_id
    world.records.link_ticket(case_id, system=system, key=ticket.key, url=ticket.url, at=now)
    seen = _view_of(world, ticket, system=system, case_id=case_id, at=now)
    world.records.see_ticket(replace(seen, draft_key=job.call.key) if is_new else seen)


def _again(world: World, job: Job, system: str) -> Ticket | None:
    """The case's ticket, open; None where it is gone, so that the case gets another one.

    The note says when, so that each return has one and a second attempt adds none.
    """
    tracker, key = tracker_of(world, system), job.scene.ticket_key
    try:
        ticket = tracker.get_ticket(key)
    except Gone:
        return None
    if ticket.state is not TicketState.DONE:
        return ticket
    when = job.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    note = f"The finding came back on {when}: this ticket is open again."
    return tracker.set_state(key, TicketState.IN_PROGRESS, note=note)


def created(world: World, ticket: Ticket, system: str, *, evidence: str = "") -> Created:
    more = {"version": ticket.version, "priority": ticket.priority, "evidence": evidence}
    return Created(key=ticket.key, system=system, url=ticket.url, **_holder(world, ticket, system), **more)


def _view_of(world: World, ticket: Ticket, *, system: str, case_id: str, at: datetime) -> TicketView:
    """What the case knows of its ticket from now on."""
    holder = _holder(world, ticket, system)
    return TicketView(
        system=system,
        key=ticket.key,
        case_id=case_id,
        at=at,
        ticket_id=ticket.id,
        state=holder["state"],
        resolution=ticket.resolution if ticket.state is TicketState.DONE else "",
        assignee=holder["assignee"],
        team=holder["group"],
        priority=ticket.priority,
        version=ticket.version,
    )


def _holder(world: World, ticket: Ticket, system: str) -> dict[str, str]:
    """State and holder; accounts become names of the directory where it knows them."""
    kind = world.kind_of(system)
    assignee, group = (world.people.place(account, kind) for account in (ticket.assignee, ticket.group))
    return {"state": ticket.state.value, "assignee": assignee, "group": group}


def draft_of(world: World, job: Job, params: Create, target: TicketTarget | None = None) -> TicketDraft:
    """The ticket in words and in its tracker's terms; `target` is where it goes, if not where the route says."""
    scene = job.scene
    context = context_of(world, scene, text=params.text, evidence=evidence_of(world, scene))
    text = render(world, scene, params.template, context)
    route = scene.route
    system = world.tracker_name(params.system)
    kind = world.kind_of(system)
    if target is None:  # a route's project and group mean something in its own tracker only
        target = route.ticket if route and route.ticket.system in (system, kind) else TicketTarget()
    to = scene.holder or params.assignee
    return TicketDraft(
        key=job.call.key,
        case_id=scene.case_id,
        summary=params.summary,
        body=text.body,
        assignee=account_of(world, to, kind),
        group=group_of(world, to, kind) or target.group or _owner_group(world, scene, kind),
        project=target.project,
        type=target.type,
        severity=route.severity if route else "medium",
        lane=params.lane or (route.lane if route else ""),
        labels=(*_labels(scene), *target.labels),
        watchers=tuple(filter(None, (account_of(world, name, kind) for name in params.cc))),
        due=params.due or (route.due if route else None),
        components=target.components,
        parent=target.parent,
        problem=target.problem,
        category=target.category,
        fields=target.fields,
    )


def _owner_group(world: World, scene: Scene, kind: str) -> str:
    owner = scene.route.owner.id if scene.route else ""
    return owner if kind == BOARD else group_of(world, owner, kind)


def _labels(scene: Scene) -> tuple[str, ...]:
    return tuple(filter(None, ("stanch", scene.playbook)))


def _comment(world: World, job: Job, params: Comment) -> Commented:
    tracker = tracker_of(world, params.system or job.scene.ticket_system)
    with contextlib.suppress(Gone):  # nobody is left to read it; the ledger has the words
        tracker.add_note(params.key, params.text, marker=job.call.key[:16])
    return Commented(key=params.key)


def _assign(world: World, job: Job, params: Assign) -> Moved:
    system = world.tracker_name(job.scene.ticket_system)
    kind, to = world.kind_of(system), params.to
    assignee, group = account_of(world, to, kind), group_of(world, to, kind)
    team = world.people.team(to)
    if team is not None and not group and team.ticket.system == kind:  # Jira knows a team by who leads it
        assignee = account_of(world, team.lead, kind)
    if not assignee and not group:
        what = "account" if is_person(to) else "group"
        raise Rejected(f"{to or 'nobody'} has no {what} in {system}", code="V011", hint="add it to the directory")
    ticket = tracker_of(world, system).assign(params.key, assignee=assignee, group=group, note=params.text)
    return _moved(world, job, ticket)


def _close(world: World, job: Job, params: Close) -> Moved:
    text = params.text or f"Closed: {params.resolution.replace('_', ' ')}. {case_text(world, job.scene)}"
    resolution = RESOLUTIONS.get(params.resolution, params.resolution)
    tracker = tracker_of(world, job.scene.ticket_system)
    try:
        return _moved(world, job, tracker.set_state(params.key, TicketState.DONE, resolution=resolution, note=text))
    except Gone:
        return Moved(key=params.key, state=TicketState.DONE.value)  # a proven case does not wait for a deleted ticket


def _reopen(world: World, job: Job, params: Reopen) -> Moved:
    tracker = tracker_of(world, job.scene.ticket_system)
    return _moved(world, job, tracker.set_state(params.key, TicketState.IN_PROGRESS, note=params.text))


def _moved(world: World, job: Job, ticket: Ticket) -> Moved:
    return moved(world, job, ticket, world.tracker_name(job.scene.ticket_system))


def moved(world: World, job: Job, ticket: Ticket, system: str) -> Moved:
    """What our own write has left, remembered as ours, so that nobody else is thought to have done it."""
    holder, resolution = _holder(world, ticket, system), ticket.resolution if ticket.state is TicketState.DONE else ""
    if job.call.action != "ticket.assign":
        world.records.ticket_moved_by_us(system, ticket.key, state=holder["state"], resolution=resolution)
    return Moved(key=ticket.key, **holder, version=ticket.version, resolution=resolution)


IMPLEMENTATIONS: Mapping[str, Implementation | Any] = {
    "ticket.create": _create,
    "ticket.comment": _comment,
    "ticket.assign": _assign,
    "ticket.close": _close,
    "ticket.reopen": _reopen,
}
