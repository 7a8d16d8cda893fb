"""The rounds between trackers and cases: follow a hint, poll, write notes, each ticket for itself."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from activities._errors import unexpected
from activities._ticket.common import note_marker
from activities._ticket.duplicates import sweep_doubtful
from activities._world import World
from stanch.errors import ConfigError, ConnectorError, DependencyError, Gone, Rejected
from stanch.ports import TicketEvent, TicketPort
from stanch.records import Entry, TicketView, TimelineItem
from stanch.tickets.following import Tracker, look
from stanch.tickets.news import Known, news, note
from stanch.tickets.telling import follow_later, tell
from stanch.wire_tickets import PollCall, TicketHint

OVERLAP = timedelta(minutes=5)  # what a tracker may show late: clocks, search indexes, transactions that end later
FIRST = timedelta(hours=1)
MOST_TOLD = 200
MOST_SWEPT = 20  # a round; each is a search and a read


def tracker_of(world: World, name: str) -> Tracker:
    """A tracker of stanch.toml, or the board.

    Raises:
        ConfigError: there is none of that name.
    """
    port: TicketPort = world.connector("tickets", name)
    return Tracker(name, world.kind_of(name), port, world.people, world.records)


def follow(world: World, hint: TicketHint) -> bool:
    """Look at a ticket again and tell its case what is new; false where nothing is.

    Raises:
        ConnectorError: it could not be read.
        DependencyError: the case could not be told.
    """
    found = look(tracker_of(world, hint.system), hint.event)
    if found is None:
        return False
    inventory = world.policy.current.inventory
    return world.call(lambda client: tell(client, world.records, inventory, found))


# -- polling


def poll(world: World, call: PollCall) -> str:
    """Bring everything that changed since the watermark to its case; gives the new watermark.

    A ticket that cannot be read now is looked at later, by itself; it holds up neither the others nor the watermark.
    """
    now = datetime.now(UTC)
    since = datetime.fromisoformat(call.since) if call.since else now - FIRST
    events = tracker_of(world, call.system).port.changed_since(since - OVERLAP)
    for event in events:
        if not _is_known(world, call.system, event):
            _bring(world, TicketHint.of(call.system, event))
    reached = max((event.at for event in events if event.at is not None), default=since)
    return max(since, min(reached, now)).isoformat()  # one row from the future must not blind us to the present


def _is_known(world: World, system: str, event: TicketEvent) -> bool:
    """True where the case has been told of this or something newer, and where the ticket is no case's."""
    view = world.records.ticket_view(system, key=event.ticket_key, ticket_id=event.ticket_id)
    if view is None:
        return world.records.case_of_ticket(system, event.ticket_key) is None
    return bool(event.version) and view.version >= event.version and not view.gone


def _bring(world: World, hint: TicketHint) -> None:
    try:
        follow(world, hint)
    except ConnectorError:
        world.call(lambda client: follow_later(client, hint))


# -- notes


def tell_tickets(world: World) -> int:
    """Write what cases have to say to their tickets, and close those made twice; gives how many notes were written."""
    now = datetime.now(UTC)
    sweep_doubtful(world, now, limit=MOST_SWEPT)
    due = world.records.tickets_to_tell(limit=MOST_TOLD, now=now)
    return sum(_told(world, view) for view in due)


def _told(world: World, view: TicketView) -> bool:
    """Tell one ticket. A tracker that does not answer is asked again later; one that says no is not."""
    try:
        return _tell(world, tracker_of(world, view.system).port, view)
    except Gone:
        with contextlib.suppress(ConnectorError):
            follow(world, TicketHint(system=view.system, key=view.key, event_id=f"note:{view.told}"))
    except Rejected as error:
        _give_up(world, view, error)
    except (ConnectorError, ConfigError):
        world.records.ticket_not_told(view, datetime.now(UTC))
    except DependencyError:
        raise
    except Exception as error:  # an answer that nobody has thought of must not hold up the other tickets
        unexpected(error)
        world.records.ticket_not_told(view, datetime.now(UTC))
    return False


def _tell(world: World, port: TicketPort, view: TicketView) -> bool:
    entries = [entry for entry in world.records.timeline(view.case_id) if entry.seq > view.told]
    up_to = view.telling or max((entry.seq for entry in entries), default=view.told)
    lines = news([entry for entry in entries if entry.seq <= up_to], _known(world, view, entries))
    url = f"{world.settings.public_url}/cases/{view.case_id}"
    if view.told == 0:
        port.ensure_link(view.key, link_id=view.case_id, url=url, title=f"Stanch case {view.case_id}")
    if lines:
        world.records.begin_telling(view, up_to)
        marker = note_marker("news", view.case_id, str(view.told), str(up_to))
        port.add_note(view.key, note(lines, url=url), marker=marker)
    world.records.ticket_told(view, up_to)
    return bool(lines)


def _known(world: World, view: TicketView, entries: Sequence[TimelineItem]) -> Known:
    """Only looked up where some line speaks of it."""
    events = {entry.event for entry in entries}
    speaks_of_blocks = bool(events & {"point.hold.outcome", "lease.ended"})
    speaks_of_votes = bool(events & {"case.status", "approval.vote"})
    leases = world.records.leases(live=False, case_id=view.case_id) if speaks_of_blocks else []
    asked = world.records.approvals(pending=False, case_id=view.case_id) if speaks_of_votes else []
    return Known(
        leases={row.lease.lease_id: row.lease for row in leases},
        approvals=[state.request for state in asked],
        name_of=world.name_of,
    )


def _give_up(world: World, view: TicketView, error: Rejected) -> None:
    """The tracker takes no such note: the ledger says so, and the ticket hears of what comes next."""
    up_to = view.telling or max((entry.seq for entry in world.records.timeline(view.case_id)), default=view.told)
    data = {"key": view.key, "code": error.code, "reason": error.message}
    line = Entry(
        case_id=view.case_id,
        episode="tickets",
        key=f"not_told:{view.system}:{view.key}:{up_to}",
        time=datetime.now(UTC),
        actor="stanch",
        event="ticket.not_told",
        data=data,
    )
    world.records.append([line])
    world.records.ticket_told(view, up_to)
