"""What Jira's create screen asks for, and the fields of a new issue."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activities._jira_client import JiraClient, segment
from activities._jira_settings import JiraSettings
from activities._jira_text import SUMMARY_LIMIT, TEXT_LIMIT, adf, label, wiki
from activities._ticket_common import body_text, hex_key, summary_line
from stanch.errors import Rejected
from stanch.ports import TicketDraft

CACHE_SECONDS = 3600.0
# What Stanch gives on every create, or Jira by itself.
_GIVEN = frozenset({"project", "issuetype", "summary", "description", "labels", "reporter"})


@dataclass(frozen=True)
class CreateScreen:
    """The fields that a project and type have on creation."""

    type_id: str
    required: tuple[str, ...]  # without a default, and not given by Stanch
    known: frozenset[str]


class CreateScreens:
    """Create screens by project and type, read once an hour."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[float, CreateScreen]] = {}

    def get(self, project: str, type_name: str) -> CreateScreen:
        """The screen.

        Raises:
            Rejected: the project has no such type.
        """
        with self._lock:
            read_at, screen = self._kept.get((project, type_name), (0.0, None))
        if screen is None or time.monotonic() - read_at > CACHE_SECONDS:
            screen = self._read(project, type_name)
            with self._lock:
                self._kept[project, type_name] = (time.monotonic(), screen)
        return screen

    def _read(self, project: str, type_name: str) -> CreateScreen:
        path = f"issue/createmeta/{segment(project)}/issuetypes"
        types = self._pages(path, "issueTypes")
        type_id = next((str(each.get("id")) for each in types if type_name in (each.get("name"), each.get("id"))), "")
        if not type_id:
            raise Rejected("the Jira project has no such issue type", hint="set `type` to one that `doctor` lists")
        fields = self._pages(f"{path}/{segment(type_id)}", "fields")
        needed = (each for each in fields if each.get("required") and not each.get("hasDefaultValue"))
        names = tuple(sorted(_field_id(each) for each in needed if _field_id(each) not in _GIVEN))
        return CreateScreen(type_id=type_id, required=names, known=frozenset(_field_id(each) for each in fields))

    def _pages(self, path: str, name: str) -> list[dict[str, Any]]:
        """All rows; Cloud calls them by `name`, Data Center `values`."""
        rows: list[dict[str, Any]] = []
        while True:
            query = {"startAt": str(len(rows)), "maxResults": "100"}
            page = self._client.get(path, action="read the create screen", params=query) or {}
            new = page.get(name) or page.get("values") or []
            rows += new
            if not new or len(rows) >= int(page.get("total", 0)):
                return rows


def _field_id(field: Mapping[str, Any]) -> str:
    return str(field.get("fieldId") or field.get("key") or "")


def ticket_label(draft_key: str) -> str:
    """Our idempotency key as a label."""
    return f"stanch-{hex_key(draft_key)[:16]}"


def issue_fields(
    draft: TicketDraft,
    screen: CreateScreen,
    *,
    settings: JiraSettings,
    project: str,
    remarks: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The fields of the new issue; optional ones only where the screen has them."""
    text = body_text(draft, limit=TEXT_LIMIT, remarks=remarks)
    optional: dict[str, Any] = {
        "assignee": user_reference(draft.assignee, cloud=settings.cloud) if draft.assignee else None,
        "priority": {"name": name} if (name := settings.priorities.get(draft.severity)) else None,
        "duedate": draft.due.date().isoformat() if draft.due else None,
    }
    if settings.group_field and draft.group:
        optional[settings.group_field] = {"value": draft.group}
    given = {name: value for name, value in optional.items() if value is not None and name in screen.known}
    labels = [ticket_label(draft.key), *(label(each) for each in draft.labels if label(each))]
    return {
        **settings.fields_for(project),
        **given,
        "project": {"key": project},
        "issuetype": {"id": screen.type_id},
        "summary": summary_line(draft.summary, limit=SUMMARY_LIMIT),
        "description": adf(text) if settings.cloud else wiki(text),
        "labels": list(dict.fromkeys(labels)),
    }


def user_reference(account: str, *, cloud: bool) -> dict[str, str]:
    return {"accountId": account} if cloud else {"name": account}
