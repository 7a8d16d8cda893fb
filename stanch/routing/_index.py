"""One trie over reversed host labels, then path segments: all places that meet an address, the most specific first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from stanch.routing._normal import is_template, labels, normal_host, normal_path, raw_segments, segments
from stanch.routing._place import CONDITIONS, Kind, Place, Token

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """What is looked up; an empty condition only meets places that do not ask for it."""

    host: str = ""
    path: str = ""
    method: str = ""
    environment: str = ""
    source: str = ""

    def value(self, condition: str) -> str:
        if condition == "methods":
            return self.method.upper()
        return self.environment if condition == "environment" else self.source


@dataclass(frozen=True)
class Hit(Generic[T]):
    """A place that meets an address; `unmet` names the condition that does not, '' for a full match."""

    place: Place
    value: T
    unmet: str = ""


class _Node(Generic[T]):
    __slots__ = ("deep", "entries", "globs", "literal", "loops", "many", "one", "paths")

    def __init__(self, *, loops: bool = False) -> None:
        self.literal: dict[str, _Node[T]] = {}
        self.globs: list[tuple[Token, _Node[T]]] = []
        self.one: _Node[T] | None = None
        self.deep: _Node[T] | None = None  # reached without a step
        self.many: _Node[T] | None = None  # reached by one step
        self.loops = loops  # stays here on any further label or segment
        self.entries: list[tuple[Place, T]] = []
        self.paths: _Node[T] | None = None  # where a host ends, its paths begin


class PlaceIndex(Generic[T]):
    """Values by place."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, place: Place, value: T) -> None:
        host = self._root
        for token in place.host:
            host = _child(host, token)
        host.paths = host.paths or _Node()
        path = host.paths
        for token in place.path:
            path = _child(path, token)
        path.entries.append((place, value))

    def find(self, address: Address, *, raw: bool = False) -> list[Hit[T]]:
        """Every place that meets the address, best first, then those that fail on a condition only.

        Args:
            address: host and path as found; they are brought to normal form here.
            raw: take the path as it is written instead, for comparison.
        """
        parts = raw_segments(address.path) if raw else segments(normal_path(address.path))
        found: list[Hit[T]] = []
        for host in _ends(self._root, labels(normal_host(address.host))):
            if host.paths:
                for node in _ends(host.paths, parts):
                    found.extend(Hit(place, value, _unmet(place, address)) for place, value in node.entries)
        return sorted(found, key=lambda hit: (bool(hit.unmet), hit.place.rank, hit.place.text))


def _child(node: _Node[T], token: Token) -> _Node[T]:
    if token.kind is Kind.LITERAL:
        return node.literal.setdefault(token.text, _Node())
    if token.kind is Kind.GLOB:
        for known, child in node.globs:
            if known == token:
                return child
        node.globs.append((token, _Node()))
        return node.globs[-1][1]
    if token.kind is Kind.ONE:
        node.one = node.one or _Node()
        return node.one
    if token.kind is Kind.MANY:
        node.many = node.many or _Node(loops=True)
        return node.many
    node.deep = node.deep or _Node(loops=True)
    return node.deep


def _ends(root: _Node[T], parts: tuple[str, ...]) -> Iterator[_Node[T]]:
    """Nodes where a pattern ends with the parts; each (node, position) is visited once, so `**` cannot explode."""
    pending = [(root, 0)]
    visited: set[tuple[int, int]] = set()
    while pending:
        node, position = pending.pop()
        if (id(node), position) in visited:
            continue
        visited.add((id(node), position))
        if node.deep is not None:
            pending.append((node.deep, position))
        if position == len(parts):
            yield node
            continue
        pending.extend((child, position + 1) for child in _steps(node, parts[position]))


def _steps(node: _Node[T], part: str) -> Iterator[_Node[T]]:
    if node.loops:
        yield node
    yield from (child for child in (node.one, node.many) if child is not None)
    if is_template(part):  # an operation's variable only meets {x} and **
        return
    if part in node.literal:
        yield node.literal[part]
    for token, child in node.globs:
        if token.meets(part):
            yield child


def _unmet(place: Place, address: Address) -> str:
    for name in CONDITIONS:
        wanted = place.condition(name)
        if wanted and address.value(name) not in wanted:
            return name
    return ""
