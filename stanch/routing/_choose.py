"""Which of the rules that meet an address wins, and why each other one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from stanch.routing._index import Address, Hit
from stanch.routing._place import CONDITIONS, Kind, Place, Rank

T = TypeVar("T")

_NAMES = {
    Kind.LITERAL: "literal",
    Kind.GLOB: "pattern",
    Kind.ONE: "{x}",
    Kind.END: "exact end",
    Kind.DEEP: "**",
    Kind.MANY: "*",
    Kind.REST: "anything",
}


def winner(hits: Sequence[Hit[T]], name: Callable[[T], str], wins_over: Mapping[str, frozenset[str]]) -> Hit[T] | None:
    """The most specific full match, unless another one is written to win over it.

    Args:
        hits: from `PlaceIndex.find`.
        name: the id of a value.
        wins_over: id -> ids it wins over; without cycles.
    """
    full = [hit for hit in hits if not hit.unmet]
    if not full:
        return None
    best = full[0]
    for _ in full:
        better = next((hit for hit in full if name(best.value) in wins_over.get(name(hit.value), frozenset())), None)
        if better is None:
            break
        best = better
    return best


def why_not(best: Hit[T], other: Hit[T], address: Address) -> str:
    """The reason why a hit lost, in a few words."""
    if other.unmet:
        listed = ", ".join(sorted(other.place.condition(other.unmet)))
        return f"{other.unmet}: {listed} without {address.value(other.unmet) or 'one'}"
    if other.place.rank < best.place.rank:
        return "the winner is written to win over it"
    return _difference(best.place, other.place)


def _difference(best: Place, other: Place) -> str:
    host = _first(best.host_rank, other.host_rank)
    if host:
        return f"host label {host[0]} from the right: {host[1]} beats {host[2]}"
    path = _first(best.path_rank, other.path_rank)
    if path:
        return f"path segment {path[0]}: {path[1]} beats {path[2]}"
    listed = [name for name in CONDITIONS if best.condition(name) and not other.condition(name)]
    return f"{listed[0]} listed beats not listed" if listed else "same place of the same owner"


def _first(best: Rank, other: Rank) -> tuple[int, str, str] | None:
    for position, (left, right) in enumerate(zip(best, other, strict=False), start=1):
        if left != right:
            names = _NAMES[Kind(left[0])], _NAMES[Kind(right[0])]
            return position, *(names if names[0] != names[1] else ("longer pattern", "shorter pattern"))
    return None


def unique(hits: Iterable[Hit[T]], name: Callable[[T], str]) -> list[Hit[T]]:
    """The first hit of each value."""
    seen: dict[str, Hit[T]] = {}
    for hit in hits:
        seen.setdefault(name(hit.value), hit)
    return list(seen.values())
