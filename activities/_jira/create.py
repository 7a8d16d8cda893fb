"""Makes an issue, with less in it where Jira does not take all: a ticket without its priority is better than none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._jira.client import JiraClient
from activities._jira.fields import issue_fields
from activities._jira.screens import GIVEN, CreateScreen, CreateScreens
from activities._jira.settings import JiraSettings
from activities._outcomes import FieldsRejected
from stanch.errors import Rejected
from stanch.ports import TicketDraft

ROUNDS = 3


def make(client: JiraClient, screens: CreateScreens, draft: TicketDraft, *, settings: JiraSettings) -> str:
    """The key of the new issue.

    Raises:
        Rejected: Jira refuses what the ticket cannot be without.
    """
    project, kind = draft.project or settings.project, draft.type or settings.type
    if not project:
        raise Rejected("the route names no Jira project", hint="set `project` in the route or the connector")
    screen = screens.usable(project, kind)
    without: frozenset[str] = frozenset()
    fields = issue_fields(draft, screen, settings=settings, project=project)
    for _ in range(ROUNDS):
        try:
            return client.create(fields)
        except FieldsRejected as error:
            if not error.fields:
                raise
            # A field may have been put on the screen, or taken off it, within the hour.
            screen = screens.usable(project, kind, fresh=True)
            without |= _droppable(error.fields, fields, screen)
            less = issue_fields(
                draft, screen, settings=settings, project=project, without=without, remarks=_remarks(draft, without)
            )
            if not _answers(error.fields, less, before=fields):
                raise
            fields = less
    raise Rejected("Jira refuses one field after the other", hint="check the create screen with `stanch doctor`")


def _droppable(refused: tuple[str, ...], sent: Mapping[str, Any], screen: CreateScreen) -> frozenset[str]:
    needed = GIVEN | {each.id for each in screen.required}
    return frozenset(name for name in refused if name in sent and name not in needed)


def _answers(refused: tuple[str, ...], fields: Mapping[str, Any], *, before: Mapping[str, Any]) -> bool:
    """Whether each field that was refused is gone, or there where it was missing, or another."""
    return all(fields.get(name) != before.get(name) for name in refused)


def _remarks(draft: TicketDraft, without: frozenset[str]) -> tuple[str, ...]:
    person = (f"Meant for {draft.assignee}, whom Jira does not accept.",) if "assignee" in without else ()
    rest = sorted(without - {"assignee"})
    return (*person, *((f"Jira did not take: {', '.join(rest)}.",) if rest else ()))
