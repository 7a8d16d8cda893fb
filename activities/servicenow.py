"""Tickets in ServiceNow: incidents and security incidents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from activities._servicenow import changes as _servicenow_changes
from activities._servicenow import events as _servicenow_events
from activities._servicenow.doctor import examine
from activities._servicenow.find import find_exact
from activities._servicenow.people import People
from activities._servicenow.query import is_number, plain
from activities._servicenow.requests import RequestsTransport
from activities._servicenow.settings import ServiceNowSettings, pysnow_installed
from activities._servicenow.text import journal, moment, remark
from activities._servicenow.transport import Record, Transport
from activities._servicenow.view import FIELDS, ticket
from activities._ticket.common import (
    attachment_name,
    body_text,
    fit,
    hex_key,
    mark_of,
    note_marker,
    resolution_word,
    settle,
    summary_line,
)
from activities._ticket.settings import secrets_of
from activities._ticket.sweep import oldest, sweep
from stanch.errors import AuthBlocked, ConnectorError, Gone, Rejected, Uncertain
from stanch.ports import Check, Connector, Swept, Ticket, TicketDraft, TicketEvent, TicketNote, TicketState
from stanch.sinks.text import one_line
from stanch.views import TicketTarget

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
        found = settle(lambda: self._lookup(draft.key), since=uncertain_since, patience=self._settings.patience)
        return self._ticket(found or self._create(draft))

    def _lookup(self, key: str) -> Record | None:
        """The oldest that is not done."""
        rows = self._with_key(key)
        found = oldest([ticket(row, self._settings) for row in rows])
        return None if found is None else next(row for row in rows if plain(row.get("number")) == found.key)

    def _with_key(self, key: str) -> list[Record]:
        """The records with our correlation id, oldest first."""
        where = {"correlation_id": correlation(key)}
        rows = find_exact(self._transport, self._settings.table, where, fields=FIELDS)
        return sorted(rows, key=lambda row: plain(row.get("number")))

    def _create(self, draft: TicketDraft) -> Record:
        references, remarks = self._references(draft)
        settings = self._settings
        watchers = [self._optional(self._people.user_id, each) for each in draft.watchers]
        text = body_text(draft, limit=settings.description_limit, remarks=remarks)
        urgency = settings.urgency.get(draft.severity, "")
        record: dict[str, Any] = {
            **settings.fields,
            **draft.fields,
            **({"category": draft.category} if draft.category else {}),
            **({"urgency": urgency, "impact": urgency} if urgency else {}),
            **({"watch_list": ",".join(filter(None, watchers))} if any(watchers) else {}),
            **({"due_date": moment(draft.due)} if draft.due else {}),
            **references,
            "short_description": summary_line(draft.summary, limit=settings.summary_limit),
            "description": fit(journal(text), limit=settings.description_limit, case_id=draft.case_id),
            "correlation_id": correlation(draft.key),
            "correlation_display": "stanch",
        }
        return self._whole(self._transport.create(settings.table, record))

    def _whole(self, record: Record) -> Record:
        """The new record; where the answer leaves its number out, as it is read."""
        if plain(record.get("number")):
            return record
        try:
            return self._transport.get(self._settings.table, plain(record.get("sys_id")), fields=FIELDS)
        except ConnectorError:
            hint = "let the integration user read `number`"
            raise Uncertain("ServiceNow has made the record and does not show its number", hint=hint) from None

    def _references(self, draft: TicketDraft) -> tuple[dict[str, str], tuple[str, ...]]:
        """References to assignee, group and problem, and a remark for each the instance does not know."""
        wanted = {
            "assigned_to": (draft.assignee, self._people.user_id),
            "assignment_group": (draft.group or self._settings.group, self._people.group_id),
            "problem_id": (draft.problem, self._problem_id),
        }
        found = {field: self._optional(find, name) for field, (name, find) in wanted.items()}
        lost = [(field, name) for field, (name, _) in wanted.items() if name and not found[field]]
        remarks = tuple(remark(field, name) for field, name in lost)
        return {field: sys_id for field, sys_id in found.items() if sys_id}, remarks

    def _problem_id(self, number: str) -> str:
        rows = find_exact(self._transport, "problem", {"number": number}, fields=("sys_id", "number"))
        if len(rows) != 1:
            raise Rejected("ServiceNow has no such problem")
        return plain(rows[0].get("sys_id"))

    def _optional(self, find: Callable[[str], str], name: str) -> str:
        """A reference, empty where nobody has the name: a ticket without assignee is better than none."""
        try:
            return find(name) if name else ""
        except (Rejected, AuthBlocked):  # a table that is closed to us; where the sign-in is bad the create says so
            return ""

    def get_ticket(self, key: str) -> Ticket:
        """The record, with whom it is assigned to or not at all: a name left out would look like nobody."""
        return self._named(self._record(key))

    def _record(self, key: str) -> Record:
        if not is_number(key):
            raise Rejected("this is no ServiceNow record number", hint="a number looks like INC0010023")
        rows = find_exact(self._transport, self._settings.table, {"number": key}, fields=FIELDS)
        if not rows:
            raise Gone("ServiceNow has no such record in this table", hint="check `table` and the account's roles")
        return rows[0]

    def _ticket(self, record: Record) -> Ticket:
        """The record with names in place of references; a name that cannot be read is left out, the ticket stands."""
        try:
            return self._named(record)
        except ConnectorError:
            return ticket(record, self._settings)

    def _named(self, record: Record) -> Ticket:
        assignee = self._people.user_name(plain(record.get("assigned_to")))
        group = self._people.group_name(plain(record.get("assignment_group")))
        return ticket(record, self._settings, assignee=assignee, group=group)

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        now = self._ticket(self._record(key))
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
        codes = self._settings.codes
        code = codes.get(word) or codes.get("fixed", "")
        text = note or f"Closed by Stanch: {word or 'done'}"
        return {"close_code": code, "close_notes": fit(journal(text), limit=self._settings.description_limit)}

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        mark = mark_of(marker)
        record = self._record(key)
        sys_id = plain(record.get("sys_id"))
        if mark not in self._notes(sys_id):
            note = fit(journal(text), limit=NOTE_LIMIT) + "\n\n" + mark
            self._transport.patch(self._settings.table, sys_id, {"work_notes": note})

    def _notes(self, sys_id: str) -> str:
        """The whole journal; its own table is closed to most integration users, the display value is not."""
        fields = ("sys_id", "work_notes")
        rows = find_exact(self._transport, self._settings.table, {"sys_id": sys_id}, fields=fields, display=True)
        if rows and "work_notes" not in rows[0]:  # not to be seen is not the same as empty
            hint = "let the integration user read work_notes"
            raise AuthBlocked("ServiceNow does not show work_notes to this account", hint=hint)
        return plain(rows[0].get("work_notes")) if rows else ""

    def noted(self, key: str, *, marker: str) -> bool:
        return mark_of(marker) in self._notes(plain(self._record(key).get("sys_id")))

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        """ServiceNow has no links of its own; a note that is written once serves."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise Rejected("a link must be an http or https address")
        self.add_note(key, f"{one_line(title, limit=255)}: {url}", marker=note_marker("link", link_id))

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        filename = attachment_name(name, content)
        sys_id = plain(self._record(key).get("sys_id"))
        where = {"table_sys_id": sys_id, "file_name": filename}
        if not find_exact(self._transport, "sys_attachment", where, fields=tuple(where)):
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

    def sweep(self, key: str, *, keep: str = "") -> Swept:
        return sweep(self, [ticket(row, self._settings) for row in self._with_key(key)], keep=keep)

    def relate(self, extra: Ticket, kept: Ticket) -> None:
        """Incidents have a parent of their own; a field that the table does not have is ignored by the instance."""
        field = "parent_incident" if self._settings.table == "incident" else "parent"
        with suppress(Rejected):
            self._transport.patch(self._settings.table, extra.id, {field: kept.id})

    def doctor(self, targets: Sequence[TicketTarget] = ()) -> Sequence[Check]:
        return examine(self._transport, self._people, settings=self._settings, targets=targets)


def correlation(key: str) -> str:
    """Our idempotency key as a correlation id."""
    return f"stanch:{hex_key(key)}"


def open_transport(settings: ServiceNowSettings) -> Transport:
    """The configured transport; pysnow where it is installed and nothing else is asked for."""
    kind = settings.transport or ("pysnow" if pysnow_installed() else "requests")
    if kind == "requests":
        return RequestsTransport(settings)
    from activities._servicenow.pysnow import PysnowTransport  # not installable on Python 3.13 and newer

    return PysnowTransport(settings)


def build(name: str, section: Mapping[str, Any]) -> ServiceNowTickets:
    """The connector from its section of stanch.toml."""
    return ServiceNowTickets(name, ServiceNowSettings.read(name, section))


CONNECTOR = Connector(port="tickets", kind="servicenow", build=build)
