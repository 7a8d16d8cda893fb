"""Kleene's three values, so that what a log does not hold is never counted as a no."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """Whether a predicate holds for a request."""

    NO = 0
    UNKNOWN = 1
    YES = 2


def known(value: object) -> Truth:
    """The two-valued truth of something."""
    return Truth.YES if value else Truth.NO


def every(values: Iterable[Truth]) -> Truth:
    """AND: one no decides; of nothing it is yes."""
    lowest = Truth.YES
    for value in values:
        if value is Truth.NO:
            return value
        lowest = min(lowest, value, key=_rank)
    return lowest


def some(values: Iterable[Truth]) -> Truth:
    """OR: one yes decides; of nothing it is no."""
    highest = Truth.NO
    for value in values:
        if value is Truth.YES:
            return value
        highest = max(highest, value, key=_rank)
    return highest


def opposite(value: Truth) -> Truth:
    """NOT: what is unknown stays so."""
    return Truth(2 - value.value)


def agreed(values: Iterable[Truth]) -> Truth:
    """The one truth of all readings of the same thing, unknown where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else Truth.UNKNOWN


def _rank(value: Truth) -> int:
    return int(value.value)
