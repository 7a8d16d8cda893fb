"""From rows of which the last match wins to rules whose order means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stanch.learning.codeowners import Row
from stanch.routing import PlaceWords, Relation, overlap


@dataclass(frozen=True)
class Ordered:
    """Rows that still answer for something.

    Args:
        wins_over: line -> lines whose rules it must win over, since it comes later and is not more specific by itself.
        dead: (line, later line) of rows that never answer.
    """

    rows: tuple[Row, ...]
    wins_over: dict[int, tuple[int, ...]]
    dead: tuple[tuple[int, int], ...]


def last_wins(rows: Sequence[Row]) -> Ordered:
    """What `wins_over` must say so that specificity gives what the order of the rows gave.

    Where two rows meet and the earlier one would win by being more specific, the later one is written to win over it;
    likewise where they cross with different owners, since that must be settled in words. A row that lies in a later
    one never answers.
    """
    places = {row.line: PlaceWords(path=row.path).place for row in rows}
    dead: dict[int, int] = {}
    wins: dict[int, list[int]] = {}
    for index, later in enumerate(rows):
        for earlier in rows[:index]:
            if earlier.line in dead or _apart(earlier.path, later.path):
                continue
            first, second = places[earlier.line], places[later.line]
            found = overlap(first, second).relation
            if found in (Relation.EQUAL, Relation.INSIDE):
                dead[earlier.line] = later.line
            elif found is not Relation.APART:
                crosses = found is Relation.CROSSING and earlier.owners[:1] != later.owners[:1]
                if crosses or first.rank < second.rank:
                    wins.setdefault(later.line, []).append(earlier.line)
    kept = tuple(row for row in rows if row.line not in dead)
    settled = {
        line: tuple(each for each in over if each not in dead) for line, over in wins.items() if line not in dead
    }
    return Ordered(kept, {line: over for line, over in settled.items() if over}, tuple(dead.items()))


def _apart(first: str, second: str) -> bool:
    """Quickly: paths that begin with different words."""
    for left, right in zip(first.split("/")[1:], second.split("/")[1:], strict=False):
        if any(mark in each for mark in "*{" for each in (left, right)):
            return False
        if left != right:
            return True
    return False
