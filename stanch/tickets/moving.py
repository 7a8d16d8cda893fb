"""A case given to a team that works in another tracker: a linked ticket there, and the old one closed as moved.

The new ticket is there before the old one is left, so that nothing is lost; the case follows one ticket at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from stanch.cases import CaseState, TicketRef
from stanch.contract import TicketChange
from stanch.interpreter.messages import ActionFailed, RunAction
from stanch.ports import TicketState
from stanch.tickets.beside import action_beside
from stanch.tickets.learning import learn_created, learn_moved
from stanch.tickets.moves import MAX_LEFT, PURPOSE, Left

MOVE, LEAVE, COMMENT, CREATE = "ticket.move", "ticket.leave", "ticket.comment", "ticket.create"
KEYED = (COMMENT, "ticket.assign", "ticket.close", "ticket.reopen")
DONE = TicketState.DONE.value
FIELDS = ("system", "key", "url", "state", "assignee", "group")


def shares(state: CaseState) -> bool:
    """Whether the ticket is that of a group, which is not one member's to move."""
    return state.noise.answer is not None and not state.noise.answer.failed


def leads_away(state: CaseState, home: str) -> bool:
    """Whether a team with that tracker cannot work on the case's open ticket."""
    ticket = state.ticket
    return bool(home and ticket.key and ticket.state != DONE and home != ticket.system) and not shares(state)


def move(state: CaseState, to: str, reason: str = "") -> list[RunAction]:
    """Bring the ticket to a team; while one move is made the next waits, and the last word counts."""
    moves = state.moves
    if moves.under_way:
        moves.wanted = (to, reason)
        return []
    return [_moving(state, {"to": to, "text": reason, "template": _template(state)})]


def received(state: CaseState, change: TicketChange, to: str, *, is_new: Callable[[str], bool]) -> list[RunAction]:
    """What follows when a tracker says that somebody else has the ticket: it goes to their tracker, or they hear of it.

    Args:
        state: of the case, which knows the ticket as it is now.
        change: as it was told.
        to: who has it.
        is_new: whether a run may do what its history may not have; `workflow.patched`.
    """
    if to == change.group and leads_away(state, change.home):
        return move(state, to)
    if shares(state) or change.by == to or not is_new("holder-told"):
        return []
    return news(state, to, "")


def learned(state: CaseState, command: RunAction, outputs: Mapping[str, Any], now: datetime) -> list[RunAction]:
    """A move or a leave is done: the case follows the ticket that there is now, and closes the other."""
    if command.action == LEAVE:
        left = state.moves.of(str(command.params["key"]))
        if left is not None:
            left.state = str(outputs.get("state", ""))
        return _next(state)
    state.moves.under_way = False
    before, to = state.ticket, str(command.params.get("to", ""))
    after = TicketRef.model_validate({name: str(outputs.get(name, "")) for name in FIELDS})
    commands: list[RunAction] = []
    if (before.system, before.key) != (after.system, after.key):
        state.ticket = after
        learn_created(state.ticket, outputs)
        commands = [_left(state, before, now)]
        to = to or _returned(state, before, now)
    elif not command.params.get("back"):
        _learn_given(state.ticket, outputs)
    return [*commands, *news(state, to, str(command.params.get("text", ""))), *_next(state)]


def answered(state: CaseState, command: RunAction, outputs: Mapping[str, Any]) -> None:
    """The answer to a close, an assignment or a reopen; that of a ticket left meanwhile says nothing of the new one."""
    if state.moves.of(str(command.params.get("key", ""))) is None:
        learn_moved(state.ticket, command.action, outputs)


def failed(state: CaseState, command: RunAction, error: ActionFailed, now: datetime) -> list[RunAction]:
    """A tracker has refused for good: the case says so, and a person looks before it counts as settled."""
    event = {MOVE: "ticket.not_moved", LEAVE: "ticket.not_left"}.get(command.action, "ticket.not_told")
    key = str(command.params.get("key", ""))
    state.note(event, now, data={"key": key, "code": error.code, "reason": error.reason})
    if command.action == COMMENT:
        return []
    what = "could not be moved" if command.action == MOVE else "was moved and could not be closed"
    state.core.problems.append(f"ticket {key} {what}: {error.reason}")
    if command.action != MOVE:
        return []
    state.moves.under_way = False
    return [*news(state, str(command.params.get("to", "")), str(command.params.get("text", ""))), *_next(state)]


