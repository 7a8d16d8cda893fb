"""What a change of its ticket means to a case: what is old, what is gone, who may take back an end, and how often."""

from __future__ import annotations

from datetime import datetime

from stanch.cases import CaseState, TicketRef
from stanch.contract import TicketChange
from stanch.interpreter.messages import Command, RunAction
from stanch.ports import TicketState
from stanch.tickets.beside import action_beside

DONE = TicketState.DONE.value
MAX_WORDS = 256
MOST_REOPENS = 3  # how often we send a ticket back that is closed without proof, before a person is asked
MOST_RETURNS = 3  # how often an account that is nobody of the directory opens a case again


def is_ours(state: CaseState, change: TicketChange) -> bool:
    """Whether the change is of this case's ticket, under whatever key, or of one that it has left."""
    return is_current(state, change) or state.moves.of(change.key) is not None


def is_current(state: CaseState, change: TicketChange) -> bool:
    """Whether it is of the ticket that the case follows now, not of one that it has left."""
    return state.ticket.key in ("", change.key, *([change.was] if change.was else []))


def as_known(ticket: TicketRef, change: TicketChange) -> TicketChange | None:
    """The change without what an older look says of things that we have moved since; None where all of it is old."""
    if not change.version:
        return change
    if change.version < ticket.version:
        return None
    update: dict[str, str] = {}
    if change.version < ticket.moved_at:
        update |= {"state": ticket.state, "resolution": ticket.resolution}
    if change.version < ticket.given_at:
        update |= {"assignee": ticket.assignee, "group": ticket.group}
    return change.model_copy(update=update)


def take_words(state: CaseState, change: TicketChange, now: datetime) -> None:
    """What people have written on the ticket becomes lines of the case's story, once each."""
    for word in change.words:
        if word.id not in state.ticket.words:
            state.ticket.words = [*state.ticket.words, word.id][-MAX_WORDS:]
            data = {"text": word.text, "key": change.key, "at": word.at.isoformat() if word.at else ""}
            state.note("ticket.comment", now, actor=word.by or "ticket", data=data)


def take_key(state: CaseState, change: TicketChange, now: datetime) -> None:
    """The ticket was moved: it has another key and address, and is still the same."""
    ticket = state.ticket
    if change.was and ticket.key == change.was:
        state.note("ticket.moved", now, actor=change.by or "stanch", data={"from": ticket.key, "to": change.key})
        ticket.key, ticket.url = change.key, change.url or ticket.url


def take_loss(state: CaseState, change: TicketChange, now: datetime) -> list[RunAction]:
    """The ticket is gone: the ledger says so, and whoever has the case is asked once; nothing is made by itself.

    A deleted ticket and one that this account may no longer see look the same, and a second ticket for the latter
    would be the double that nobody wants.
    """
    if state.ticket.gone:
        return []
    state.ticket.gone = True
    state.note("ticket.gone", now, actor=change.by or "stanch", data={"key": change.key})
    text = (
        f"Ticket {change.key} was deleted, or Stanch may no longer see it. Restore it or give access, and the case "
        "follows it again. Otherwise attest the fix or close the case; opened again, it gets a new ticket."
    )
    return _ask(state, text)


def take_detail(state: CaseState, before: TicketRef, change: TicketChange, now: datetime) -> None:
    """What is noted and decides nothing: a found ticket, another priority."""
    if before.gone:
        state.note("ticket.found", now, actor=change.by or "stanch", data={"key": change.key})
    if before.priority and change.priority and before.priority != change.priority:
        data = {"from": before.priority, "to": change.priority, "key": change.key}
        state.note("ticket.priority", now, actor=change.by or "stanch", data=data)


def may_return(state: CaseState, change: TicketChange) -> bool:
    """Whether the reopened ticket opens its case again: always for a person, a few times for an automation."""
    if change.by.startswith("user:"):
        return True
    state.ticket.returns += 1
    return state.ticket.returns <= MOST_RETURNS


def is_sent_back(command: Command) -> bool:
    """Whether this sends a ticket back that was closed without proof."""
    return isinstance(command, RunAction) and command.action == "ticket.reopen" and command.purpose == "reopen"


def too_often(state: CaseState) -> bool:
    """Count one more ticket that goes back; true where somebody closes it whatever we do."""
    state.ticket.reopens += 1
    return state.ticket.reopens > MOST_REOPENS


def stop_sending_back(state: CaseState, now: datetime) -> list[RunAction]:
    """The ticket stays closed, the case stays open, and a person is asked to end the quarrel; said once."""
    data = {"key": state.ticket.key, "times": state.ticket.reopens}
    state.note("ticket.closed_without_proof", now, data=data)
    state.core.facts["ticket"] = "resolved"  # it is closed and stays so: proof alone ends the case now
    if state.ticket.reopens > MOST_REOPENS + 1:
        return []
    text = (
        f"Ticket {state.ticket.key} was closed {state.ticket.reopens} times, and each time the problem was still "
        "there. It is not sent back again: look whether an automation closes it. The case stays open until there is "
        "proof."
    )
    return _ask(state, text)


def _ask(state: CaseState, text: str) -> list[RunAction]:
    route = state.resolved.route if state.resolved else None
    if route is None:
        return []
    to = state.holder.owner or route.owner.id
    return [action_beside(state, "ticket", "chat.message", {"to": to, "template": "escalation", "text": text})]
