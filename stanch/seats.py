"""Whose say a person has at this moment: their own, an absent person's, or none any more; by the directory as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stanch.approvals import ApprovalRequest, Need, Vote
from stanch.routing import People

CONCRETE = ("team:", "user:")


@dataclass(frozen=True)
class Seat:
    """What the directory says of a voter.

    Args:
        for_: the absent person that the voter stands in for; "" for the voter's own seat.
        lapsed: the voter was asked, and would not be asked now.
    """

    for_: str = ""
    lapsed: bool = False


class Open(Protocol):
    """A request and what has been said about it, whether from records or from its case."""

    @property
    def request(self) -> ApprovalRequest: ...

    @property
    def votes(self) -> tuple[Vote, ...]: ...


def may_vote(people: People, state: Open, principal: str, now: datetime) -> bool:
    """Whether a vote of this person, for themselves or in an absent person's seat, would be taken now."""
    request, seat = state.request, seat_of(people, state, principal, now)
    voice = seat.for_ or principal
    if seat.lapsed or not active(people, principal) or principal in request.excluded:
        return False
    has_spoken = any(principal == vote.principal or voice == vote.seat for vote in state.votes)
    return voice in request.approvers() and not has_spoken


def seat_of(people: People, state: Open, principal: str, now: datetime) -> Seat:
    """The seat a vote takes: one's own where one has it, else that of somebody who is away."""
    request = state.request
    if any(principal in need.from_ and _own(people, need, principal) for need in request.needs):
        return Seat()
    absent = list(_absent(people, request.needs, principal, now))
    taken = {vote.seat for vote in state.votes}
    ordered = sorted(absent, key=lambda person: (person in request.excluded, person in taken))
    if ordered:
        return Seat(for_=ordered[0])
    return Seat(lapsed=any(principal in need.from_ for need in request.needs))


def still(people: People, need: Need) -> tuple[str, ...]:
    """Who of a line still has a seat in it: active, and meant by it as such now, as when it was asked.

    A rota's word of then holds; so does that of a name that the request does not resolve. Who is named only as
    somebody's stand-in has no seat here: such a vote was given in the seat of whoever is away.
    """
    return tuple(person for person in need.from_ if _own(people, need, person))


def active(people: People, person: str) -> bool:
    """Whether the directory has this person at work."""
    user = people.user(person)
    return user is not None and user.active


def names_of(need: Need) -> tuple[str, ...]:
    """What the line's names stood for; a request of an earlier release has them as written only."""
    return need.names or tuple(need.label.split(" or "))


def _absent(people: People, needs: Iterable[Need], principal: str, now: datetime) -> Iterator[str]:
    """Those of the lines who are away and whose stand-in this is."""
    for need in needs:
        for person in need.from_:
            sits_in = person != principal and people.present(person, now) == principal
            if sits_in and _own(people, need, person):
                yield person


def _own(people: People, need: Need, person: str) -> bool:
    """Whether the line means this person as such, and not as somebody's stand-in."""
    return active(people, person) and any(_means(people, name, person) for name in names_of(need))


def _means(people: People, name: str, person: str) -> bool:
    team = people.team(name)
    if team is not None:
        return person in (team.lead, *team.members)
    return name == person or not name.startswith(CONCRETE)
