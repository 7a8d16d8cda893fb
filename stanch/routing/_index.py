"""One trie over reversed host labels, then path segments: all places that meet an address, the most specific first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from stanch.routing._normal import labels, normal_host, normal_path, raw_segments, segments
from stanch.routing._place import CONDITIONS, Place
from stanch.routing._walk import Effort, Node, hosts, paths

T = TypeVar("T")
_UNCOUNTED = Effort()  # shared by all who do not ask; what it says means nothing


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


class Hit(NamedTuple, Generic[T]):
    """A place that meets an address; `unmet` names the condition that does not, '' for a full match."""

    place: Place
    value: T
    unmet: str = ""


class PlaceIndex(Generic[T]):
    """Values by place."""

    def __init__(self) -> None:
        self._root: Node[T] = Node()

    def add(self, place: Place, value: T) -> None:
        host = self._root
        for token in place.host:
            host = host.child(token)
        host.paths = host.paths or Node()
        path = host.paths
        for token in place.path:
            path = path.child(token)
        path.entries = [] if path.entries is None else path.entries
        path.entries.append((place, value))

    def find(self, address: Address, *, raw: bool = False, effort: Effort | None = None) -> list[Hit[T]]:
        """Every place that meets the address, best first, then those that fail on a condition only.

        Args:
            address: host and path as found; they are brought to normal form here.
            raw: take the path as it is written instead, for comparison.
            effort: counts the work, for whoever wants to know.
        """
        found = [
            Hit(place, value, _unmet(place, address))
            for nodes in self._walk(address, raw=raw, effort=effort or _UNCOUNTED)
            for node in nodes
            for place, value in node.entries or ()
        ]
        return sorted(found, key=_order)

    def best(self, address: Address, *, effort: Effort | None = None) -> Hit[T] | None:
        """The first full match of `find`; looks no further."""
        counted = effort or _UNCOUNTED
        parts = segments(normal_path(address.path))
        for host in hosts(self._root, labels(normal_host(address.host)), counted):
            for nodes in paths(host, parts, counted):
                full = _full(nodes, address)
                if full:
                    return full[0] if len(full) == 1 else min(full, key=_order)
        return None

    def _walk(self, address: Address, *, raw: bool, effort: Effort) -> Iterator[list[Node[T]]]:
        """Nodes of host and path, in lists of the same rank, the most specific first."""
        parts = raw_segments(address.path) if raw else segments(normal_path(address.path))
        for host in hosts(self._root, labels(normal_host(address.host)), effort):
            yield from paths(host, parts, effort)


def _full(nodes: list[Node[T]], address: Address) -> list[Hit[T]]:
    return [
        Hit(place, value)
        for node in nodes
        for place, value in node.entries or ()
        if not place.listed or not _unmet(place, address)
    ]


def _order(hit: Hit[T]) -> tuple[object, ...]:
    return bool(hit.unmet), hit.place.rank, hit.place.text


def _unmet(place: Place, address: Address) -> str:
    if not place.listed:
        return ""
    for name in CONDITIONS:
        wanted = place.condition(name)
        if wanted and address.value(name) not in wanted:
            return name
    return ""
