"""A ServiceNow record as a ticket."""

from __future__ import annotations

from activities._servicenow.query import plain
from activities._servicenow.settings import ServiceNowSettings
from activities._servicenow.transport import Record
from stanch.ports import Ticket, TicketState

FIELDS = (
    "sys_id",
    "number",
    "state",
    "short_description",
    "assigned_to",
    "assignment_group",
    "close_code",
    "correlation_id",
    "sys_updated_by",
    "sys_mod_count",
    "sys_updated_on",
    "priority",
)


def state_of(value: str, settings: ServiceNowSettings) -> TicketState:
    """Our state for a value of `state`; one that nobody configured is work going on, never done."""
    known = settings.state_values
    return next((ours for ours, theirs in known.items() if value in theirs), TicketState.IN_PROGRESS)


def ticket(record: Record, settings: ServiceNowSettings, *, assignee: str = "", group: str = "") -> Ticket:
    """The record; names of assignee and group are given by the caller, since the record only refers to them."""
    sys_id = plain(record.get("sys_id"))
    state = plain(record.get("state"))
    code = plain(record.get("close_code"))
    return Ticket(
        key=plain(record.get("number")),
        id=sys_id,
        system="servicenow",
        url=f"{settings.url}/nav_to.do?uri={settings.table}.do?sys_id={sys_id}",
        state=state_of(state, settings),
        state_name=state,
        assignee=assignee,
        group=group,
        resolution=_resolution(code, settings) if state_of(state, settings) is TicketState.DONE else "",
        summary=plain(record.get("short_description")),
        changed_by=plain(record.get("sys_updated_by")),
        version=version_of(record),
        priority=plain(record.get("priority"))[:40],
    )


def version_of(record: Record) -> int:
    """One more than how often the record was changed, so that 0 is left for an instance that does not say."""
    text = plain(record.get("sys_mod_count"))
    return int(text) + 1 if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _resolution(code: str, settings: ServiceNowSettings) -> str:
    if not code:
        return ""
    return next((ours for ours, theirs in settings.codes.items() if theirs == code), "other")
