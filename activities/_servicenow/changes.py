"""What others have changed at our records: which ones since a moment, and what people have written on one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from activities._servicenow.find import find_exact
from activities._servicenow.query import equals, is_number, plain
from activities._servicenow.settings import ServiceNowSettings
from activities._servicenow.transport import Record, Transport
from activities._servicenow.view import version_of
from activities._ticket.common import OUR_MARK
from stanch.errors import AuthBlocked, Rejected
from stanch.ports import MOST_NOTES, TicketEvent, TicketNote

PAGE = 200
MOST_PAGES = 25
_FIELDS = ("sys_id", "number", "sys_updated_on", "sys_updated_by", "sys_mod_count", "correlation_display")
_JOURNAL = ("sys_id", "element_id", "element", "value", "sys_created_by", "sys_created_on")
_HEAD = re.compile(r"^(\S+ \S+) - ([^\n]{1,100}) \([^()\n]{1,40}\)$", re.MULTILINE)


def changed_since(transport: Transport, settings: ServiceNowSettings, since: datetime) -> Sequence[TicketEvent]:
    """Our records that were updated since then, oldest change first; every row is checked to be ours.

    The next page begins at the time of the last row, since an offset would skip rows that change meanwhile.
    """
    found: dict[str, TicketEvent] = {}
    begin = since
    for _ in range(MOST_PAGES):
        # Only times that we have written ourselves go into the query.
        query = f"correlation_display=stanch^sys_updated_on>={begin.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        rows = transport.find(settings.table, f"{query}^ORDERBYsys_updated_on", fields=_FIELDS, limit=PAGE)
        events = [event for event in map(_event, rows) if event is not None]
        fresh = [event for event in events if event.event_id not in found]
        found |= {event.event_id: event for event in fresh}
        last = max((event.at for event in events if event.at is not None), default=begin)
        if len(rows) < PAGE or not fresh or last <= begin:
            break
        begin = last
    return sorted(found.values(), key=lambda event: (event.at or since, event.event_id))


def _event(row: Record) -> TicketEvent | None:
    number, at = plain(row.get("number")), moment(plain(row.get("sys_updated_on")))
    if plain(row.get("correlation_display")) != "stanch" or not is_number(number) or at is None:
        return None  # an instance that ignored the query returns others as well
    sys_id, version = plain(row.get("sys_id")), version_of(row)
    return TicketEvent(
        system="servicenow",
        ticket_key=number,
        event_id=f"poll:{sys_id}:{version}:{at.timestamp():.0f}"[:128],
        actor=plain(row.get("sys_updated_by")),
        ticket_id=sys_id,
        version=version,
        at=at,
    )


def moment(text: str) -> datetime | None:
    """A time as the Table API gives values that are not for display: UTC without saying so."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def notes(transport: Transport, settings: ServiceNowSettings, sys_id: str) -> Sequence[TicketNote]:
    """The newest journal entries that are not ours, from the journal's table or, where that is closed, as displayed."""
    journal = [note for note in _from_journal(transport, sys_id) if note.author != settings.user]
    # As displayed an author is a name, so that the mark must do; who quotes us there is not heard.
    shown = () if journal else _as_displayed(transport, settings, sys_id)
    theirs = journal or [note for note in shown if OUR_MARK not in note.text and note.author != settings.user]
    return theirs[-MOST_NOTES:]


def _from_journal(transport: Transport, sys_id: str) -> list[TicketNote]:
    query = f"{equals(element_id=sys_id)}^elementINwork_notes,comments^ORDERBYDESCsys_created_on"
    try:
        rows = transport.find("sys_journal_field", query, fields=_JOURNAL, limit=MOST_NOTES * 2)
    except (AuthBlocked, Rejected):
        return []
    own = [row for row in rows if plain(row.get("element_id")) == sys_id]
    read = [
        TicketNote(
            id=plain(row.get("sys_id")),
            author=plain(row.get("sys_created_by")),
            text=plain(row.get("value")),
            at=moment(plain(row.get("sys_created_on"))),
        )
        for row in own
    ]
    return sorted(read, key=lambda note: (note.at or datetime.min.replace(tzinfo=UTC), note.id))


def _as_displayed(transport: Transport, settings: ServiceNowSettings, sys_id: str) -> Iterator[TicketNote]:
    """Entries of the displayed journal, oldest first. A note can imitate the head of another: names are only shown."""
    fields = ("sys_id", "work_notes", "comments")
    rows = find_exact(transport, settings.table, {"sys_id": sys_id}, fields=fields, display=True)
    row = rows[0] if rows else {}
    for name in fields[1:]:
        text = plain(row.get(name))
        heads = list(_HEAD.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in reversed(list(zip(heads, ends, strict=False))):
            body = text[head.end() : end].strip()
            mark = hashlib.sha256(f"{head.group(0)}\n{body}".encode()).hexdigest()[:32]
            yield TicketNote(id=mark, author=head.group(2), text=body, at=moment(head.group(1)))
