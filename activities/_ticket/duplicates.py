"""Looks for tickets that were made twice, and leaves a trace of each that it closes."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from activities._errors import unexpected
from activities._world import World
from stanch.errors import DependencyError, StanchError
from stanch.ports import Swept, TicketPort
from stanch.records import Doubt, Entry
from stanch.records.doubts import SWEEP_AFTER

AGAIN = timedelta(minutes=30)
EVENT = "ticket.duplicate_closed"


def remember(world: World, *, key: str, case_id: str, episode: str, system: str, at: datetime) -> None:
    """Have the ticket looked at once its tracker has caught up; without records nobody does, and the ticket is made."""
    with suppress(DependencyError):
        doubt = Doubt(key=key, case_id=case_id, episode=episode, system=system, due=at + SWEEP_AFTER)
        world.records.doubt_ticket(doubt)


def sweep_doubtful(world: World, now: datetime, *, limit: int = 100) -> int:
    """Look at every create whose time has come; how many tickets too many were closed.

    A tracker that does not answer is asked again later; the others go on.
    """
    closed = 0
    for doubt in world.records.ticket_doubts(now, limit=limit):
        try:
            closed += len(sweep_one(world, doubt, now).closed)
        except StanchError:
            world.records.put_off_doubt(doubt.key, now + AGAIN)
        except Exception as error:  # an answer that nobody has thought of must not hold up the others
            unexpected(error)
            world.records.put_off_doubt(doubt.key, now + AGAIN)
    return closed


def sweep_one(world: World, doubt: Doubt, now: datetime) -> Swept:
    """Keep the ticket that the case knows, else the oldest; close the others; write both down.

    Raises:
        StanchError: the tracker or the records did not answer; nothing is lost by looking again.
    """
    tracker: TicketPort = world.connector("tickets", world.tracker_name(doubt.system))
    case = world.records.case(doubt.case_id)
    known = case.ticket_key if case is not None and case.ticket_system == doubt.system else ""
    swept = tracker.sweep(doubt.key, keep=known)
    world.records.append([_entry(doubt, key, swept.kept, now) for key in swept.closed])
    world.records.settle_doubt(doubt, closed=len(swept.closed), at=now)
    return swept


def _entry(doubt: Doubt, closed: str, kept: str, now: datetime) -> Entry:
    return Entry(
        case_id=doubt.case_id,
        episode=doubt.episode,
        key=f"{EVENT}:{closed}",
        time=now,
        actor="stanch",
        event=EVENT,
        effect=doubt.key,
        data={"system": doubt.system, "closed": closed, "kept": kept},
    )
