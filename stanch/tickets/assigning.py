"""Who has a case: people give it to somebody else, here or in the tracker, and rules can learn from that.

Whom the plan asks for decisions does not change with it: approvers are pinned when the run begins.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from stanch.cases import CaseState, TicketRef, handed_over
from stanch.contract import CaseCommand
from stanch.interpreter.messages import Happened, RunAction
from stanch.ports import TicketState
from stanch.tickets.beside import action_beside
from stanch.tickets.moving import leads_away, move, news, shares
from stanch.views import FindingView

TEAM = "team:"


def assigned(state: CaseState, command: CaseCommand, now: datetime) -> list[RunAction]:
    """Give a case to a person or team: a line in the ledger, the ticket, and a word to the new holder.

    Returns:
        What is to be done; nothing where they have the case already.
    """
    before, to = holder_before(state, command.to, state.ticket.assignee), command.to
    if to == before:
        return []
    set_holder(state, command)
    state.core.facts["assignee"] = command.lead or to
    reason = command.text[:2000]
    data = {"from": before, "to": to, "by": command.by, "via": command.via, "reason": reason, "about": about(state)}
    state.note("case.assigned", now, actor=command.by, data=data)
    if leads_away(state, command.home):
        return move(state, to, reason)  # they hear of it when they can be shown their ticket
    if command.to_group and shares(state):
        return []
    return [*_ticket_follows(state, to, reason), *news(state, to, reason)]


def set_holder(state: CaseState, command: CaseCommand) -> None:
    """Remember who has it now."""
    if command.to.startswith(TEAM):
        state.holder.owner, state.holder.assignee = command.to, command.lead
    else:
        state.holder.assignee = command.to


def moved_on(
    state: CaseState, before: TicketRef, after: TicketRef, *, by: str, now: datetime, is_new: Callable[[str], bool]
) -> list[Happened]:
    """The event of a ticket that somebody has given away; none where it stayed, or followed what was assigned here.

    Args:
        state: of the case.
        before: the ticket as it was.
        after: the ticket as it is.
        by: who has done it.
        now: workflow time.
        is_new: whether a run may do what its history may not have; `workflow.patched`.
    """
    moved = handed_over(before, after)
    if moved is None or (moved[1] in (state.holder.owner, state.holder.assignee) and is_new("ticket-followed")):
        return []
    origin = moved[0] or holder_before(state, moved[1], before.assignee)
    if origin == moved[1] and is_new("handed-to-holder"):
        return []  # the ticket is only now known to be with who has the case
    if moved[1].startswith(TEAM):
        state.holder.owner, state.holder.assignee = moved[1], after.assignee
    else:
        state.holder.assignee = moved[1]
    via = state.ticket.system or "ticket"
    data: dict[str, Any] = {"from": origin, "to": moved[1], "by": by, "via": via, "about": about(state)}
    has_no_run = state.resolved is not None and state.resolved.plan is None
    if has_no_run and is_new("planless-handover"):  # nobody else would write it down
        state.note("ticket.reassigned", now, actor=by or "stanch", data=data)
    return [Happened(now=now, event="ticket.reassigned", data=data)]


def about(state: CaseState) -> dict[str, str]:
    """What rules can learn from: which rule had answered, and for what."""
    finding = state.finding or FindingView()
    return {
        "rule": state.resolved.route.rule if state.resolved else "",
        "category": finding.category,
        "host": finding.api.host,
        "path": finding.api.path_template or finding.api.path,
        "method": finding.api.method,
        "severity": finding.severity,
        "source": state.source,
        "environment": finding.api.environment,
    }


def holder_before(state: CaseState, to: str, ticket: str) -> str:
    """Who has the case: its owner for a team; for a person its assignee, or who had its ticket."""
    route = state.resolved.route if state.resolved else None
    owner = state.holder.owner or (route.owner.id if route else "")
    if to.startswith(TEAM):
        return owner
    return state.holder.assignee or ticket or (route.assignee if route else "") or owner


def _ticket_follows(state: CaseState, to: str, reason: str) -> list[RunAction]:
    """An open ticket goes along."""
    ticket = state.ticket
    if not ticket.key or ticket.state == TicketState.DONE.value:
        return []
    return [action_beside(state, "assigned", "ticket.assign", {"key": ticket.key, "to": to, "text": reason})]
