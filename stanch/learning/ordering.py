"""From rows of which the last match wins to rules whose order means nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stanch.learning.codeowners import Row
from stanch.routing import PlaceWords, Relation, RoutesFile, never_win, overlap


@dataclass(frozen=True)
class Ordered:
    """Rows that still answer for something.

    Args:
        wins_over: line -> lines whose rules it must win over, since it comes later and is not more specific by itself.
        dead: line -> later lines, which together take all of a row that never answers.
    """

    rows: tuple[Row, ...]
    wins_over: dict[int, tuple[int, ...]]
    dead: dict[int, tuple[int, ...]]


def last_wins(rows: Sequence[Row]) -> Ordered:
    """What `wins_over` must say so that specificity gives what the order of the rows gave.

    Where two rows meet and the earlier one would win by being more specific, the later one is written to win over it;
    likewise where they cross with different owners, since that must be settled in words. A row that lies in a later
    one, or in several later ones together, never answers.
    """
    places = {row.line: PlaceWords(path=row.path).place for row in rows}
    dead: dict[int, int] = {}
    wins: dict[int, tuple[int, ...]] = {}
    for index, later in enumerate(rows):
        for earlier in rows[:index]:
            if earlier.line in dead or _apart(earlier.path, later.path):
                continue
            first, second = places[earlier.line], places[later.line]
            found = _relation(*_alike(earlier.path, later.path))
            if found in (Relation.EQUAL, Relation.INSIDE):
                dead[earlier.line] = later.line
            elif found is not Relation.APART:
                crosses = found is Relation.CROSSING and earlier.owners != later.owners
                if crosses or first.rank <= second.rank:
                    wins[later.line] = (*wins.get(later.line, ()), earlier.line)
    return _without_covered(Ordered(tuple(rows), wins, {line: (later,) for line, later in dead.items()}))


def _without_covered(ordered: Ordered) -> Ordered:
    """Leave out what never answers, until nothing is left to leave out.

    A later row always goes before an earlier one here, so that whatever never wins is also what the last match never
    reaches: that can go without a change to what the others answer. One row less may let another one be seen.
    """
    dead = dict(ordered.dead)
    rows, wins = ordered.rows, ordered.wins_over
    while True:
        rows = tuple(row for row in rows if row.line not in dead)
        kept = {line: tuple(each for each in wins[line] if each not in dead) for line in wins if line not in dead}
        wins = {line: over for line, over in kept.items() if over}
        found = never_win(_as_file(rows, wins))
        if not found:
            return Ordered(rows, wins, dict(sorted(dead.items())))
        dead |= {_line(name): tuple(sorted(map(_line, names))) for name, names in found.items()}


def _as_file(rows: Sequence[Row], wins: Mapping[int, Sequence[int]]) -> RoutesFile:
    rules = [
        {
            "id": f"line-{row.line}",
            "match": {"path": row.path},
            "owner": "",
            "wins_over": [f"line-{each}" for each in wins.get(row.line, ())],
        }
        for row in rows
    ]
    return RoutesFile.model_validate({"version": "routing/v1", "default": {"id": "x", "owner": ""}, "rules": rules})


def _line(name: str) -> int:
    return int(name.removeprefix("line-"))


def _alike(first: str, second: str) -> tuple[str, str]:
    """The pair with names that say nothing replaced by others, so that many pairs become one."""
    left, right = first.split("/")[1:], second.split("/")[1:]
    globs = [part for part in (*left, *right) if "*" in part and part != "**"]
    names: dict[str, str] = {}
    for part in (*left, *right):
        fresh = f"q{len(names)}"
        if part and not any(mark in part for mark in "*{") and not any(_meets(glob, part, fresh) for glob in globs):
            names.setdefault(part, fresh)
    if set(names.values()) & {*left, *right}:
        return first, second
    return _joined(names, left), _joined(names, right)


def _joined(names: Mapping[str, str], parts: Sequence[str]) -> str:
    return "/" + "/".join(names.get(part, part) for part in parts)


def _meets(glob: str, *words: str) -> bool:
    start, _, end = glob.partition("*")
    return any(word.startswith(start) and word.endswith(end) for word in words)


@lru_cache(maxsize=65_536)
def _relation(first: str, second: str) -> Relation:
    return overlap(PlaceWords(path=first).place, PlaceWords(path=second).place).relation


def _apart(first: str, second: str) -> bool:
    """Quickly: paths that begin with different words."""
    for left, right in zip(first.split("/")[1:], second.split("/")[1:], strict=False):
        if any(mark in each for mark in "*{" for each in (left, right)):
            return False
        if left != right:
            return True
    return False
