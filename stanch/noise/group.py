"""A group as a pure state machine: who is in it, what it has said, and what it does next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from stanch.cases import CaseState
from stanch.contract import Resolved
from stanch.interpreter.state import Mutable
from stanch.noise.ladder import raised_ladder
from stanch.noise.words import GroupPost, GroupRef, GroupTell, GroupTold, Noise
from stanch.ports import TicketState
from stanch.views import SEVERITIES, FindingView, RouteView

MAX_TOLD = 40  # people that one group tells
MAX_SHOWN = 20  # members that a text names
BATCH = 50  # members that are signalled by one activity
AGAIN = timedelta(hours=12)  # before the same person is told again
NOTE_EVERY = timedelta(minutes=1)
GATHER = timedelta(seconds=30)  # members that say at the same time that the fix is none
LINGER = timedelta(days=7)  # a closed group waits for regressions and people as long as a case does by default
DONE = TicketState.DONE.value


class Phase(StrEnum):
    WAITING = "waiting"  # for more members, before anybody is told
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"  # proven; reopened by a member that comes back, or a person


class Told(Mutable):
    """A person and when they were last told; `out` while a message is on its way."""

    at: datetime | None = None
    wanted: bool = True
    count: int = 0
    outputs: dict[str, Any] = Field(default_factory=dict)


class GroupState(Mutable):
    """One serialisable object.

    Args:
        case: the group as a case of its own: its ticket, ledger lines and scene.
        members: case id -> how it ended, "" while it is open. rounds: where not 0.
        visitors: members of other groups that came too late, to be sent on.
        unanswered: members that do not know the ticket yet.
        posts: signals to members that are still to be sent.
        joined, ended: names of members since the last note on the ticket, and how many.
        by_hand: a person has reopened the ticket; only a person, or a member that comes and goes, closes it.
        handed: who has been given the whole group, and why; for the ticket and a message. hands: how often.
    """

    ref: GroupRef
    case: CaseState
    phase: Phase = Phase.WAITING
    urgent: bool = False
    members: dict[str, str] = Field(default_factory=dict)
    rounds: dict[str, int] = Field(default_factory=dict)
    visitors: list[str] = Field(default_factory=list[str])
    unanswered: list[str] = Field(default_factory=list[str])
    posts: list[GroupPost] = Field(default_factory=list[GroupPost])
    told: dict[str, Told] = Field(default_factory=dict[str, Told])
    failed: str = ""
    joined: list[str] = Field(default_factory=list[str])
    joined_count: int = 0
    ended_count: int = 0
    noted_at: datetime | None = None
    notes: int = 0
    busy: list[str] = Field(default_factory=list[str])  # refs of commands under way
    moves: int = 0  # how often the ticket was closed and opened again
    back_at: datetime | None = None
    closed_at: datetime | None = None
    by_hand: bool = False
    handed: tuple[str, str] | None = None
    hands: int = 0

    @property
    def open_members(self) -> int:
        return sum(not how for how in self.members.values())

    @property
    def ended(self) -> Counter[str]:
        """How many members ended in which way."""
        return Counter(how for how in self.members.values() if how)


def begin(group_id: str, episode: str) -> GroupState:
    """A group that nobody has joined yet."""
    ref = GroupRef(group_id=group_id, grouping="")
    return GroupState(ref=ref, case=CaseState(case_id=group_id, episode=episode))


def hear(state: GroupState, tell: GroupTell, now: datetime) -> None:
    """Take a member's word; what is known already changes nothing."""
    if not state.case.opened and tell.kind == "join":
        _open(state, tell, now)
    if tell.round < state.rounds.get(tell.case_id, 0):
        return
    if tell.kind == "join":
        _join(state, tell, now)
    elif tell.kind == "say":
        want(state, tell.to, now)
    elif tell.case_id in state.members and tell.kind == "done":
        _done(state, tell)
    elif tell.case_id in state.members and tell.kind == "raised":
        _strictest(state, tell)
        state.urgent = state.urgent or tell.urgent
    elif tell.case_id in state.members and state.case.ticket.state == DONE:
        state.back_at = state.back_at or now + GATHER


def _open(state: GroupState, tell: GroupTell, now: datetime) -> None:
    case, finding = state.case, tell.finding or FindingView()
    state.ref = tell.ref
    case.opened = case.updated = now
    case.finding, case.source = finding, finding.source
    case.resolved = Resolved(route=tell.route or RouteView(), noise=Noise(group=tell.ref))
    case.noise.ladder = tell.ladder
    case.note("group.opened", now, grouping=tell.ref.grouping, by=dict(tell.ref.by), generation=tell.ref.generation)


