"""How two places lie to each other: apart, equal, one inside the other, or crossing, with a path that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from stanch.routing._place import CONDITIONS, Kind, Place, Token

_FRESH = "x"
_VARIABLE = "{x}"  # of an operation template: `{x}` meets it, `*` does not
_MOST = 10_000  # pairs of states; a file that needs more would hold the loader up for seconds


class Relation(StrEnum):
    APART = "apart"
    EQUAL = "equal"
    INSIDE = "inside"  # the first lies in the second
    AROUND = "around"
    CROSSING = "crossing"


@dataclass(frozen=True)
class Overlap:
    """The relation, and an example path that both meet."""

    relation: Relation
    example: str = ""


Tokens: TypeAlias = tuple[Token, ...]
_States: TypeAlias = frozenset[int]


def same_host(first: Place, second: Place) -> bool:
    """Whether two places have the same host pattern, whatever its variables are called."""
    return host_shape(first) == host_shape(second)


def host_shape(place: Place) -> tuple[tuple[Kind, str, str], ...]:
    """The host pattern without the names of its variables; equal for places with the same host."""
    return tuple(_shape(token) for token in place.host)


def hosts_meet(first: Place, second: Place) -> bool:
    """Whether some host meets both patterns."""
    return compare_paths(_as_path(first.host), _as_path(second.host)).relation is not Relation.APART


def _as_path(host: Tokens) -> Tokens:
    """A host pattern in words of paths: `*` is one label and any number more."""
    if host[-1].kind is not Kind.MANY:
        return host
    return (*host[:-1], Token(Kind.ONE), Token(Kind.REST))


def overlap(first: Place, second: Place) -> Overlap:
    """Compare paths and then conditions of two places with the same host pattern.

    As in precedence, a path inside another decides before conditions are looked at.
    """
    if any(_apart(first.condition(name), second.condition(name)) for name in CONDITIONS):
        return Overlap(Relation.APART)
    paths = compare_paths(first.path, second.path)
    if paths.relation is not Relation.EQUAL:
        return paths
    for name in CONDITIONS:
        relation = _sets(first.condition(name), second.condition(name))
        if relation is not Relation.EQUAL:
            return Overlap(relation, paths.example)
    return paths


def _shape(token: Token) -> tuple[Kind, str, str]:
    return token.kind, "" if token.kind is Kind.ONE else token.text, token.suffix


def _apart(first: frozenset[str], second: frozenset[str]) -> bool:
    return bool(first and second and not first & second)


def _sets(first: frozenset[str], second: frozenset[str]) -> Relation:
    """An empty set stands for every value."""
    if first == second:
        return Relation.EQUAL
    if not second or (first and first < second):
        return Relation.INSIDE
    return Relation.AROUND if not first or second < first else Relation.CROSSING


@lru_cache(maxsize=65_536)
def compare_paths(first: Tokens, second: Tokens) -> Overlap:
    """Walk both patterns as automata at once over an alphabet of example segments."""
    alphabet = _alphabet((*first, *second))
    start = (_close(first, frozenset({0})), _close(second, frozenset({0})))
    seen: dict[tuple[_States, _States], tuple[str, ...]] = {start: ()}
    pending, both, only_first, only_second = [start], list[tuple[str, ...]](), False, False
    for state in pending:  # grows while it is walked: breadth first, so the first example is a shortest one
        left, right = len(first) in state[0], len(second) in state[1]
        both += [seen[state]] if left and right else []
        only_first, only_second = only_first or (left and not right), only_second or (right and not left)
        if (both and only_first and only_second) or len(pending) > _MOST:
            break
        for word in alphabet:
            follow = (_step(first, state[0], word), _step(second, state[1], word))
            if follow not in seen and any(follow):
                seen[follow] = (*seen[state], word)
                pending.append(follow)
    if not both:
        return Overlap(Relation.APART)
    relations = {
        (False, False): Relation.EQUAL,
        (False, True): Relation.INSIDE,
        (True, False): Relation.AROUND,
        (True, True): Relation.CROSSING,
    }
    return Overlap(relations[only_first, only_second], "/" + "/".join(both[0]))


def _alphabet(tokens: Tokens) -> list[str]:
    """Segments that tell the tokens apart: each literal, each glob alone and with each other, any other, a variable."""
    globs = [token for token in tokens if token.kind is Kind.GLOB]
    words = [token.text for token in tokens if token.kind is Kind.LITERAL]
    words += [token.text + token.suffix for token in globs]
    words += [token.text + _FRESH + token.suffix for token in globs]
    for one in globs:
        words += [one.text + other.suffix for other in globs]
        words += [one.text + _FRESH + other.suffix for other in globs]
    fresh = _FRESH
    while any(token.meets(fresh) for token in tokens if token.kind in (Kind.LITERAL, Kind.GLOB)) and len(fresh) < 64:
        fresh += "y"
    return list(dict.fromkeys((fresh, *words, *([_VARIABLE] if globs else []))))


def _close(tokens: Tokens, states: frozenset[int]) -> _States:
    """States reached without a segment: `**` may stand for nothing."""
    found = set(states)
    pending = list(states)
    while pending:
        state = pending.pop()
        if state < len(tokens) and tokens[state].kind in (Kind.DEEP, Kind.REST) and state + 1 not in found:
            found.add(state + 1)
            pending.append(state + 1)
    return frozenset(found)


def _step(tokens: Tokens, states: _States, word: str) -> _States:
    follow: set[int] = set()
    for state in states:
        if state == len(tokens):
            continue
        if tokens[state].kind in (Kind.DEEP, Kind.REST):
            follow.add(state)
        elif tokens[state].meets(word) and (word != _VARIABLE or tokens[state].kind is Kind.ONE):
            follow.add(state + 1)
    return _close(tokens, frozenset(follow))
