"""Places of different rules against each other: the same twice, crossing with different owners, never winning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TypeAlias

from stanch.routing._cover import covered_places
from stanch.routing._entries import Entry, Paths, by_host, entries_of, shape
from stanch.routing._model import RoutesFile
from stanch.routing._overlap import Overlap, Relation, overlap
from stanch.routing._place import CONDITIONS, Kind, Place
from stanch.routing._written import Found, Path

Wins: TypeAlias = Mapping[str, frozenset[str]]
MOST = 200  # of one code: whoever has more of them reads no further


def place_problems(file: RoutesFile) -> Iterator[Found]:
    """R101, R102, R103 and R106."""
    entries = entries_of(file)
    wins = {rule.id: frozenset(rule.wins_over) for rule in file.rules}
    cycles = list(_cycles(file, wins))
    yield from cycles
    yield from islice(_same(entries, wins), MOST)
    if not cycles:
        yield from islice(covered_places(entries), MOST)
    yield from islice((each for group in by_host(entries) for each in _crossings(group, wins)), MOST)


def _same(entries: list[Entry], wins: Wins) -> Iterator[Found]:
    """R101."""
    first: dict[object, Entry] = {}
    for entry in entries:
        place = entry.place
        key = (shape(place.host), shape(place.path), *(place.condition(name) for name in CONDITIONS))
        other = first.setdefault(key, entry)
        if other is entry or (other.rule.id != entry.rule.id and settled(other, entry, wins)):
            continue
        message = f"rules '{other.rule.id}' and '{entry.rule.id}' have the same place: {place.text}"
        yield Found("R101", message, entry.path, "keep one of them", also=other.path)


def settled(first: Entry, second: Entry, wins: Wins) -> bool:
    """Whether one of two rules is written to win over the other."""
    return second.rule.id in wins[first.rule.id] or first.rule.id in wins[second.rule.id]


def _crossings(group: list[Entry], wins: Wins) -> Iterator[Found]:
    """R103."""
    paths = Paths()
    for entry in group:
        paths.add(entry)
    known: set[tuple[int, int]] = set()
    for entry in group:
        if _never_crosses(entry.place):
            continue
        for other in paths.meeting(entry):
            earlier, later = sorted((entry, other), key=lambda each: each.order)
            pair = (id(earlier), id(later))
            if pair not in known and _disputed(earlier, later, wins):
                known.add(pair)
                yield from _crossing(earlier, later)


def _never_crosses(place: Place) -> bool:
    """A path of words, or all below one, lies inside or around whatever it meets, unless that has variables itself."""
    open_end = bool(place.path) and place.path[-1].kind is Kind.REST
    words = place.path[:-1] if open_end else place.path
    return not place.listed and all(token.kind is Kind.LITERAL for token in words)


def _disputed(first: Entry, second: Entry, wins: Wins) -> bool:
    return first.rule.owner != second.rule.owner and not settled(first, second, wins)


def _crossing(first: Entry, second: Entry) -> Iterator[Found]:
    found = overlap(first.place, second.place)
    if found.relation is not Relation.CROSSING:
        return
    names = f"rules '{first.rule.id}' and '{second.rule.id}'"
    message = f"{names} both meet {shown(second.place, found)} and have different owners"
    hint = f"add wins_over: [{first.rule.id}] or the other way round"
    yield Found("R103", message, second.path, hint, also=first.path)


def shown(place: Place, found: Overlap) -> str:
    """An address that two places meet."""
    host = ".".join(token.text if token.kind is Kind.LITERAL else "x" for token in reversed(place.host))
    return f"{host}{found.example}"


def _cycles(file: RoutesFile, wins: Wins) -> Iterator[Found]:
    for index, rule in enumerate(file.rules):
        if _reaches(rule.id, rule.id, wins):
            path: Path = ("rules", index, "wins_over")
            yield Found("R106", f"wins_over of rule '{rule.id}' comes back to itself", path, "remove one of them")


def _reaches(start: str, goal: str, wins: Wins) -> bool:
    pending, seen = list(wins.get(start, ())), set[str]()
    while pending:
        name = pending.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            pending.extend(wins.get(name, ()))
    return False
