"""Tickets in ServiceNow: incidents and security incidents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from activities import _servicenow_changes, _servicenow_events
from activities._servicenow_doctor import examine
from activities._servicenow_people import People
from activities._servicenow_query import equals, is_number
from activities._servicenow_requests import RequestsTransport
from activities._servicenow_settings import ServiceNowSettings, pysnow_installed
from activities._servicenow_text import journal
from activities._servicenow_transport import Record, Transport
from activities._servicenow_view import FIELDS, plain, ticket
from activities._ticket_common import (
    OUR_MARK,
    attachment_name,
    body_text,
    fit,
    hex_key,
    note_marker,
    resolution_word,
    settle,
    summary_line,
)
from activities._ticket_settings import secrets_of
from stanch.errors import ConnectorError, Gone, Rejected
from stanch.ports import Check, Connector, Ticket, TicketDraft, TicketEvent, TicketNote, TicketState
from stanch.sinks.text import one_line

NOTE_LIMIT = 30_000


class ServiceNowTickets:
    """A TicketPort over the Table API. `correlation_id` carries our key; every row a query returns is checked."""

    def __init__(self, name: str, settings: ServiceNowSettings) -> None:
        self.name = name
        self._settings = settings
        self._transport = open_transport(settings)
        self._people = People(self._transport)

    def __repr__(self) -> str:
        return f"ServiceNowTickets({self.name!r}, {self._settings.url!r}, {self._settings.table})"

    def ensure_ticket(self, draft: TicketDraft, *, uncertain_since: datetime | None = None) -> Ticket:
        found = settle(
            lambda: self._lookup(draft.key),
            since=uncertain_since,
            window=self._settings.settle_window,
            poll=self._settings.poll,
        )
        return self._ticket(found or self._create(draft))

    def _lookup(self, key: str) -> Record | None:
        """The oldest record with our correlation id; an instance that ignored the query returns others as well."""
        wanted = correlation(key)
        query = equals(correlation_id=wanted)
        rows = self._transport.find(self._settings.table, query, fields=FIELDS, limit=3)
        found = [row for row in rows if plain(row.get("correlation_id")) == wanted]
        return min(found, key=lambda row: plain(row.get("number")), default=None)

    def _create(self, draft: TicketDraft) -> Record:
        people, remarks = self._assignment(draft)
        settings = self._settings
        watchers = [self._optional(self._people.user_id, each) for each in draft.watchers]
        text = body_text(draft, limit=settings.description_limit, remarks=remarks)
        urgency = settings.urgency.get(draft.severity, "")
        record: dict[str, Any] = {
            **settings.fields,
            **({"urgency": urgency, "impact": urgency} if urgency else {}),
            **({"watch_list": ",".join(filter(None, watchers))} if any(watchers) else {}),
            **({"due_date": _moment(draft.due)} if draft.due else {}),
            **people,
            "short_description": summary_line(draft.summary, limit=settings.summary_limit),
            "description": fit(journal(text), limit=settings.description_limit, case_id=draft.case_id),
            "correlation_id": correlation(draft.key),
            "correlation_display": "stanch",
        }
        return self._transport.create(settings.table, record)

    def _assignment(self, draft: TicketDraft) -> tuple[dict[str, str], tuple[str, ...]]:
        """References to assignee and group, and a remark for each the instance does not know."""
        group = draft.group or self._settings.group
        found = {
            "assigned_to": self._optional(self._people.user_id, draft.assignee),
            "assignment_group": self._optional(self._people.group_id, group),
        }
        wanted = {"assigned_to": draft.assignee, "assignment_group": group}
        lost = [wanted[name] for name, sys_id in found.items() if wanted[name] and not sys_id]
        remarks = tuple(f"Meant for {one_line(name)}, whom ServiceNow does not know." for name in lost)
        return {name: sys_id for name, sys_id in found.items() if sys_id}, remarks

    def _optional(self, find: Callable[[str], str], name: str) -> str:
        """A reference, empty where nobody has the name: a ticket without assignee is better than none."""
        try:
            return find(name) if name else ""
        except Rejected:
            return ""

    def get_ticket(self, key: str) -> Ticket:
        return self._ticket(self._record(key))

    def _record(self, key: str) -> Record:
        if not is_number(key):
            raise Rejected("this is no ServiceNow record number", hint="a number looks like INC0010023")
        rows = self._transport.find(self._settings.table, equals(number=key), fields=FIELDS, limit=3)
        found = next((row for row in rows if plain(row.get("number")) == key), None)
        if found is None:
            raise Gone("ServiceNow has no such record in this table", hint="check `table` and the account's roles")
        return found

    def _ticket(self, record: Record) -> Ticket:
        """The record with names in place of references; a name that cannot be read is left out, the ticket stands."""
        try:
            assignee = self._people.user_name(plain(record.get("assigned_to")))
            group = self._people.group_name(plain(record.get("assignment_group")))
        except ConnectorError:
            return ticket(record, self._settings)
        return ticket(record, self._settings, assignee=assignee, group=group)

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        now = self.get_ticket(key)
        if now.state is not state:
            changes = {"state": self._settings.state_values[state][0], **self._closing(state, resolution, note)}
            now = self._ticket(self._transport.patch(self._settings.table, now.id, changes))
            if now.state is not state:
                raise Rejected("ServiceNow kept the record in its state", hint="check `states` and business rules")
        if note:
            self.add_note(key, note, marker=note_marker("state", key, state.value, note))
        return now

    def _closing(self, state: TicketState, resolution: str, note: str) -> dict[str, str]:
        """What closing asks for, in the same request, since the data policy checks both together."""
        if state is not TicketState.DONE:
            return {}
        word = resolution_word(resolution)
        code = self._settings.close_codes.get(word) or self._settings.close_codes.get("fixed", "")
        text = note or f"Closed by Stanch: {word or 'done'}"
        return {"close_code": code, "close_notes": fit(journal(text), limit=self._settings.description_limit)}

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        mark = f"{OUR_MARK}{hex_key(marker)[:32]}]"
        record = self._record(key)
        sys_id = plain(record.get("sys_id"))
        if mark not in self._notes(sys_id):
            note = fit(journal(text), limit=NOTE_LIMIT) + "\n\n" + mark
            self._transport.patch(self._settings.table, sys_id, {"work_notes": note})

    def _notes(self, sys_id: str) -> str:
        """The whole journal; its own table is closed to most integration users, the display value is not."""
        query, fields = equals(sys_id=sys_id), ("sys_id", "work_notes")
        rows = self._transport.find(self._settings.table, query, fields=fields, limit=2, display=True)
        return next((plain(row.get("work_notes")) for row in rows if plain(row.get("sys_id")) == sys_id), "")

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        """ServiceNow has no links of its own; a note that is written once serves."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise Rejected("a link must be an http or https address")
        self.add_note(key, f"{one_line(title, limit=255)}: {url}", marker=note_marker("link", link_id))

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        filename = attachment_name(name, content)
        sys_id = plain(self._record(key).get("sys_id"))
        query = equals(table_sys_id=sys_id, file_name=filename)
        rows = self._transport.find("sys_attachment", query, fields=("table_sys_id", "file_name"), limit=3)
        have = ((plain(row.get("table_sys_id")), plain(row.get("file_name"))) for row in rows)
        if (sys_id, filename) not in have:
            self._transport.attach(self._settings.table, sys_id, name=filename, content=content)

    def assign(self, key: str, *, assignee: str = "", group: str = "", note: str = "") -> Ticket:
        changes = {
            **({"assigned_to": self._people.user_id(assignee)} if assignee else {}),
            **({"assignment_group": self._people.group_id(group)} if group else {}),
        }
        if not changes:
            raise Rejected("nobody is named to assign the ticket to")
        record = self._record(key)
        now = self._ticket(self._transport.patch(self._settings.table, plain(record.get("sys_id")), changes))
        if note:
            self.add_note(key, note, marker=note_marker("assign", key, assignee, group, note))
        return now

    def parse_event(self, *, headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
        keys = secrets_of(self._settings.callback_secret, self._settings.callback_secret_old)
        _servicenow_events.verify(headers, body, keys=keys)
        event = _servicenow_events.read(headers, body, table=self._settings.table)
        return None if event is None or event.actor == self._settings.user else event

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        return _servicenow_changes.changed_since(self._transport, self._settings, since)

    def notes(self, key: str) -> Sequence[TicketNote]:
        sys_id = plain(self._record(key).get("sys_id"))
        return _servicenow_changes.notes(self._transport, self._settings, sys_id)

    def doctor(self) -> Sequence[Check]:
        return examine(self._transport, self._people, settings=self._settings)


def correlation(key: str) -> str:
    """Our idempotency key as a correlation id."""
    return f"stanch:{hex_key(key)}"


def _moment(due: datetime) -> str:
    return due.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def open_transport(settings: ServiceNowSettings) -> Transport:
    """The configured transport; pysnow where it is installed and nothing else is asked for."""
    kind = settings.transport or ("pysnow" if pysnow_installed() else "requests")
    if kind == "requests":
        return RequestsTransport(settings)
    from activities._servicenow_pysnow import PysnowTransport  # not installable on Python 3.13 and newer

    return PysnowTransport(settings)


def build(name: str, section: Mapping[str, Any]) -> ServiceNowTickets:
    """The connector from its section of stanch.toml."""
    return ServiceNowTickets(name, ServiceNowSettings.read(name, section))


CONNECTOR = Connector(port="tickets", kind="servicenow", build=build)
