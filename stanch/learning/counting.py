"""Cases that people gave to somebody else, counted by the rule that had answered, category and place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from stanch.records import Reassignment

WINDOW = timedelta(days=90)
ENOUGH = 8
AGREED = 0.6
STALE = 0.3
SEGMENTS = 2
_Z = 1.959963984540054  # 95 %, both sides


@dataclass(frozen=True)
class Group:
    """Cases of one rule, category and path prefix, with where each ended.

    Args:
        rule: with the branches taken, as the case has it.
        prefix: the first two segments of the path, "" without a path.
        ended: case -> who has it now.
    """

    rule: str
    category: str
    prefix: str
    ended: Mapping[str, str]

    @property
    def count(self) -> int:
        return len(self.ended)

    @property
    def top(self) -> tuple[str, int]:
        """Where most of them ended, and how many did; of equals the first by name."""
        counts = Counter(self.ended.values())
        return min(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def confidence(self) -> float:
        return wilson(self.top[1], self.count)

    @property
    def says_enough(self) -> bool:
        """Whether a rule may be proposed from it."""
        return self.count >= ENOUGH and self.confidence >= AGREED

    def only(self, cases: Iterable[str]) -> Group:
        """The group with these cases alone."""
        kept = {case: self.ended[case] for case in cases if case in self.ended}
        return Group(self.rule, self.category, self.prefix, kept)


@dataclass(frozen=True)
class Stale:
    """A rule that people correct too often: more than 30 % of its cases."""

    rule: str
    moved: int
    cases: int


def wilson(agreed: int, count: int) -> float:
    """The lower end of the 95 % Wilson interval of a share: 8 of 8 gives 0.68, 5 of 5 only 0.57."""
    if count <= 0:
        return 0.0
    share, square = agreed / count, _Z * _Z
    middle = share + square / (2 * count)
    spread = _Z * sqrt((share * (1 - share) + square / (4 * count)) / count)
    return max(0.0, (middle - spread) / (1 + square / count))


def prefix_of(path: str) -> str:
    """The first two segments of a path, without its query."""
    parts = [part for part in path.partition("?")[0].split("/") if part][:SEGMENTS]
    return "/" + "/".join(parts) if parts else ""


def last_of_each(rows: Iterable[Reassignment]) -> dict[str, Reassignment]:
    """How each case ended, named by the rule that had answered: a case that went through five hands counts once.

    One that came back to whom it began with is left out: there the rule was right.
    """
    first: dict[str, Reassignment] = {}
    last: dict[str, Reassignment] = {}
    for row in sorted(rows, key=lambda row: (row.at, row.key)):
        first.setdefault(row.case_id, row)
        last[row.case_id] = row
    return {case: row for case, row in last.items() if row.to_owner and row.to_owner != first[case].from_owner}


def groups_of(last: Mapping[str, Reassignment]) -> list[Group]:
    """Groups by rule, category and prefix, the largest first."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for case, row in last.items():
        found.setdefault((row.rule, row.category, prefix_of(row.path)), {})[case] = row.to_owner
    made = [Group(*key, ended) for key, ended in found.items()]
    return sorted(made, key=lambda group: (-group.count, group.rule, group.category, group.prefix))


def stale_rules(last: Mapping[str, Reassignment], answered: Mapping[str, int]) -> list[Stale]:
    """Rules of whose cases people gave more than 30 % to somebody else.

    Args:
        last: of `last_of_each`.
        answered: number of cases by the rule that answered, with or without its branches.
    """
    moved = Counter(row.rule.partition("/")[0] for row in last.values() if row.rule)
    cases: Counter[str] = Counter()
    for rule, number in answered.items():
        cases[rule.partition("/")[0]] += number
    found = [Stale(rule, number, max(cases[rule], number)) for rule, number in moved.items()]
    return sorted(
        (each for each in found if each.moved > STALE * each.cases), key=lambda each: (-each.moved, each.rule)
    )
