"""The places of all rules, and which of them can meet at all, without looking at each pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stanch.routing._model import RoutesFile, Rule
from stanch.routing._place import Kind, Place, Token
from stanch.routing._walk import Node
from stanch.routing._written import Path

_DEEP = (Kind.DEEP, Kind.REST)


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One place of a rule, and where it is written."""

    rule: Rule
    place: Place
    path: Path
    order: tuple[int, int]


def entries_of(file: RoutesFile) -> list[Entry]:
    """Every place of every rule, in file order."""
    return [
        Entry(rule, place, ("rules", index, "match", *(("any", number) if rule.match.any else ())), (index, number))
        for index, rule in enumerate(file.rules)
        for number, place in enumerate(rule.match.places)
    ]


def by_host(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries with the same host pattern, whatever its variables are called."""
    groups: dict[object, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[shape(entry.place.host)].append(entry)
    return list(groups.values())


def shape(tokens: Sequence[Token]) -> tuple[tuple[Kind, str, str], ...]:
    """A pattern without the names of its variables; `{x}` behind `**` moves before it, which means the same."""
    found: list[tuple[Kind, str, str]] = []
    deep: tuple[Kind, str, str] | None = None
    for token in tokens:
        if token.kind in _DEEP:
            deep = (Kind.DEEP, "", "")
            continue
        if deep and token.kind is not Kind.ONE:
            found.append(deep)
            deep = None
        found.append((token.kind, "" if token.kind is Kind.ONE else token.text, token.suffix))
    return (*found, deep) if deep else tuple(found)


class Paths:
    """The path patterns of entries as two tries, one from the front and one from the back."""

    def __init__(self) -> None:
        self._forward: Node[Entry] = Node()
        self._backward: Node[Entry] = Node()

    def add(self, entry: Entry) -> None:
        for root, tokens in ((self._forward, entry.place.path), (self._backward, entry.place.path[::-1])):
            node = root
            for token in tokens:
                node = node.child(token)
            node.entries = [] if node.entries is None else node.entries
            node.entries.append((entry.place, entry))

    def meeting(self, entry: Entry) -> Iterator[Entry]:
        """Other entries whose path may meet this one's: all that do, and some that do not.

        A pattern is followed up to its `**`, from the end that has more words.
        """
        tokens = entry.place.path
        deep = [index for index, token in enumerate(tokens) if token.kind in _DEEP]
        behind = deep and _words(tokens[deep[-1] :]) > _words(tokens[: deep[0]])
        found = _meeting(self._backward, tokens[::-1]) if behind else _meeting(self._forward, tokens)
        seen = {id(entry)}
        for each in found:
            if id(each) not in seen:
                seen.add(id(each))
                yield each


def _words(tokens: Sequence[Token]) -> int:
    return sum(token.kind is Kind.LITERAL for token in tokens)


def _meeting(root: Node[Entry], tokens: Sequence[Token]) -> Iterator[Entry]:
    stack, seen = [(root, 0)], set[tuple[int, int]]()
    while stack:
        node, at = stack.pop()
        if (id(node), at) in seen:
            continue
        seen.add((id(node), at))
        if node.deep is not None:  # its `**` may stand for any number of our tokens
            yield from (each for _, each in node.deep.entries or ())
            stack.extend((node.deep, position) for position in range(at, len(tokens) + 1))
        if at == len(tokens):
            yield from (each for _, each in node.entries or ())
        elif tokens[at].kind in _DEEP:
            yield from _below(node)
        else:
            stack.extend((child, at + 1) for child in _compatible(node, tokens[at]))


def _compatible(node: Node[Entry], token: Token) -> Iterator[Node[Entry]]:
    if node.one is not None:
        yield node.one
    if token.kind is Kind.LITERAL:
        if node.literal is not None and token.text in node.literal:
            yield node.literal[token.text]
        if node.globs is not None:
            yield from (child for _, child in node.globs.meeting(token.text))
        return
    for text, child in (node.literal or {}).items():
        if token.meets(text):
            yield child
    if node.globs is not None:
        yield from node.globs.crossing(token) if token.kind is Kind.GLOB else node.globs.values()


def _below(root: Node[Entry]) -> Iterator[Entry]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield from (each for _, each in node.entries or ())
        stack.extend(child for child in (node.one, node.deep) if child is not None)
        stack.extend((node.literal or {}).values())
        stack.extend((node.globs or {}).values())
