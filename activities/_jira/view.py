"""A Jira issue as a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities._jira.settings import JiraSettings
from activities._outcomes import Call, unusable
from stanch.ports import Ticket, TicketState

READ_FIELDS = "summary,status,assignee,resolution,labels,project,updated,priority"
_STATES = {
    "new": TicketState.NEW,
    "undefined": TicketState.NEW,
    "indeterminate": TicketState.IN_PROGRESS,
    "done": TicketState.DONE,
}
_BY_ID = {"1": TicketState.NEW, "2": TicketState.NEW, "4": TicketState.IN_PROGRESS, "3": TicketState.DONE}
_RESOLUTIONS = {
    "done": "fixed",
    "fixed": "fixed",
    "won't do": "risk_accepted",
    "won't fix": "risk_accepted",
    "risk accepted": "risk_accepted",
    "false positive": "false_positive",
    "cannot reproduce": "false_positive",
    "not a bug": "false_positive",
    "duplicate": "duplicate",
}


def category(status: Mapping[str, Any]) -> TicketState | None:
    """Our state for a Jira status, by its category; names are localised and mean nothing."""
    found = status.get("statusCategory")
    if not isinstance(found, dict):
        return None
    return _STATES.get(str(found.get("key", "")).lower()) or _BY_ID.get(str(found.get("id", "")))


def has_label(issue: Mapping[str, Any], label: str) -> bool | None:
    """Whether the issue, as it was answered, carries the label; None where the answer leaves labels out."""
    fields = issue.get("fields")
    labels = fields.get("labels") if isinstance(fields, dict) else None
    return label in labels if isinstance(labels, list) else None


def ticket(issue: object, settings: JiraSettings) -> Ticket:
    """The issue as Jira answered it.

    Raises:
        RetrySafe: the answer is not an issue.
    """
    fields = issue.get("fields") if isinstance(issue, dict) else None
    if not isinstance(issue, dict) or not isinstance(fields, dict) or not isinstance(fields.get("status"), dict):
        raise unusable(Call("Jira", "read the ticket", write=False))
    key = str(issue.get("key") or "")
    if not key:
        raise unusable(Call("Jira", "read the ticket", write=False))
    return Ticket(
        key=key,
        id=str(issue.get("id", "")),
        system="jira",
        url=f"{settings.url}/browse/{key}",
        state=category(fields["status"]) or TicketState.IN_PROGRESS,
        state_name=str(fields["status"].get("name", "")),
        assignee=account_of(fields.get("assignee")),
        group=_group(fields, settings),
        resolution=_resolution(fields.get("resolution"), settings),
        summary=str(fields.get("summary", "")),
        changed_by=_last_author(issue),
        version=milliseconds(fields.get("updated")),
        priority=str(priority.get("name", ""))[:40] if isinstance(priority := fields.get("priority"), dict) else "",
        raw={"labels": list(labels) if isinstance(labels := fields.get("labels"), list) else []},
    )


def milliseconds(stamp: object) -> int:
    """Jira's time, with its offset, as milliseconds since 1970; 0 where it is none."""
    try:
        moment = datetime.fromisoformat(str(stamp))
    except ValueError:
        return 0
    return int(moment.timestamp() * 1000) if moment.tzinfo is not None else 0


def account_of(person: object) -> str:
    """AccountId on Cloud, user name on Data Center."""
    if not isinstance(person, dict):
        return ""
    return str(person.get("accountId") or person.get("name") or "")


def _group(fields: Mapping[str, Any], settings: JiraSettings) -> str:
    value = fields.get(settings.group_field) if settings.group_field else None
    return str(value.get("value", "")) if isinstance(value, dict) else str(value or "")


def _resolution(value: object, settings: JiraSettings) -> str:
    if not isinstance(value, dict):
        return ""
    name = str(value.get("name", ""))
    ours = next((ours for ours, theirs in settings.resolutions.items() if theirs == name), "")
    return ours or _RESOLUTIONS.get(name.lower(), "other")


def _last_author(issue: Mapping[str, Any]) -> str:
    log = issue.get("changelog")
    found = log.get("histories") if isinstance(log, dict) else None
    histories = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    latest = max(histories, key=lambda entry: str(entry.get("created", "")), default=None)
    return account_of(latest.get("author")) if latest else ""