def _join(state: GroupState, tell: GroupTell, now: datetime) -> None:
    known = tell.case_id in state.members
    if not known and _is_closed_to_new(state, now):
        state.visitors += [tell.case_id] if tell.case_id not in state.visitors else []
        return
    want(state, tell.to, now, at_once=_is_graver(state, tell))
    if known and not state.members[tell.case_id] and state.rounds.get(tell.case_id, 0) == tell.round:
        _answer(state, tell.case_id)  # it asks again: it has not heard us
        return
    state.members[tell.case_id] = ""
    if tell.round:
        state.rounds[tell.case_id] = tell.round
    _count(state, tell)
    _strictest(state, tell)
    _answer(state, tell.case_id)
    state.urgent = state.urgent or tell.urgent


def _is_graver(state: GroupState, tell: GroupTell) -> bool:
    """Whether a member is graver than all before it: whoever has heard of those has not heard of this."""
    route = state.case.resolved.route if state.case.resolved is not None else RouteView()
    rises = tell.route is not None and SEVERITIES.index(tell.route.severity) > SEVERITIES.index(route.severity)
    return bool(state.members) and (rises or (tell.urgent and not state.urgent))


def _answer(state: GroupState, case_id: str) -> None:
    if case_id not in state.unanswered:
        state.unanswered.append(case_id)


def _is_closed_to_new(state: GroupState, now: datetime) -> bool:
    opened = state.case.opened or now
    return len(state.members) >= state.ref.max or now >= opened + timedelta(seconds=state.ref.add_for)


def _count(state: GroupState, tell: GroupTell) -> None:
    state.joined_count += 1
    if len(state.joined) < MAX_SHOWN:
        state.joined.append(named(tell.finding or FindingView()))


def named(finding: FindingView) -> str:
    """A member in one line, as texts show it."""
    api = finding.api
    place = f"{api.method} {api.host}{api.path_template or api.path}".strip() or finding.resource.uid
    return f"[{finding.severity}] {finding.title[:100]} ({place[:120]})" if place else finding.title[:100]


def _strictest(state: GroupState, tell: GroupTell) -> None:
    """The group is as urgent as its most urgent member."""
    resolved = state.case.resolved
    if resolved is None or tell.route is None:
        return
    state.case.noise.ladder = raised_ladder(state.case.noise.ladder, tell.ladder)
    route, other = resolved.route, tell.route
    update: dict[str, Any] = {}
    if SEVERITIES.index(other.severity) > SEVERITIES.index(route.severity):
        update |= {"severity": other.severity, "lane": other.lane}
    if other.due is not None and (route.due is None or other.due < route.due):
        update |= {"due": other.due, "time_left": other.time_left}
    if update:
        state.case.resolved = resolved.model_copy(update={"route": route.model_copy(update=update)})


def _done(state: GroupState, tell: GroupTell) -> None:
    if not state.members[tell.case_id]:
        state.members[tell.case_id] = tell.how or "closed"
        state.ended_count += 1
    if tell.round:
        state.rounds[tell.case_id] = tell.round


def gone(state: GroupState, members: Iterable[str]) -> None:
    """These cases are no longer there: nobody will prove them."""
    for case_id in members:
        if case_id in state.members and not state.members[case_id]:
            state.members[case_id] = "gone"
            state.ended_count += 1


def want(state: GroupState, people: Iterable[str], now: datetime, *, at_once: bool = False) -> None:
    """These people are to be told, unless they were a short while ago and there is nothing graver to tell."""
    for name in people:
        known = state.told.get(name)
        if known is None and len(state.told) < MAX_TOLD:
            state.told[name] = Told()
        elif known is not None and (at_once or (known.at is not None and now >= known.at + AGAIN)):
            known.wanted = True


def answer(state: GroupState) -> GroupTold:
    """What members are told of their parent."""
    ticket = state.case.ticket
    outputs = ticket.model_dump() if ticket.key else {}
    unsaid = {"channel": "", "ref": "", "delivered": True}
    told = {name: item.outputs or unsaid for name, item in state.told.items()}
    return GroupTold(
        group_id=state.ref.group_id, generation=state.ref.generation, ticket=outputs, failed=state.failed, told=told
    )
