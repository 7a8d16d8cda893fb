"""The fields of a new issue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from activities._jira.screens import CreateScreen
from activities._jira.settings import JiraSettings
from activities._jira.shapes import shaped, user_reference
from activities._jira.text import SUMMARY_LIMIT, TEXT_LIMIT, adf, label, wiki
from activities._ticket.common import body_text, hex_key, summary_line
from stanch.ports import TicketDraft


def ticket_label(draft_key: str) -> str:
    """Our idempotency key as a label."""
    return f"stanch-{hex_key(draft_key)[:16]}"


def configured(draft: TicketDraft, *, settings: JiraSettings, project: str) -> dict[str, Any]:
    """Values that configuration and route have for fields of their own; the route's win."""
    return {**settings.fields_for(project), **draft.fields}


def issue_fields(
    draft: TicketDraft,
    screen: CreateScreen,
    *,
    settings: JiraSettings,
    project: str,
    without: frozenset[str] = frozenset(),
    remarks: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The fields of the new issue; what is not Stanch's own goes only where the screen has it.

    Args:
        draft: the ticket to be made.
        screen: what its project and type have on creation.
        settings: of the connector.
        project: its key.
        without: optional fields that Jira did not take.
        remarks: what the ticket is to say at its end.
    """
    text = body_text(draft, limit=TEXT_LIMIT, remarks=remarks)
    wanted = {**configured(draft, settings=settings, project=project), **_optional(draft, settings)}
    given = {
        name: shaped(value, screen.fields.get(name), cloud=settings.cloud)
        for name, value in wanted.items()
        if screen.has(name) and name not in without
    }
    labels = [ticket_label(draft.key), *(label(each) for each in draft.labels if label(each))]
    return {
        **given,
        "project": {"key": project},
        "issuetype": dict(screen.type),
        "summary": summary_line(draft.summary, limit=SUMMARY_LIMIT),
        "description": adf(text) if settings.cloud else wiki(text),
        "labels": list(dict.fromkeys(labels)),
    }


def _optional(draft: TicketDraft, settings: JiraSettings) -> dict[str, Any]:
    parent: Mapping[str, Any] = {}
    if draft.parent:
        # An epic is the parent on Cloud; Data Center keeps it in a field of its own.
        epic = settings.epic_field
        parent = {epic: draft.parent} if epic else {"parent": {"key": draft.parent}}
    found: dict[str, Any] = {
        "assignee": user_reference(draft.assignee, cloud=settings.cloud) if draft.assignee else None,
        "priority": {"name": name} if (name := settings.priorities.get(draft.severity)) else None,
        "duedate": draft.due.astimezone(UTC).date().isoformat() if draft.due else None,
        "components": [{"name": name} for name in draft.components] or None,
        **parent,
    }
    if settings.group_field and draft.group:
        found[settings.group_field] = {"value": draft.group}
    return {name: value for name, value in found.items() if value is not None}
