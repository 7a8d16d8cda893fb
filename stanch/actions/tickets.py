"""Verbs for tickets; the tracker is the one the route names."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import MappingProxyType

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue


class Create(Params):
    system: str = "board"
    summary: str
    assignee: str = ""
    cc: tuple[str, ...] = ()
    lane: str = ""
    due: datetime | None = None
    template: str = "finding"
    text: str = ""


class Created(Outputs):
    key: str = ""
    system: str = ""
    url: str = ""
    state: str = "new"
    assignee: str = ""
    group: str = ""
    evidence: str = ""  # SHA-256 of the attached file
    version: int = 0
    priority: str = ""


class Comment(Params):
    key: str
    text: str
    system: str = ""


class Commented(Outputs):
    key: str = ""


class Assign(Params):
    key: str
    to: str
    text: str = ""


class Move(Params):
    key: str
    to: str = ""
    text: str = ""
    template: str = "finding"
    left: tuple[str, ...] = ()
    back: str = ""


class Leave(Params):
    key: str
    system: str
    to_key: str
    to_system: str
    url: str = ""


class Reopen(Params):
    key: str
    text: str = ""


class Close(Params):
    key: str
    resolution: str = "fixed_and_verified"
    text: str = ""


class Moved(Outputs):
    key: str = ""
    state: str = ""
    assignee: str = ""
    group: str = ""
    version: int = 0
    resolution: str = ""


_PERMISSIONS = MappingProxyType(
    {
        "jira": (
            "BROWSE_PROJECTS",
            "CREATE_ISSUES",
            "EDIT_ISSUES",
            "TRANSITION_ISSUES",
            "ADD_COMMENTS",
            "ASSIGN_ISSUES",
            "CREATE_ATTACHMENTS",
            "LINK_ISSUES",
        ),
        "servicenow": ("itil",),
    }
)

ACTIONS = (
    ActionSpec(
        name="ticket.create",
        title="Open a ticket",
        effect=Effect.RECORD,
        params=Create,
        outputs=Created,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: ticket, do: ticket.create, with: {summary: 'Debug endpoint is public', template: config_issue}}",
        attempt=timedelta(seconds=20),
    ),
    ActionSpec(
        name="ticket.comment",
        title="Add a note to the ticket",
        effect=Effect.RECORD,
        params=Comment,
        outputs=Commented,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: note, do: ticket.comment, with: {key: MOBP-7, text: 'Block lifted'}}",
    ),
    ActionSpec(
        name="ticket.assign",
        title="Hand the ticket to somebody",
        effect=Effect.RECORD,
        params=Assign,
        outputs=Moved,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: handover, do: ticket.assign, with: {key: MOBP-7, to: 'team:mobile-platform'}}",
    ),
    ActionSpec(
        name="ticket.move",
        title="Move the ticket to the tracker of a team",
        effect=Effect.RECORD,
        params=Move,
        outputs=Created,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: over, do: ticket.move, with: {key: INC0010023, to: 'team:mobile-platform'}}",
        attempt=timedelta(seconds=30),
    ),
    ActionSpec(
        name="ticket.leave",
        title="Close a ticket that was moved to another tracker",
        effect=Effect.RECORD,
        params=Leave,
        outputs=Moved,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: left, do: ticket.leave, with: {key: INC01, system: servicenow, to_key: M-7, to_system: jira}}",
        attempt=timedelta(seconds=30),
    ),
    ActionSpec(
        name="ticket.reopen",
        title="Open the ticket again",
        effect=Effect.RECORD,
        params=Reopen,
        outputs=Moved,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: again, do: ticket.reopen, with: {key: MOBP-7, text: 'The finding came back'}}",
    ),
    ActionSpec(
        name="ticket.close",
        title="Close the ticket",
        effect=Effect.RECORD,
        params=Close,
        outputs=Moved,
        queue=Queue.TICKETS,
        permissions=_PERMISSIONS,
        example="{id: close, do: ticket.close, with: {key: MOBP-7, resolution: fixed_and_verified}}",
    ),
)
