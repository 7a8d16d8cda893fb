"""What a case takes from its new ticket: the answer may be older, or newer, than what the tracker has told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio import workflow

from stanch.cases import CaseState, TicketRef
from stanch.interpreter.messages import Happened
from stanch.ports import TicketState
from stanch.tickets.assigning import moved_on
from stanch.tickets.learning import learn_created
from stanch.tickets.moving import FIELDS, shares

TOLD = frozenset({"state", "assignee", "group"})  # what a callback tells
PERSON = "user:"


def take_opened(state: CaseState, params: Mapping[str, Any], outputs: Mapping[str, Any]) -> list[Happened]:
    """Remember the ticket.

    Args:
        state: of the case.
        params: what was asked for.
        outputs: the answer.

    Returns:
        What people did to the ticket before its case had heard of it; no callback will say so again.
    """
    before = state.ticket
    heard = not before.key and bool(before.state)
    if heard and workflow.patched("callback-before-answer"):  # it was read after the answer, so its word stays
        outputs = {**outputs, **before.model_dump(include=set(TOLD))}
    missed = [] if heard else [*_resolved(before, outputs), *_given_away(state, params, outputs)]
    state.ticket = before.model_copy(update={name: str(outputs.get(name, "")) for name in FIELDS})
    learn_created(state.ticket, outputs)
    return missed


def _resolved(before: TicketRef, outputs: Mapping[str, Any]) -> list[Happened]:
    done = TicketState.DONE.value
    if outputs.get("state") != done or before.state == done or not workflow.patched("resolved-before-answer"):
        return []
    data = {"by": "", "as": "", "key": str(outputs.get("key", ""))}
    return [Happened(now=workflow.now(), event="ticket.resolved", data=data)]


def _given_away(state: CaseState, params: Mapping[str, Any], outputs: Mapping[str, Any]) -> list[Happened]:
    asked, has = str(params.get("assignee", "")), str(outputs.get("assignee", ""))
    people = asked.startswith(PERSON) and has.startswith(PERSON)
    if not people or asked == has or state.ticket.key or not workflow.patched("given-away-before-answer"):
        return []
    if shares(state) and workflow.patched("members-give-nothing-away"):
        return []  # a group's ticket is with whom the group has asked for
    before, after = TicketRef(assignee=asked), TicketRef(assignee=has)
    return moved_on(state, before, after, by="", now=workflow.now(), is_new=workflow.patched)
