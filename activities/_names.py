"""What the systems around us call the people and teams of the directory; the board calls them what we do."""

from __future__ import annotations

from datetime import UTC, datetime

from activities._world import World
from stanch.noise.ladder import LEAD

BOARD = "board"
PERSONS = ("user:", "schedule:")


def is_person(ref: str) -> bool:
    """True for a user, or whoever is on call."""
    return ref.startswith(PERSONS)


def account_of(world: World, ref: str, kind: str) -> str:
    """The account of a person; "" where there is none, for teams, and for those who have left."""
    person = next(iter(world.people.resolve(ref, datetime.now(UTC))), "") if is_person(ref) else ""
    return person if kind == BOARD else world.people.contact(person, kind) if person else ""


def group_of(world: World, ref: str, kind: str) -> str:
    """The group of a team in a tracker of that kind; "" where it has none there."""
    team = world.people.team(ref)
    if team is None:
        return ""
    return ref if kind == BOARD else team.ticket.group if team.ticket.system == kind else ""


def channel_of(world: World, ref: str, kind: str) -> str:
    """Where a chat system reaches a person or team; "" where it cannot, or the person has left."""
    if ref.startswith(LEAD):
        ref = world.people.lead(ref.removeprefix(LEAD))
    if is_person(ref):
        return account_of(world, ref, kind)
    return world.people.contact(ref, kind)
