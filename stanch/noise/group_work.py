"""What a group does next: its one ticket, its messages, its notes, and the end with the proof of the last member."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from stanch.canonical import digest
from stanch.endings import PUTS_AWAY
from stanch.interpreter.messages import RunAction
from stanch.noise import ladder
from stanch.noise.group import DONE, LINGER, MAX_SHOWN, NOTE_EVERY, GroupState, Phase, Told
from stanch.views import RouteView

PATH = "group"


def work(state: GroupState, now: datetime) -> list[RunAction]:
    """Commands that are due; each is given once and reported by `outcome`. Everything waits for the ticket."""
    if state.phase is Phase.WAITING:
        return _open(state, now)
    if state.phase not in (Phase.OPEN, Phase.CLOSED) or state.case.resolved is None:
        return []
    found = [*_messages(state), *_rungs(state, now), *_hand_over(state), *_moves(state, now)]
    return found if _doing(state, "close") else [*found, *_note(state, now)]


def next_due(state: GroupState) -> datetime | None:
    """When there is something to do although nobody says a word; None where only words move it on."""
    return min((at for at in _dues(state) if at is not None), default=None)


def _dues(state: GroupState) -> Iterator[datetime | None]:
    opened = state.case.opened
    if opened is None:
        return
    if state.phase is Phase.WAITING:
        yield opened if state.urgent else opened + timedelta(seconds=state.ref.wait)
    elif state.phase is Phase.CLOSED:
        yield state.closed_at + LINGER if state.closed_at is not None else None
    elif state.phase is Phase.OPEN:
        noise = state.case.noise
        if state.open_members:
            yield ladder.next_at(noise.ladder, noise.sent, acknowledged=noise.acknowledged)
        if state.case.ticket.key:
            yield state.back_at
            yield state.noted_at + NOTE_EVERY if _news(state) and state.noted_at is not None else None


def is_over(state: GroupState, now: datetime) -> bool:
    """Nobody is expected any more: it has been closed long enough, or nobody ever joined."""
    if state.case.opened is None:
        return True
    return state.phase is Phase.CLOSED and state.closed_at is not None and now >= state.closed_at + LINGER


# -- what it does --------------------------------------------------------------------------------------------------


def _open(state: GroupState, now: datetime) -> list[RunAction]:
    """Open the ticket when the group has waited, or cannot wait; a group whose members are all gone opens none."""
    case = state.case
    ready = case.opened is not None and (state.urgent or now >= case.opened + timedelta(seconds=state.ref.wait))
    if not ready or case.resolved is None:
        return []
    if state.members and not state.open_members:
        state.phase, state.closed_at = Phase.CLOSED, now
        return []
    state.phase, state.noted_at = Phase.OPENING, now
    text = listing(state)
    state.joined, state.joined_count = [], 0
    route = case.resolved.route
    params = {
        "system": route.ticket.system,
        "summary": title(state),
        "assignee": route.assignee,
        "cc": route.cc,
        "lane": route.lane,
        "due": route.due,
        "template": "group",
        "text": text,
    }
    return [_command(state, "ticket", "ticket.create", params)]


def _messages(state: GroupState) -> Iterator[RunAction]:
    """Tell whoever is to be told; one message a person at a time."""
    for name, item in state.told.items():
        if item.wanted:
            item.wanted = False
            item.count += 1
            yield _message(state, name, "group", f"say {item.count} {digest(name)[:16]}")


def _rungs(state: GroupState, now: datetime) -> Iterator[RunAction]:
    noise, route = state.case.noise, _route(state)
    if not state.open_members:
        return
    names = ladder.successors(route, state.case.core.facts.get("assignee", ""))
    for rung in ladder.due(noise.ladder, noise.sent, now, acknowledged=noise.acknowledged):
        noise.sent.append(rung.key)
        state.case.note("group.escalated", now, rung=rung.key, to=list(rung.to))
        for name in ladder.addressees([rung], names):
            yield _message(state, name, "group", f"rung {rung.key} {digest(name)[:16]}")


def _hand_over(state: GroupState) -> Iterator[RunAction]:
    """The whole group was given to somebody: its ticket goes along, and they hear of it."""
    if state.handed is None:
        return
    (to, text), state.handed = state.handed, None
    state.hands += 1
    ticket = state.case.ticket
    if ticket.key and ticket.state != DONE:
        yield _command(state, f"assign {state.hands}", "ticket.assign", {"key": ticket.key, "to": to, "text": text})
    params = {"to": to, "template": "assigned", "text": text, "thread": ticket.key}
    yield _command(state, f"handed {state.hands}", "chat.message", params)


def _moves(state: GroupState, now: datetime) -> Iterator[RunAction]:
    """Close the ticket with the last proof; open it again where a member is back, or was never fixed."""
    ticket = state.case.ticket
    if state.busy and any(not ref.startswith("say") for ref in state.busy):
        return
    if not state.open_members:
        yield from _close(state, now)
    elif ticket.key and (state.phase is Phase.CLOSED or (state.back_at is not None and state.back_at <= now)):
        state.moves += 1
        state.phase, state.closed_at, state.back_at = Phase.OPEN, None, None
        if ticket.state == DONE:
            text = f"{state.open_members} of {len(state.members)} findings are still there."
            yield _command(state, f"reopen {state.moves}", "ticket.reopen", {"key": ticket.key, "text": text})
    elif state.phase is Phase.CLOSED:
        state.phase, state.closed_at = Phase.OPEN, None


def _close(state: GroupState, now: datetime) -> Iterator[RunAction]:
    ticket = state.case.ticket
    if state.phase is Phase.CLOSED or state.by_hand:
        return
    state.back_at = None
    if not ticket.key:
        state.phase, state.closed_at = Phase.CLOSED, now
        return
    state.phase = Phase.CLOSING
    state.moves += 1
    text = f"All {len(state.members)} findings of this ticket have ended: {ending(state)}."
    params = {"key": ticket.key, "resolution": resolution(state), "text": text}
    yield _command(state, f"close {state.moves}", "ticket.close", params)


def _note(state: GroupState, now: datetime) -> Iterator[RunAction]:
    """One note for everybody who came and went since the last, at most one a minute."""
    due = state.noted_at is None or now >= state.noted_at + NOTE_EVERY
    if not _news(state) or not due or not state.case.ticket.key or _doing(state, "note"):
        return
    text = listing(state)
    state.notes += 1
    state.noted_at, state.joined, state.joined_count, state.ended_count = now, [], 0, 0
    yield _command(state, f"note {state.notes}", "ticket.comment", {"key": state.case.ticket.key, "text": text})


def _news(state: GroupState) -> bool:
    return bool(state.joined_count or (state.ended_count and state.open_members))


# -- what came of it -----------------------------------------------------------------------------------------------


def outcome(state: GroupState, ref: str, outputs: dict[str, Any] | None, now: datetime, *, why: str = "") -> None:
    """A command has ended; `outputs` is None where it failed for good, which is on record."""
    kind, _, rest = ref.removeprefix(PATH + "|").partition(" ")
    state.busy = [item for item in state.busy if item != ref.removeprefix(PATH + "|")]
    if kind == "ticket":
        state.phase = Phase.OPEN
        state.failed = "" if outputs is not None else why or "the ticket could not be opened"
    elif kind == "close":
        state.phase, state.closed_at = Phase.CLOSED, now
        state.case.closed = now
    elif kind == "say":
        _said(state, rest, outputs, now)


def _said(state: GroupState, rest: str, outputs: dict[str, Any] | None, now: datetime) -> None:
    mark = rest.partition(" ")[2]
    told: Told | None = next((item for name, item in state.told.items() if digest(name)[:16] == mark), None)
    if told is not None:
        told.at, told.outputs = now, outputs or {"channel": "", "ref": "", "delivered": False}
        if outputs and not state.case.thread:
            state.case.thread = str(outputs.get("ref", ""))


# -- words ---------------------------------------------------------------------------------------------------------


def title(state: GroupState) -> str:
    """The parent's title: what its members have in common."""
    count, finding = len(state.members), state.case.finding
    words = finding.title[:160] if finding is not None else state.ref.grouping
    return f"[{_route(state).severity}] {count} finding{'s' if count != 1 else ''}: {words}"


