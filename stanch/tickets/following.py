"""A hint that a ticket changed, followed: the ticket is read again, and what is new about it goes to its case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from stanch.canonical import digest
from stanch.contract import TicketChange
from stanch.errors import ConnectorError, Gone
from stanch.intake.scrubbing import scrub
from stanch.ports import Ticket, TicketEvent, TicketNote, TicketPort, TicketState
from stanch.records import Records, TicketView
from stanch.routing import People
from stanch.sinks.text import clean, shorten
from stanch.wire_tickets import TicketWord

MAX_WORDS = 5
MAX_TEXT = 2000
DONE = TicketState.DONE.value
_COMPARED = ("key", "state", "resolution", "assignee", "team", "priority", "gone")


@dataclass(frozen=True)
class Tracker:
    """A tracker with what is needed to bring its news to cases.

    Args:
        name: in stanch.toml. kind: what the directory knows its accounts by.
    """

    name: str
    kind: str
    port: TicketPort
    people: People
    records: Records

    def person(self, account: str) -> str:
        """The directory's name of an account, or the account."""
        return self.people.place(account, self.kind)


@dataclass(frozen=True)
class News:
    """What is new about a ticket.

    Args:
        before: the ticket as its case knows it; None where that was never kept.
        after: the same, once the case has been told.
        differences: names of what differs, of `_COMPARED`, and `words`.
    """

    case_id: str
    change: TicketChange
    before: TicketView | None
    after: TicketView
    differences: tuple[str, ...]

    @property
    def reopens(self) -> bool:
        """Somebody has opened the ticket again after it was done."""
        before = self.before
        return before is not None and before.state == DONE and not self.after.gone and self.after.state != DONE


def look(tracker: Tracker, event: TicketEvent) -> News | None:
    """Read the ticket again and compare it with what its case knows; None where there is nothing to tell.

    Our own changes, late, doubled and reordered hints all end here: only a difference counts, and never one that an
    older look at the ticket shows.

    Raises:
        ConnectorError: the ticket could not be read; it is to be looked at again.
    """
    before = tracker.records.ticket_view(tracker.name, key=event.ticket_key, ticket_id=event.ticket_id)
    case_id = before.case_id if before else tracker.records.case_of_ticket(tracker.name, event.ticket_key)
    if not case_id:
        return None
    try:
        ticket = tracker.port.get_ticket(event.ticket_key)
    except Gone:
        return _gone(tracker, event, case_id, before)
    if before is not None and not _is_newer(before, ticket):
        return None
    return _news(tracker, event, before, ticket, case_id=case_id)


def _is_newer(before: TicketView, ticket: Ticket) -> bool:
    """Whether this is a look at the same ticket, and no older than the one before."""
    is_same = not (before.ticket_id and ticket.id) or before.ticket_id == ticket.id
    return is_same and (not ticket.version or ticket.version >= before.version)


def _news(
    tracker: Tracker, event: TicketEvent, before: TicketView | None, ticket: Ticket, *, case_id: str
) -> News | None:
    words = _words(tracker, _notes(tracker.port, ticket.key), known=before.notes if before else ())
    after = TicketView(
        system=tracker.name,
        key=ticket.key,
        case_id=case_id,
        at=datetime.now(UTC),
        ticket_id=ticket.id,
        state=ticket.state.value,
        resolution=ticket.resolution if ticket.state is TicketState.DONE else "",
        assignee=tracker.person(ticket.assignee),
        team=tracker.person(ticket.group),
        priority=ticket.priority,
        version=ticket.version,
        notes=(*(before.notes if before else ()), *(word.id for word in words)),
    )
    was = before.key if before is not None and before.key != ticket.key else ""
    was = was or (event.ticket_key if before is None and event.ticket_key != ticket.key else "")
    by = tracker.person(event.actor or ticket.changed_by)
    change = _change(tracker, event, after, by=by, was=was, url=ticket.url, words=words)
    found = _differences(before, after) + (("words",) if words else ())
    return News(case_id, change, before, after, found) if found else None


def _gone(tracker: Tracker, event: TicketEvent, case_id: str, before: TicketView | None) -> News | None:
    if before is not None and before.gone:
        return None
    key, now = before.key if before else event.ticket_key, datetime.now(UTC)
    known = before or TicketView(system=tracker.name, key=key, case_id=case_id, at=now)
    after = replace(known, gone=True, at=now)
    change = _change(tracker, event, after, by=tracker.person(event.actor), was="", url="")
    return News(case_id, change, before, after, ("gone",))


def _change(
    tracker: Tracker,
    event: TicketEvent,
    after: TicketView,
    *,
    by: str,
    was: str,
    url: str,
    words: tuple[TicketWord, ...] = (),
) -> TicketChange:
    """One hint that comes twice may find two changes: the case knows a change by the hint and by what was found."""
    change = TicketChange(
        home=tracker.people.home_elsewhere(after.team, tracker.kind),
        event_id="",
        key=after.key,
        state=after.state,
        assignee=after.assignee,
        group=after.team,
        resolution=after.resolution,
        by=by,
        version=after.version,
        was=was,
        url=url if was else "",
        priority=after.priority,
        gone=after.gone,
        words=words,
    )
    found = digest(change.model_dump(mode="json"))[:16]
    return change.model_copy(update={"event_id": f"{tracker.name}:{event.event_id}:{found}"})


def _differences(before: TicketView | None, after: TicketView) -> tuple[str, ...]:
    if before is None:
        return ("state",)
    return tuple(name for name in _COMPARED if getattr(before, name) != getattr(after, name))


def _notes(port: TicketPort, key: str) -> Sequence[TicketNote]:
    """What people have written; a journal that cannot be read now is read with the next change."""
    try:
        return port.notes(key)
    except ConnectorError:
        return ()


def _words(tracker: Tracker, notes: Sequence[TicketNote], *, known: tuple[str, ...]) -> tuple[TicketWord, ...]:
    """The newest that the case does not know, redacted before anything is stored."""
    fresh = [note for note in notes if note.id and note.id not in known and note.text.strip()]
    return tuple(
        TicketWord(id=note.id[:64], by=tracker.person(note.author)[:100], text=redacted(note.text), at=note.at)
        for note in fresh[-MAX_WORDS:]
    )


def redacted(text: str) -> str:
    """What a person wrote, without secrets and personal data, at a length that a ledger line takes."""
    return shorten(scrub(clean(text[: 2 * MAX_TEXT]).strip(), Counter()), MAX_TEXT)
