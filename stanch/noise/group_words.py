"""What people say to a group, at its ticket or on its page: every member hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from stanch.cases import TicketRef, handed_over
from stanch.contract import CaseCommand, TicketChange
from stanch.noise.group import BATCH, DONE, GroupState, Phase
from stanch.noise.words import GroupPost
from stanch.ports import TicketState
from stanch.tickets import taking
from stanch.tickets.assigning import set_holder


def changed(state: GroupState, change: TicketChange, now: datetime, *, is_new: Callable[[str], bool]) -> None:
    """The parent ticket was read again: every member hears of what really changed.

    Args:
        state: of the group.
        change: as it was told.
        now: workflow time.
        is_new: whether a run may do what its history may not have; `workflow.patched`.
    """
    case = state.case
    if not taking.is_current(case, change) or not case.remember(case.commands, change.event_id):
        return
    before, new = case.ticket.model_copy(), is_new("group-looks-like-cases")
    known = _known(state, change, now) if new else change if before.key in ("", change.key) else None
    if known is None:
        return
    _, after = case.take_ticket(known)
    if new:
        taking.take_detail(case, before, known, now)
    if _seen(before) == _seen(after) if new else before == after:
        return
    case.note("group.ticket_changed", now, actor=change.by or "stanch", state=after.state, assignee=after.assignee)
    moved = handed_over(before, after)
    if moved is not None:
        case.core.facts["assignee"] = moved[1]
    if before.state == DONE and after.state != DONE and state.phase in (Phase.CLOSED, Phase.CLOSING):
        state.phase, state.by_hand, state.closed_at = Phase.OPEN, True, None
    if after.state == DONE:
        state.by_hand = False
    case.noise.acknowledged = case.noise.acknowledged or after.state == TicketState.IN_PROGRESS.value
    _post(state, "ticket_changed", change.model_dump(mode="json"))


def _known(state: GroupState, change: TicketChange, now: datetime) -> TicketChange | None:
    """What is new of it, under whatever key; None where that is nothing, or only that the ticket is gone."""
    case = state.case
    taking.take_words(case, change, now)
    if change.gone:
        if not case.ticket.gone:
            case.note("ticket.gone", now, actor=change.by or "stanch", data={"key": change.key})
        case.ticket.gone = True
        return None
    known = taking.as_known(case.ticket, change)
    if known is not None:
        taking.take_key(case, known, now)
    return known


def _seen(ticket: TicketRef) -> tuple[str, ...]:
    """What members hear of."""
    return ticket.key, ticket.state, ticket.resolution, ticket.assignee, ticket.group


def commanded(state: GroupState, command: CaseCommand, now: datetime) -> None:
    """A person speaks to the group: a comment stays here, everything else is said to every member.

    A group that is given to somebody has its ticket assigned and them told once.
    """
    case = state.case
    if not case.remember(case.commands, command.command_id):
        return
    data = {"text": command.text[:2000], "as": command.resolution}
    case.note(f"case.{command.kind}", now, actor=command.by, data=data)
    if command.kind == "assign":
        state.handed = command.to, command.text[:2000]
        case.core.facts["assignee"] = command.lead or command.to
        set_holder(case, command)
    if command.kind != "comment":
        _post(state, "case_command", command.model_copy(update={"to_group": True}).model_dump(mode="json"))


def _post(state: GroupState, signal: str, message: dict[str, Any]) -> None:
    members = list(state.members)
    for start in range(0, len(members), BATCH):
        part = tuple(members[start : start + BATCH])
        state.posts.append(GroupPost(signal=signal, message=message, members=part))