def listing(state: GroupState) -> str:
    """Who came and went since the last text, and how many there are."""
    count, left = len(state.members), state.open_members
    lines = [f"{count} findings, {left} open, {count - left} ended."]
    if state.ended:
        lines.append(f"Ended: {ending(state)}.")
    lines += [f"- {name}" for name in state.joined[:MAX_SHOWN]]
    more = state.joined_count - len(state.joined)
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def ending(state: GroupState) -> str:
    """How members ended, in words."""
    return ", ".join(f"{count} {how.replace('_', ' ')}" for how, count in sorted(state.ended.items()))


def resolution(state: GroupState) -> str:
    """What the tracker is told: fixed where anything was, else what all members have in common."""
    ways = list(state.ended)
    if "fixed" in ways:
        return "fixed_and_verified"
    return ways[0] if len(ways) == 1 and ways[0] in PUTS_AWAY else "other"


def _route(state: GroupState) -> RouteView:
    return state.case.resolved.route if state.case.resolved is not None else RouteView()


def _doing(state: GroupState, kind: str) -> bool:
    return any(ref.startswith(kind) for ref in state.busy)


def _message(state: GroupState, to: str, template: str, ref: str) -> RunAction:
    params = {"to": to, "template": template, "text": listing(state), "thread": state.case.ticket.key}
    return _command(state, ref, "chat.message", params)


def _command(state: GroupState, ref: str, action: str, params: dict[str, Any]) -> RunAction:
    state.busy.append(ref)
    case = state.case
    key = digest([case.case_id, case.episode, ref])[:32]
    return RunAction(ref=f"{PATH}|{ref}", path=PATH, purpose="do", action=action, params=params, key=key)
