"""What the pages of the Jira stand-in show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from stanch.sandbox._jira import adf
from stanch.sandbox._jira.state import BOT, RESOLUTIONS, Issue
from stanch.sandbox._tracker_page import Note, Shown

if TYPE_CHECKING:
    from stanch.sandbox.jira import JiraStandin


class JiraPage:
    """A desk for people with everything they see, whatever the account of Stanch may see."""

    title = "Jira stand-in"
    paths = ("/browse/{key}",)

    def __init__(self, jira: JiraStandin) -> None:
        self._jira = jira

    def tickets(self) -> Sequence[Shown]:
        return [_shown(issue) for issue in reversed(self._jira.issues())]

    def find(self, request: Request) -> Shown | None:
        with self._jira.lock:
            issue = self._jira.state.find(request.path_params["key"])
            return _shown(issue) if issue is not None else None

    def people(self) -> Sequence[str]:
        return [account for account in self._jira.state.people if account != BOT.account]

    def resolutions(self) -> Sequence[str]:
        return [*RESOLUTIONS.values()]

    def act(self, order: dict[str, Any]) -> None:
        self._jira.act(order)


def _shown(issue: Issue) -> Shown:
    return Shown(
        key=issue.key,
        summary=str(issue.fields["summary"]),
        state=issue.status.name,
        open=issue.status.category != "done",
        assignee=issue.assignee,
        priority=issue.priority,
        resolution=issue.resolution,
        description=adf.plain(issue.fields.get("description")),
        notes=tuple(Note(str(each["by"]), adf.plain(each["body"])) for each in issue.comments),
    )
