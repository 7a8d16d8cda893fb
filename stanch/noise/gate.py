"""What becomes of a command that speaks to people: carried out, held back, or left to the case's group.

The layer keeps news from people, never a change: whoever has something changed in production is heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from stanch.cases import CaseState, CaseStatus
from stanch.interpreter.messages import RunAction
from stanch.noise.state import Held
from stanch.plan import Mode, Plan, StepKind
from stanch.shapes import is_dict
from stanch.tickets.moving import current
from stanch.views import RouteView

MESSAGE, UPDATE, CREATE, REOPEN = "chat.message", "chat.update", "ticket.create", "ticket.reopen"
KEYED = ("ticket.comment", "ticket.assign", "ticket.close", REOPEN)
OWN = ("raised", "ladder", "assigned")  # messages of the case itself; in a group they speak for this member
VOTE_REFUSED = "vote_refused"  # the answer to somebody who has decided: no news, whatever is kept from people


class Fate(StrEnum):
    """What becomes of a command."""

    DO = "do"
    HOLD = "hold"  # answered now, said when the silence ends
    SKIP = "skip"  # answered: there is nothing yet that it could be about
    TICKET = "ticket"  # answered with the group's ticket
    SAY = "say"  # the group tells this person
    BACK = "back"  # the group reopens its ticket
    LEAVE = "leave"  # answered: the group does it when the last member is done


def speaks(state: CaseState) -> bool:
    """Whether the case has changed production, or may have; then nothing about it is held back."""
    return bool(state.core.changes)


def is_left(state: CaseState) -> bool:
    """Whether a case that was to change production has failed to, and nobody has called it off."""
    called_off = state.close_when_over or state.core.cancelled
    return state.status is CaseStatus.NEEDS_PERSON and may_change(state) and not called_off


def is_quiet(state: CaseState) -> bool:
    """Whether people are not told of this case for now; only a silence, written by a person, outlasts a failure."""
    quiet = state.noise.quiet
    return quiet is not None and not speaks(state) and (quiet.kind == "silence" or not is_left(state))


def fate_of(state: CaseState, command: RunAction) -> Fate:
    """Decide about one command, before it is carried out."""
    action = command.action
    if action == MESSAGE:
        return _message(state, command)
    if action == UPDATE:
        return Fate.LEAVE if is_quiet(state) or _is_groups(state, command) else Fate.DO
    if action == CREATE:
        return _create(state)
    if action in KEYED:
        return _keyed(state, command)
    return Fate.DO


def _message(state: CaseState, command: RunAction) -> Fate:
    if command.purpose == VOTE_REFUSED:
        return Fate.DO
    if command.path in state.core.approvals:
        return Fate.DO  # whoever is asked to decide is reminded, or silence would decide about the block
    if is_quiet(state):
        return Fate.HOLD
    grouped = state.noise.group is not None and command.purpose not in OWN
    alone = speaks(state) or is_left(state) or _has_own_words(state, command)
    return Fate.SAY if grouped and not alone else Fate.DO


def _is_groups(state: CaseState, update: RunAction) -> bool:
    """A group's message is about all its members, and none may rewrite it; one that was sent alone is the case's own.

    What was answered without a message has no ref.
    """
    group = state.noise.answer
    told = {str(said.get("ref", "")) for said in group.told.values()} if group is not None else set[str]()
    return state.noise.group is not None and str(update.params.get("ref", "")) in ("", *told)


def may_change(state: CaseState) -> bool:
    """Whether the plan may change production, now or after an approval."""
    plan = state.resolved.plan if state.resolved is not None else None
    return plan is not None and plan.mode is not Mode.MANUAL


def _has_own_words(state: CaseState, command: RunAction) -> bool:
    """Such as that nothing was contained: no message about others says that."""
    return command.purpose == "do" and bool(command.params.get("text")) and may_change(state)


def _create(state: CaseState) -> Fate:
    quiet = state.noise.quiet
    if is_quiet(state) and quiet is not None and not quiet.keeps_ticket:
        return Fate.HOLD
    return Fate.TICKET if state.noise.group is not None else Fate.DO


def _keyed(state: CaseState, command: RunAction) -> Fate:
    if not _key(state, command):
        return Fate.SKIP if _knows_noise(state) else Fate.DO
    answer = state.noise.answer
    if answer is None or _key(state, command) != answer.ticket.get("key"):
        return Fate.DO
    if command.action == REOPEN:
        return Fate.BACK
    if command.purpose == "assigned":
        return Fate.LEAVE  # one member goes to somebody else, and the others stay
    if command.action == "ticket.comment" and speaks(state):
        return Fate.DO
    return Fate.DO if command.action == "ticket.assign" else Fate.LEAVE


def _knows_noise(state: CaseState) -> bool:
    """Whether a step may have no ticket because its creation was held."""
    noise = state.resolved.noise if state.resolved is not None else None
    return noise is not None and noise.quiet is not None


def _key(state: CaseState, command: RunAction) -> str:
    return str(command.params.get("key", "")) or (state.ticket.key if _knows_noise(state) else "")


def as_meant(state: CaseState, command: RunAction) -> RunAction:
    """The command with the ticket that there is by now: opened after its step was answered, or in another tracker."""
    command = current(state, command)
    if command.action not in KEYED or command.params.get("key") or not _key(state, command):
        return command
    return command.model_copy(update={"params": {**command.params, "key": _key(state, command)}})


def opening(plan: Plan, route: RouteView) -> tuple[str, ...]:
    """Whom a plan tells before it waits for anybody, as far as that can be said beforehand."""
    found: dict[str, None] = {}
    for step in plan.steps:
        if step.kind in (StepKind.WAIT, StepKind.APPROVE):
            break
        if step.action == MESSAGE and step.when is None and step.foreach is None:
            found |= dict.fromkeys(_named(step.with_.get("to"), route))
    return tuple(found)


def _named(to: object, route: RouteView) -> tuple[str, ...]:
    known = {"route.owner.id": route.owner.id, "route.owner.lead": route.owner.lead, "route.assignee": route.assignee}
    name = known.get(str(to.get("$", "")).strip(), "") if is_dict(to) else str(to or "")
    return (name,) if name else ()


def held(command: RunAction, *, grouped: bool = False) -> Held:
    """The command, as it is kept; `grouped` where the group has answered it, until the case changes production."""
    kept = command.model_dump(include=set(Held.model_fields))
    return Held.model_validate(kept | {"grouped": grouped})


def answer(state: CaseState, command: RunAction) -> dict[str, Any]:
    """What a step is told whose command was not carried out."""
    if command.action == MESSAGE:
        group = state.noise.answer
        default = {"channel": "", "ref": "", "delivered": group is not None}
        return group.told.get(str(command.params.get("to", "")), default) if group is not None else default
    if command.action == UPDATE:
        return {"channel": "", "ref": "", "delivered": False}
    ticket = state.ticket
    key = str(command.params.get("key", "")) or ticket.key
    moved = "in_progress" if command.action == REOPEN else ticket.state
    return {"key": key, "state": moved, "assignee": ticket.assignee, "group": ticket.group}


def may_speak(state: CaseState) -> bool:
    """Whether something was held back and the quiet is over while the case is not."""
    return not is_quiet(state) and not state.status.settled and any(_sayable(state))


def _sayable(state: CaseState) -> Iterator[Held]:
    return (item for item in state.noise.held if not item.grouped or speaks(state) or is_left(state))


def release(state: CaseState) -> list[RunAction]:
    """What was held back and is now to be said, once; nothing while the quiet lasts."""
    if not may_speak(state):
        return []
    waiting = list(_sayable(state))
    state.noise.held = [item for item in state.noise.held if item not in waiting]
    return [_readdressed(state, RunAction.model_validate(item.model_dump())) for item in waiting]


def _readdressed(state: CaseState, command: RunAction) -> RunAction:
    """What was held, for whoever has the case by now."""
    route = state.resolved.route if state.resolved is not None else RouteView()
    holders = {route.owner.id: state.holder.owner, route.assignee: state.holder.assignee}
    name = {MESSAGE: "to", CREATE: "assignee"}.get(command.action, "")
    holder = holders.get(str(command.params.get(name, "")), "") if name else ""
    if command.purpose == "assigned" or not holder:
        return command
    return command.model_copy(update={"params": {**command.params, name: holder}})
