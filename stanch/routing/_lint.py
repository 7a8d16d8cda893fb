"""What is allowed but worth a word, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from stanch.errors import Problem
from stanch.routing._checks_places import MOST
from stanch.routing._doubts import doubts
from stanch.routing._entries import entries_of
from stanch.routing._host_first import host_first
from stanch.routing._needless import needless
from stanch.routing._pause import collection_paused
from stanch.routing._suffixes import suffixes
from stanch.routing._table import RouteTable
from stanch.routing._tests import TestResult
from stanch.routing._unchecked import idle_tests, untested
from stanch.routing._written import Found


@collection_paused()
def lint(table: RouteTable, results: Sequence[TestResult], *, now: datetime | None = None) -> list[Problem]:
    """Warnings and remarks about files that load, in the order of the files.

    Args:
        table: the checked files.
        results: of their own tests; a rule or branch that none of them reached is named.
        now: tells what is over; None looks at nothing that depends on the time.
    """
    problems = [table.written.problem(found) for found in _found(table, results, now)]
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column, problem.code))


@collection_paused()
def remarks(table: RouteTable, results: Sequence[TestResult]) -> frozenset[tuple[str, str]]:
    """Code and message of each warning, without the lines where it stands: an edit elsewhere moves those."""
    return frozenset((found.code, found.message) for found in _found(table, results, None))


def _found(table: RouteTable, results: Sequence[TestResult], now: datetime | None) -> Iterator[Found]:
    file = table.file
    entries = entries_of(file)
    yield from untested(file, {result.decision.rule for result in results})
    yield from idle_tests(table, results)
    yield from suffixes(entries)
    yield from needless(file, entries)
    yield from islice(host_first(entries, {rule.id: frozenset(rule.wins_over) for rule in file.rules}), MOST)
    yield from doubts(file, now)
