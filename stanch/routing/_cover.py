"""Rules that can never win: each address that meets their place meets a place that goes before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import TypeAlias

from stanch.routing._entries import Entry, entries_of
from stanch.routing._model import RoutesFile
from stanch.routing._place import CONDITIONS, Kind, Token
from stanch.routing._walk import Node
from stanch.routing._written import Found

_Where: TypeAlias = tuple[Node[Entry], bool]  # a node of the trie; True where it stays whatever comes
_States: TypeAlias = frozenset[_Where]
_DEEP = (Kind.DEEP, Kind.REST, Kind.MANY)
_MOST = 400  # steps for one place; more were never seen
_FRESH = "\x00"  # in no pattern: YAML refuses it
_NAMED = 3


def covered_places(entries: Sequence[Entry]) -> Iterator[Found]:
    """R102, exactly.

    One automaton is the place, the other the trie of all places. Of the letters that a variable of the place may stand
    for, the one that fewest other patterns meet decides: where even that is covered, all are.
    """
    for entry, names in covered(entries):
        listed = ", ".join(f"'{name}'" for name in names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
        message = f"rule '{entry.rule.id}' can never win at {entry.place.text}: {listed} go before it everywhere"
        yield Found("R102", message, entry.path, "remove it, or the wins_over that beats it")


def covered(entries: Sequence[Entry]) -> Iterator[tuple[Entry, list[str]]]:
    """Places that never win, each with the ids of the rules that together cover it."""
    root = _trie(entries)
    for entry in entries:
        names = _covering(root, entry)
        if names:
            yield entry, names


def never_win(file: RoutesFile) -> dict[str, tuple[str, ...]]:
    """Rules of one place that never win -> the rules that together cover them."""
    return {entry.rule.id: tuple(names) for entry, names in covered(entries_of(file))}


def _trie(entries: Iterable[Entry]) -> Node[Entry]:
    root: Node[Entry] = Node()
    for entry in entries:
        host = root
        for token in entry.place.host:
            host = host.child(token)
        host.paths = host.paths or Node()
        node = host.paths
        for token in entry.place.path:
            node = node.child(token)
        node.entries = [] if node.entries is None else node.entries
        node.entries.append((entry.place, entry))
    return root


def _covering(root: Node[Entry], entry: Entry) -> list[str]:
    """The rules that together cover a place, in the order in which they were found; none where an address is left."""
    names: dict[str, None] = {}
    for paths in _hosts(root, entry.place.host):
        for final in _walk(paths, entry.place.path, host=False):
            found = _blocking(final, entry)
            if found is None:
                return []
            names.update(dict.fromkeys(found))
    return list(names)


def _hosts(root: Node[Entry], tokens: Sequence[Token]) -> Iterator[_States]:
    """The states in which paths begin, for each way to read the host."""
    start: _States = frozenset({(root, False)} | ({(root.deep, True)} if root.deep else set[_Where]()))
    for final in _walk(start, tokens, host=True):
        yield _closed(frozenset((node.paths, False) for node, _ in final if node.paths is not None))


def _walk(start: _States, tokens: Sequence[Token], *, host: bool) -> Iterator[_States]:
    """The states at the end of the pattern, shortest readings first; each pair of states is looked at once."""
    pending, seen = deque([(0, start)]), {(0, start)}
    while pending:
        at, states = pending.popleft()
        if at == len(tokens):
            yield states
            continue
        if len(seen) > _MOST:
            yield frozenset()  # nothing is known to be covered
            return
        for following in _following(at, states, tokens[at], host=host):
            if following not in seen:
                seen.add(following)
                pending.append(following)


def _following(at: int, states: _States, token: Token, *, host: bool) -> list[tuple[int, _States]]:
    if token.kind is Kind.MANY:
        stepped = _step(states, None, host=host)
        return [(at + 1, stepped), (at, stepped)]
    if token.kind in _DEEP:
        return [(at + 1, states), (at, _step(states, None, host=host))]
    letter = {Kind.LITERAL: token.text, Kind.GLOB: f"{token.text}{_FRESH}{token.suffix}"}.get(token.kind)
    return [(at + 1, _step(states, letter, host=host))]


def _step(states: _States, letter: str | None, *, host: bool) -> _States:
    """One label or segment further; None is a letter that only variables meet."""
    found: set[_Where] = set()
    for node, loops in states:
        if loops:
            found.add((node, True))
        if node.one is not None:
            found.add((node.one, False))
        if host and node.deep is not None:
            found.add((node.deep, True))
        if letter is not None:
            if node.literal is not None and letter in node.literal:
                found.add((node.literal[letter], False))
            if node.globs is not None:
                found.update((child, False) for _, child in node.globs.meeting(letter))
    return frozenset(found) if host else _closed(frozenset(found))


def _closed(states: _States) -> _States:
    """With what is reached without a step: `**` may stand for nothing."""
    return states | {(node.deep, True) for node, _ in states if node.deep is not None}


def _blocking(final: _States, entry: Entry) -> list[str] | None:
    """The rules that go before an entry here, None where it wins for some values of its conditions."""
    before = [each for node, _ in final for _, each in node.entries or () if _goes_before(each, entry)]
    names: list[str] = []
    for values in product(*(sorted(entry.place.condition(name)) or [""] for name in CONDITIONS)):
        there = [each.rule.id for each in before if _takes(each, values)]
        if not there:
            return None
        names += there
    return sorted(set(names))


def _takes(each: Entry, values: Sequence[str]) -> bool:
    """An empty value stands for one that nobody lists."""
    wanted = (each.place.condition(name) for name in CONDITIONS)
    return all(not listed or value in listed for listed, value in zip(wanted, values, strict=True))


def _goes_before(each: Entry, entry: Entry) -> bool:
    """A rule that itself wins over others may come back through them, so that only being beaten by name counts."""
    if each.rule.id == entry.rule.id:
        return False
    if entry.rule.id in each.rule.wins_over:
        return True
    return not entry.rule.wins_over and each.place.rank < entry.place.rank
