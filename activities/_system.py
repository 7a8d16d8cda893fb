"""Activities that are no actions: pinning the plan, writing records, showing approvals, reconciling points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from activities import _breaker_news, _paging, _watch, approvals, groups, intake, ledger, points, turns
from activities._defining import defined
from activities._fence import fenced
from activities._run import heartbeats, reported
from activities._texts import keep_texts
from activities._ticket import reconcile as _ticket_reconcile
from activities._ticket import rounds as _ticket_rounds
from activities._world import World
from stanch import contract
from stanch.catalog import Queue
from stanch.contract import ApprovalCall, ApprovalShown, Recording, Resolve, Resolved
from stanch.noise import words
from stanch.noise.words import GroupPost, GroupPosted, GroupRef, GroupTell, Unquiet
from stanch.resolve import resolve
from stanch.wire_breaker import BreakerNews
from stanch.wire_intake import IntakeInput
from stanch.wire_points import Announce, Reconcile, ReconcileReply
from stanch.wire_tickets import PollCall, ReconcileCall, Reconciled, TicketHint
from stanch.wire_watch import Paging, PointsSeen


def core_activities(world: World) -> list[Callable[..., Any]]:
    """Local activities of cases, and the housekeeping."""

    @defined(contract.RESOLVE)
    def pin(question: Resolve) -> Resolved:
        return reported(lambda: _pinned(world, question))

    @defined(contract.RECORD)
    def record(recording: Recording) -> None:
        return reported(lambda: ledger.record(world, recording))

    @defined(contract.SWEEP)
    def sweep() -> None:
        with heartbeats():
            return reported(lambda: ledger.sweep(world))

    return [pin, record, sweep, *_between_cases(world)]


def _between_cases(world: World) -> list[Callable[..., Any]]:
    """How cases and groups speak to each other."""

    @defined(words.TELL_GROUP)
    def tell_group(tell: GroupTell) -> None:
        return reported(lambda: groups.tell(world, tell))

    @defined(words.NEXT_GENERATION)
    def next_generation(ref: GroupRef) -> None:
        return reported(lambda: groups.next_generation(world, ref))

    @defined(words.POST_MEMBERS)
    def post(letter: GroupPost) -> GroupPosted:
        with heartbeats():
            return reported(lambda: groups.post(world, letter))

    @defined(words.UNQUIET)
    def unquiet(over: Unquiet) -> None:
        with heartbeats():
            return reported(lambda: groups.unquiet(world, over))

    return [tell_group, next_generation, post, unquiet]


def _pinned(world: World, question: Resolve) -> Resolved:
    """Everything from one snapshot, its texts included."""
    policy, key = world.policy.current, world.keys.cases
    found = resolve(policy, world.records, question, settings=world.settings, key=key)
    if question.route_only:
        return found
    turns.call_off(world, found.calls_off, by=question.case_id)
    keep_texts(world, policy.texts)
    return found.model_copy(update={"texts": policy.texts.digest})


def intake_activities(world: World) -> list[Callable[..., Any]]:
    """Findings that were stored together, brought to their cases; each keeps its own heartbeat."""

    @defined(contract.DELIVER)
    def deliver(start: IntakeInput) -> None:
        return reported(lambda: intake.deliver(world, start))

    @defined(contract.TELL_HELD)
    def tell_held(start: IntakeInput) -> None:
        return reported(lambda: intake.tell_held(world, start))

    return [deliver, tell_held]


def ticket_activities(world: World) -> list[Callable[..., Any]]:
    """The rounds between trackers and cases."""

    @defined(contract.TICKETS_TELL)
    def tell() -> int:
        with heartbeats():
            return reported(lambda: _ticket_rounds.tell_tickets(world))

    @defined(contract.TICKETS_POLL)
    def poll(call: PollCall) -> str:
        with heartbeats():
            return reported(lambda: _ticket_rounds.poll(world, call))

    @defined(contract.TICKETS_FOLLOW)
    def follow(hint: TicketHint) -> bool:
        with heartbeats():
            return reported(lambda: _ticket_rounds.follow(world, hint))

    @defined(contract.TICKETS_RECONCILE)
    def reconcile(call: ReconcileCall) -> Reconciled:
        with heartbeats():
            return reported(lambda: _ticket_reconcile.reconcile(world, call))

    return [tell, poll, follow, reconcile]


def chat_activities(world: World) -> list[Callable[..., Any]]:
    """Cards for people."""

    @defined(contract.SHOW_APPROVAL)
    def show(call: ApprovalCall) -> ApprovalShown:
        with heartbeats():
            return reported(lambda: approvals.show(world, call))

    @defined(contract.CLOSE_APPROVAL)
    def close(call: ApprovalCall) -> ApprovalShown:
        with heartbeats():
            return reported(lambda: approvals.close(world, call))

    @defined(contract.PAGE)
    def page(paging: Paging) -> None:
        with heartbeats():
            return reported(lambda: _paging.page(world, paging))

    @defined(contract.BREAKER_TELL)
    def breaker(news: BreakerNews) -> None:
        with heartbeats():
            return reported(lambda: _breaker_news.tell(world, news))

    return [show, close, page, breaker]


def point_activities(world: World) -> list[Callable[..., Any]]:
    """What the writers of points call."""

    @defined(contract.RECONCILE)
    def reconcile(call: Reconcile) -> ReconcileReply:
        with heartbeats(), fenced(world):
            return reported(lambda: points.reconcile(world, call))

    @defined(contract.ANNOUNCE)
    def announce(call: Announce) -> None:
        with heartbeats():
            return reported(lambda: points.announce(world, call))

    @defined(contract.LOOK)
    def look() -> PointsSeen:
        with heartbeats(), fenced(world):
            return reported(lambda: _watch.look(world))

    return [reconcile, announce, look]


def own_activities(world: World, queue: Queue) -> list[Callable[..., Any]]:
    """What belongs to a queue and is no action of the catalogue."""
    makers = {
        Queue.CORE: core_activities,
        Queue.INTAKE: intake_activities,
        Queue.TICKETS: ticket_activities,
        Queue.CHAT: chat_activities,
        Queue.CONTAIN: point_activities,
    }
    return makers[queue](world) if queue in makers else []
