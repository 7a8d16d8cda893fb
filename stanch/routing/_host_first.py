"""Where two owners might expect the longer path to win, and the host decides instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stanch.routing._checks_places import settled
from stanch.routing._entries import Entry, by_host
from stanch.routing._overlap import Relation, compare_paths, hosts_meet
from stanch.routing._place import Kind, Token
from stanch.routing._walk import Node
from stanch.routing._written import Found

_MOST = 200_000  # pairs of hosts and paths that are looked at; this is advice, and must not hold up a large file


def host_first(entries: Sequence[Entry], wins: Mapping[str, frozenset[str]]) -> Iterator[Found]:
    """R104, once for each rule that loses so."""
    told: set[str] = set()
    groups = by_host(entries)
    wide = [group for group in groups if group[0].place.host[-1].kind is not Kind.LITERAL or _has_variable(group[0])]
    tries = [(group[0], _trie(group)) for group in groups]
    looked = 0
    for group in wide:
        above = group[0]
        narrower = [trie for first, trie in tries if _narrower(first, above)]
        for entry in group:
            for trie in narrower:
                looked += 1
                if entry.rule.id in told or looked > _MOST:
                    break
                yield from _told(entry, trie, wins, told)


def _has_variable(entry: Entry) -> bool:
    return any(token.kind is not Kind.LITERAL for token in entry.place.host)


def _narrower(entry: Entry, above: Entry) -> bool:
    """Whether a host pattern goes before another that also meets some of its hosts; words are compared first."""
    if entry.place.host_rank >= above.place.host_rank:
        return False
    for own, other in zip(entry.place.host, above.place.host, strict=False):
        if own.kind is Kind.LITERAL and other.kind is Kind.LITERAL and own.text != other.text:
            return False
    return hosts_meet(entry.place, above.place)


def _trie(group: Sequence[Entry]) -> Node[Entry]:
    root: Node[Entry] = Node()
    for entry in group:
        node = root
        for token in entry.place.path:
            node = node.child(token)
        node.entries = [] if node.entries is None else node.entries
        node.entries.append((entry.place, entry))
    return root


def _told(entry: Entry, trie: Node[Entry], wins: Mapping[str, frozenset[str]], told: set[str]) -> Iterator[Found]:
    for other in _around(trie, entry.place.path):
        if other.rule.owner == entry.rule.owner or settled(entry, other, wins):
            continue
        if _conditions_apart(entry, other) or compare_paths(entry.place.path, other.place.path).relation is not (
            Relation.INSIDE
        ):
            continue
        told.add(entry.rule.id)
        message = (
            f"the host decides before the path: '{other.rule.id}' ({other.place.text}) wins over "
            f"'{entry.rule.id}' ({entry.place.text}) where both meet"
        )
        hint = f"wins_over: [{other.rule.id}] turns it round; wins_over on the other one says that it is meant"
        yield Found("R104", message, entry.path, hint, severity="info", also=other.path)
        return


def _conditions_apart(first: Entry, second: Entry) -> bool:
    names = ("methods", "environment", "source")
    pairs = [(first.place.condition(name), second.place.condition(name)) for name in names]
    return any(one and other and not one & other for one, other in pairs)


def _around(root: Node[Entry], tokens: Sequence[Token]) -> Iterator[Entry]:
    """Entries whose path may hold all of a path: open ones on the way, and those that end with it."""
    states = [root]
    for token in tokens:
        yield from (entry for node in states if node.deep for _, entry in node.deep.entries or ())
        states = [child for node in states for child in _over(node, token)]
    for node in states:
        yield from (entry for _, entry in node.entries or ())
        yield from (entry for _, entry in (node.deep.entries if node.deep else None) or ())


def _over(node: Node[Entry], token: Token) -> Iterator[Node[Entry]]:
    if node.one is not None and token.kind not in (Kind.DEEP, Kind.REST):
        yield node.one
    if token.kind is Kind.LITERAL and node.literal is not None and token.text in node.literal:
        yield node.literal[token.text]
