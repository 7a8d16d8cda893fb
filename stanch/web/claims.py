"""Which deliveries must take turns, so that each sees what was kept of the one before."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from stanch.affinity import operation
from stanch.records import Arrival
from stanch.records.places import ATTACK


def claims(arrival: Arrival) -> list[Hashable]:
    """What a delivery is about: itself, its problems, and the sides that it takes on operations."""
    return [*_own(arrival), *((host, path, side) for host, path, side in _sides(arrival))]


def rivals(arrival: Arrival) -> list[Hashable]:
    """What it waits for: what is about the same, and on an operation the other side, which it may be linked with."""
    return [*_own(arrival), *((host, path, not side) for host, path, side in _sides(arrival))]


def _own(arrival: Arrival) -> Iterator[Hashable]:
    yield "delivery", arrival.source, arrival.delivery_id
    for item in arrival.items:
        yield from item.names.all


def _sides(arrival: Arrival) -> Iterator[tuple[str, str, bool]]:
    for item in arrival.items:
        if item.place is not None:
            yield item.place.host, operation(item.place.path), item.place.kind == ATTACK
