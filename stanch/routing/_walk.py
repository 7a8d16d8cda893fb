"""The walk through the trie of places: nodes that meet an address, in order of precedence, each at most once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from stanch.routing._globs import Globs
from stanch.routing._normal import is_template
from stanch.routing._place import Kind, Place, Token

T = TypeVar("T")


class Node(Generic[T]):
    """A place in the trie: of hosts (labels from the right), or of paths."""

    __slots__ = ("deep", "entries", "globs", "literal", "one", "paths")

    def __init__(self) -> None:
        self.literal: dict[str, Node[T]] | None = None
        self.globs: Globs[Node[T]] | None = None
        self.one: Node[T] | None = None
        self.deep: Node[T] | None = None  # reached without a step, and stays there on any step
        self.entries: list[tuple[Place, T]] | None = None
        self.paths: Node[T] | None = None  # where a host ends, its paths begin

    def child(self, token: Token) -> Node[T]:
        """The node behind a token, made where there is none."""
        if token.kind is Kind.LITERAL:
            self.literal = {} if self.literal is None else self.literal
            return self.literal.setdefault(token.text, Node())
        if token.kind is Kind.GLOB:
            self.globs = Globs[Node[T]]() if self.globs is None else self.globs
            return self.globs.setdefault(token, Node())
        if token.kind is Kind.ONE:
            self.one = self.one or Node()
            return self.one
        self.deep = self.deep or Node()
        return self.deep


class Effort:
    """How many nodes lookups have looked at: a measure of work that no busy machine changes."""

    def __init__(self) -> None:
        self.nodes = 0


def hosts(root: Node[T], labels: Sequence[str], effort: Effort) -> list[Node[T]]:
    """Where the paths of matching hosts begin, the most specific host first.

    A `*` is always the last token of a host, so that it needs no search.
    """
    found: list[Node[T]] = []
    effort.nodes += len(labels)
    node: Node[T] | None = root
    for label in labels:
        if node is None:
            break
        if node.one is not None:
            found = []
            _hosts(root, labels, 0, found)
            return found
        if node.deep is not None and node.deep.paths is not None:
            found.append(node.deep.paths)
        node = node.literal.get(label) if node.literal is not None else None
    if node is root:  # no host at all
        _hosts(root, labels, 0, found)
    elif node is not None and node.paths is not None:
        found.append(node.paths)
    found.reverse()
    return found


def _hosts(node: Node[T], labels: Sequence[str], at: int, found: list[Node[T]]) -> None:
    if at < len(labels):
        if node.literal is not None and (child := node.literal.get(labels[at])) is not None:
            _hosts(child, labels, at + 1, found)
        if node.one is not None:
            _hosts(node.one, labels, at + 1, found)
    elif node.paths is not None:
        found.append(node.paths)
    if node.deep is not None and node.deep.paths is not None and (at < len(labels) or at == 0):
        found.append(node.deep.paths)


def paths(root: Node[T], parts: Sequence[str], effort: Effort) -> Iterator[list[Node[T]]]:
    """Nodes where a path pattern ends with the parts, in lists of equal rank, the most specific first.

    As long as there is neither a `**` nor a pattern in a word, no two nodes have the same rank and the position tells
    how far the walk is; from there on `_groups` goes on. A word of a pattern holds no brace, so that a variable of an
    operation template finds none. This loop is the hot path of every lookup.
    """
    stack, length, looked = [(root, 0)], len(parts), 0
    while stack:
        node, at = stack.pop()
        if at < 0:
            yield from _behind_deep(node, ~at, parts, effort)
            continue
        while True:
            looked += 1
            if node.globs is not None:
                yield from _groups([(node, 1 << at)], _Parts(parts), effort, loops=False)
                break
            if node.deep is not None:
                stack.append((node.deep, ~at))
            if at == length:
                effort.nodes, looked = effort.nodes + looked, 0
                yield [node]
                break
            part = parts[at]
            at += 1
            if node.one is not None:
                stack.append((node.one, at))
            below = node.literal.get(part) if node.literal is not None else None
            if below is None:
                break
            node = below
    effort.nodes += looked


_Group: TypeAlias = list[tuple[Node[T], int]]  # nodes of the same rank, each with the set of positions it may be at


class _Parts:
    """The parts of a path as sets of positions, bit by bit."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.parts = parts
        self.end = 1 << len(parts)
        self.all = (self.end << 1) - 1
        self.plain = 0  # positions that are no variables of a template
        self.where: dict[str, int] = {}
        for at, part in enumerate(parts):
            if not is_template(part):
                self.where[part] = self.where.get(part, 0) | 1 << at
                self.plain |= 1 << at

    def from_first(self, positions: int) -> int:
        """All positions from the first one on: `**` may stand for any number of parts."""
        return self.all & ~((positions & -positions) - 1)


def _behind_deep(node: Node[T], at: int, parts: Sequence[str], effort: Effort) -> Iterator[list[Node[T]]]:
    if node.literal is None and node.globs is None and node.one is None:  # nothing but `/**`
        effort.nodes += 1
        yield [node]
        return
    known = _Parts(parts)
    yield from _groups([(node, known.from_first(1 << at))], known, effort, loops=True)


def _groups(group: _Group[T], parts: _Parts, effort: Effort, *, loops: bool) -> Iterator[list[Node[T]]]:
    """Nodes that end here or below, in order of rank.

    Sets of positions stand in for backtracking: no node is looked at twice, however many `**` there are.
    """
    effort.nodes += len(group)
    for below in (_literals(group, parts), *_globs(group, parts), _ones(group, parts)):
        if below:
            yield from _groups(below, parts, effort, loops=False)
    ends = [node for node, positions in group if node.entries is not None and (loops or positions & parts.end)]
    if ends and not loops:
        yield ends
    deep: _Group[T] = [(node.deep, parts.from_first(positions)) for node, positions in group if node.deep is not None]
    if deep:
        yield from _groups(deep, parts, effort, loops=True)
    if ends and loops:
        yield ends


def _literals(group: _Group[T], parts: _Parts) -> _Group[T]:
    found: _Group[T] = []
    for node, positions in group:
        for part, where in parts.where.items() if node.literal is not None else ():
            if where & positions and (child := (node.literal or {}).get(part)) is not None:
                found.append((child, (where & positions) << 1))
    return found


def _globs(group: _Group[T], parts: _Parts) -> list[_Group[T]]:
    """Groups by length of the pattern, the longest first."""
    ranked: dict[tuple[int, int], _Group[T]] = {}
    for node, positions in group:
        if node.globs is not None:
            for token, met in _met(node.globs, positions, parts).items():
                ranked.setdefault(token.rank, []).append((node.globs[token], met << 1))
    return [ranked[rank] for rank in sorted(ranked)]


def _met(globs: Globs[Node[T]], positions: int, parts: _Parts) -> dict[Token, int]:
    """The positions at which each pattern is met."""
    met: dict[Token, int] = {}
    for part, where in parts.where.items():
        if where & positions:
            for token, _ in globs.meeting(part):
                met[token] = met.get(token, 0) | where & positions
    return met


def _ones(group: _Group[T], parts: _Parts) -> _Group[T]:
    steps = parts.all & ~parts.end
    return [
        (node.one, (positions & steps) << 1) for node, positions in group if node.one is not None and positions & steps
    ]