def old_changed(state: CaseState, change: TicketChange, now: datetime) -> list[RunAction]:
    """Somebody has changed a ticket that the case has left: nothing follows from it, but a reopen brings it back."""
    left = state.moves.of(change.key)
    if left is None:
        return []
    if change.state == DONE or state.status.over:
        return _explained(state, left, change, now)
    state.note("ticket.left_open", now, actor=change.by or "stanch", data={"key": change.key})
    left.opened = True
    return _next(state)


def current(state: CaseState, command: RunAction) -> RunAction:
    """A command of the plan about a ticket that was left is about the one that there is now."""
    key = str(command.params.get("key", ""))
    if command.purpose == PURPOSE or command.action not in KEYED or state.moves.of(key) is None:
        return command
    return command.model_copy(update={"params": {**command.params, "key": state.ticket.key}})


def news(state: CaseState, to: str, reason: str) -> list[RunAction]:
    """A word to whoever has the case now; one that was never routed has nothing to tell yet."""
    if not to or state.resolved is None:
        return []
    params = {"to": to, "template": "assigned", "text": reason}
    return [_action(state, "chat.message", params, purpose="assigned")]


# -- parts -------------------------------------------------------------------------------------------------------------


def _learn_given(ticket: TicketRef, outputs: Mapping[str, Any]) -> None:
    """The move was only an assignment: a state that a person has set meanwhile is theirs, and comes as a change."""
    learn_moved(ticket, "ticket.assign", {name: each for name, each in outputs.items() if name != "state"})


def _moving(state: CaseState, params: dict[str, Any]) -> RunAction:
    state.moves.under_way = True
    left = [f"{each.system}:{each.key}" for each in state.moves.left]
    return _action(state, MOVE, {"key": state.ticket.key, "left": left, **params})


def _left(state: CaseState, before: TicketRef, now: datetime) -> RunAction:
    """The old ticket is remembered, and closed with the way to the new one."""
    moves, ticket = state.moves, state.ticket
    kept = [each for each in moves.left if each.key not in (before.key, ticket.key)]
    moves.left = [*kept, Left(system=before.system, key=before.key, url=before.url)][-MAX_LEFT:]
    data = {"from": before.key, "from_system": before.system, "key": ticket.key, "system": ticket.system}
    state.note("ticket.moved", now, data=data)
    params = {"key": before.key, "system": before.system, "to_key": ticket.key, "to_system": ticket.system}
    return _action(state, LEAVE, {**params, "url": ticket.url})


def _returned(state: CaseState, before: TicketRef, now: datetime) -> str:
    """After a person's reopen whoever the old ticket names has the case; gives them."""
    ticket = state.ticket
    to = ticket.group if ticket.group.startswith("team:") else ticket.assignee
    state.holder.owner = ticket.group if ticket.group.startswith("team:") else state.holder.owner
    state.holder.assignee = ticket.assignee
    state.core.facts["assignee"] = ticket.assignee or to
    state.note("ticket.returned", now, data={"key": ticket.key, "from": before.key, "to": to})
    return to


def _next(state: CaseState) -> list[RunAction]:
    """What was asked for while something else was made; a ticket is looked at again before the case goes back to it."""
    moves = state.moves
    if moves.under_way:
        return []
    wanted, moves.wanted = moves.wanted, None
    if wanted is not None:
        return move(state, *wanted)
    again = next((each for each in moves.left if each.opened and each.state == DONE), None)
    if again is None:
        return []
    again.opened = False
    return [_moving(state, {"back": f"{again.system}:{again.key}"})]


def _explained(state: CaseState, left: Left, change: TicketChange, now: datetime) -> list[RunAction]:
    """Whoever writes where nobody reads is told once."""
    if left.explained or left.state != DONE:
        return []
    left.explained = True
    data = {"key": left.key, "state": change.state, "follows": state.ticket.key}
    state.note("ticket.left_changed", now, actor=change.by or "stanch", data=data)
    text = (
        f"This ticket was moved to {state.ticket.key} ({state.ticket.url or state.ticket.system}). Nobody follows what "
        "is changed here. While the case is open, opening this ticket again brings the case back."
    )
    return [_action(state, COMMENT, {"key": left.key, "system": left.system, "text": text})]


def _template(state: CaseState) -> str:
    """The words with which the plan has opened its ticket."""
    plan = state.resolved.plan if state.resolved is not None else None
    steps = plan.walk().values() if plan is not None else ()
    found = (step.with_.get("template") for step in steps if step.action == CREATE)
    return next((name for name in found if isinstance(name, str)), "finding")


def _action(state: CaseState, action: str, params: dict[str, Any], *, purpose: str = PURPOSE) -> RunAction:
    state.moves.count += 1
    return action_beside(state, purpose, action, params, number=f"moves|{state.moves.count}")
