"""The nightly comparison of cases and tickets: each difference with a reason, repaired where that is safe."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from activities._ticket.duplicates import sweep_one
from activities._ticket.rounds import tracker_of
from activities._world import World
from stanch.errors import ConfigError, ConnectorError
from stanch.ports import TicketEvent
from stanch.records import Doubt, TicketView
from stanch.temporal import connect
from stanch.tickets.following import DONE, News, look
from stanch.tickets.telling import tell
from stanch.wire_tickets import Difference, ReconcileCall, Reconciled

PAGE = 50
EPISODE = "tickets"  # ledger lines of the comparison belong to no run
CLOSED_WITHIN = timedelta(days=14)
SETTLED = ("verifying", "closed")
NO_TICKET_AFTER = timedelta(hours=1)
REPAIRED, REPORTED, WOULD = "repaired", "reported", "would be repaired"
_REASONS = {
    "gone": "the ticket was deleted, or this account may no longer see it",
    "key": "the ticket was moved, and its callback was lost",
    "state": "the ticket's state changed, and its callback was lost",
    "resolution": "the ticket's resolution changed, and its callback was lost",
    "assignee": "the ticket was given to somebody else, and its callback was lost",
    "team": "the ticket was given to another group, and its callback was lost",
    "priority": "the ticket's priority changed, and its callback was lost",
    "words": "people have written on the ticket, and its callback was lost",
}


def reconcile(world: World, call: ReconcileCall) -> Reconciled:
    """Compare one page of tickets with what their cases know."""
    now = datetime.now(UTC)
    views = world.records.ticket_views(after=call.after, closed_since=now - CLOSED_WITHIN, limit=PAGE)
    found = [difference for view in views for difference in _compared(world, view, dry_run=call.dry_run)]
    is_last = len(views) < PAGE
    if is_last:
        found += _without_ticket(world, now)
    if found and not call.dry_run:
        world.records.count_differences(Counter(each.what for each in found))
    return Reconciled(
        compared=len(views),
        unread=sum(each.what == "unread" for each in found),
        differences=tuple(found),
        next=None if is_last else (views[-1].system, views[-1].key),
        at=now,
    )


def reconcile_all(world: World, call: ReconcileCall, *, shown: Callable[[Reconciled], None]) -> None:
    """Compare everything from a process of its own, page by page."""
    asyncio.run(_all_pages(world, call, shown))


async def _all_pages(world: World, call: ReconcileCall, shown: Callable[[Reconciled], None]) -> None:
    world.loop, world.client = asyncio.get_running_loop(), await connect(tries=3)
    following: tuple[str, str] | None = call.after
    while following is not None:
        page = await asyncio.to_thread(reconcile, world, call.model_copy(update={"after": following}))
        shown(page)
        following = page.next
    world.records.close()


def _compared(world: World, view: TicketView, *, dry_run: bool) -> Iterator[Difference]:
    try:
        tracker = tracker_of(world, view.system)
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        event = TicketEvent(view.system, view.key, f"reconcile:{view.key}:{moment}", ticket_id=view.ticket_id)
        news = look(tracker, event)
        if news is not None:
            yield from _told(world, view, news, dry_run=dry_run)
        after = news.after if news is not None else view
        yield from _open_after_the_end(view, after)
        if not dry_run:
            yield from _doubles(world, view, datetime.now(UTC))
    except (ConnectorError, ConfigError) as error:
        yield _difference(view, "unread", error.message, REPORTED)


def _told(world: World, view: TicketView, news: News, *, dry_run: bool) -> Iterator[Difference]:
    """What the case does not know is told to it the same way in which a callback would have been."""
    done = WOULD
    if not dry_run:
        inventory = world.policy.current.inventory
        heard = world.call(lambda client: tell(client, world.records, inventory, news))
        done = REPAIRED if heard else REPORTED
    for what in news.differences:
        reason = _REASONS[what]
        if what == "state":
            reason += f": {view.state or 'unknown'} to {news.after.state}"
        yield _difference(view, what, reason, done)


def _open_after_the_end(view: TicketView, after: TicketView) -> Iterator[Difference]:
    """Whose ticket this is, is over. Nothing is closed here: somebody may have wanted it to stay open."""
    if view.case_state in SETTLED and view.state != DONE and after.state != DONE and not after.gone:
        reason = f"the case is {view.case_state} and its ticket was never closed: its playbook does not, or was refused"
        yield _difference(view, "open", reason, REPORTED)


def _doubles(world: World, view: TicketView, now: datetime) -> Iterator[Difference]:
    """Tickets that were made twice; the connector links and closes the extra, and the ledger has it."""
    if not view.draft_key or view.gone:
        return
    made = Doubt(key=view.draft_key, case_id=view.case_id, episode=EPISODE, system=view.system, due=now)
    swept = sweep_one(world, made, now)
    for key in swept.closed:
        yield _difference(view, "double", f"{key} was made for the same case and is closed now", REPAIRED)
    for key in swept.left:
        yield _difference(view, "double", f"{key} was made for the same case and cannot be closed", REPORTED)


def _without_ticket(world: World, now: datetime) -> Iterator[Difference]:
    """Cases whose ticket is still to be made."""
    for row in world.records.cases_without_ticket(before=now - NO_TICKET_AFTER):
        reason = "the case runs and has no ticket yet: its tracker refuses it or does not answer"
        yield Difference(
            case_id=row.case_id, system=row.ticket_system, key="", what="missing", reason=reason, done=REPORTED
        )


def _difference(view: TicketView, what: str, reason: str, done: str) -> Difference:
    return Difference(case_id=view.case_id, system=view.system, key=view.key, what=what, reason=reason, done=done)
