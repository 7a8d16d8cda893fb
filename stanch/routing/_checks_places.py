"""Places of different rules against each other: the same twice, crossing with different owners, never winning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stanch.routing._model import RoutesFile, Rule
from stanch.routing._overlap import Overlap, Relation, overlap
from stanch.routing._place import Kind, Place, Token
from stanch.routing._report import Found, Path


@dataclass(frozen=True)
class _Entry:
    rule: Rule
    place: Place
    path: Path  # in the file
    order: tuple[int, int]


def place_problems(file: RoutesFile) -> Iterator[Found]:
    """R101, R102, R103 and R106."""
    entries = [entry for index, rule in enumerate(file.rules) for entry in _entries(index, rule)]
    wins = {rule.id: frozenset(rule.wins_over) for rule in file.rules}
    yield from _cycles(file, wins)
    for group in _by_host(entries):
        for first, second in _pairs(group):
            earlier, later = sorted((first, second), key=_where)
            yield from _pair(earlier, later, wins)


def _entries(index: int, rule: Rule) -> Iterator[_Entry]:
    for number, place in enumerate(rule.match.places):
        where: Path = ("rules", index, "match", *(("any", number) if rule.match.any else ()))
        yield _Entry(rule, place, where, (index, number))


def _by_host(entries: list[_Entry]) -> list[list[_Entry]]:
    groups: dict[tuple[object, ...], list[_Entry]] = defaultdict(list)
    for entry in entries:
        groups[tuple((token.kind, _word(token)) for token in entry.place.host)].append(entry)
    return list(groups.values())


def _where(entry: _Entry) -> tuple[int, int]:
    return entry.order


def _word(token: Token) -> str:
    return "" if token.kind is Kind.ONE else token.text


def _pairs(group: list[_Entry]) -> Iterator[tuple[_Entry, _Entry]]:
    """Pairs that may meet: those that start with different words cannot."""
    buckets: dict[str, list[_Entry]] = defaultdict(list)
    for entry in group:
        buckets[_start(entry.place)].append(entry)
    loose = buckets.pop("", [])
    for index, first in enumerate(loose):
        for second in (*loose[index + 1 :], *(each for bucket in buckets.values() for each in bucket)):
            yield first, second
    for bucket in buckets.values():
        for index, first in enumerate(bucket):
            for second in bucket[index + 1 :]:
                yield first, second


def _start(place: Place) -> str:
    """The literal beginning of a path, '' where it begins with a variable."""
    if not place.path:
        return "/"
    return place.path[0].text if place.path[0].kind is Kind.LITERAL else ""


def _pair(first: _Entry, second: _Entry, wins: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    if _words_apart(first.place, second.place):
        return
    found = overlap(first.place, second.place)
    names = f"rules '{first.rule.id}' and '{second.rule.id}'"
    settled = second.rule.id in wins[first.rule.id] or first.rule.id in wins[second.rule.id]
    if found.relation is Relation.EQUAL and not (settled and first.rule.id != second.rule.id):
        yield Found("R101", f"{names} have the same place: {second.place.text}", second.path, "keep one of them")
    elif found.relation is Relation.CROSSING and not settled and first.rule.owner != second.rule.owner:
        message = f"{names} both meet {_shown(second.place, found)} and have different owners"
        yield Found("R103", message, second.path, f"add wins_over: [{first.rule.id}] or the other way round")
    else:
        yield from _never(first, second, found, wins)


def _words_apart(first: Place, second: Place) -> bool:
    for left, right in zip(first.path, second.path, strict=False):
        if left.kind is not Kind.LITERAL or right.kind is not Kind.LITERAL:
            return False
        if left.text != right.text:
            return True
    return False


def _shown(place: Place, found: Overlap) -> str:
    host = ".".join(_example(token) for token in reversed(place.host))
    return f"{host}{found.example}"


def _example(token: Token) -> str:
    return token.text if token.kind is Kind.LITERAL else "x"


def _never(first: _Entry, second: _Entry, found: Overlap, wins: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    """R102: a place inside another whose rule is written to win over it."""
    pairs = {Relation.INSIDE: (first, second), Relation.AROUND: (second, first)}
    if found.relation in pairs:
        inner, outer = pairs[found.relation]
        if inner.rule.id in wins[outer.rule.id]:
            message = f"rule '{inner.rule.id}' can never win here: '{outer.rule.id}' wins over it everywhere"
            yield Found("R102", message, inner.path, "remove it, or the wins_over")


def _cycles(file: RoutesFile, wins: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    for index, rule in enumerate(file.rules):
        if _reaches(rule.id, rule.id, wins):
            path: Path = ("rules", index, "wins_over")
            yield Found("R106", f"wins_over of rule '{rule.id}' comes back to itself", path, "remove one of them")


def _reaches(start: str, goal: str, wins: Mapping[str, frozenset[str]]) -> bool:
    pending, seen = list(wins.get(start, ())), set[str]()
    while pending:
        name = pending.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            pending.extend(wins.get(name, ()))
    return False
