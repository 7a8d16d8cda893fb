"""What is allowed but worth a word: rules without tests, missing deadlines, wildcards over a public suffix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from publicsuffixlist import PublicSuffixList

from stanch.errors import Problem
from stanch.routing._model import Branch, RoutesFile
from stanch.routing._place import Kind, Place
from stanch.routing._tests import TestResult
from stanch.views import SEVERITIES


def lint(file: RoutesFile, results: list[TestResult], *, name: str = "") -> list[Problem]:
    """Warnings about a file that loads.

    Args:
        file: the checked file.
        results: of its own tests; a rule or branch that none of them reached is named.
        name: the file's name.
    """
    return [
        Problem(code, message, name, severity="warning", hint=hint) for code, message, hint in _found(file, results)
    ]


def _found(file: RoutesFile, results: list[TestResult]) -> Iterator[tuple[str, str, str]]:
    yield from _untested(file, {result.decision.rule for result in results})
    yield from _suffixes(file)
    yield from _promises(file)


def _untested(file: RoutesFile, reached: set[str]) -> Iterator[tuple[str, str, str]]:
    for rule in file.rules:
        for path in (rule.id, *_branches(rule.id, rule.refine)):
            if path not in reached:
                yield "R107", f"no test reaches '{path}'", "add one under tests"


def _branches(above: str, branches: tuple[Branch, ...]) -> Iterator[str]:
    for branch in branches:
        path = f"{above}/{branch.id}"
        yield path
        yield from _branches(path, branch.refine)


def _suffixes(file: RoutesFile) -> Iterator[tuple[str, str, str]]:
    for rule in file.rules:
        for place in rule.match.places:
            if _over_suffix(place):
                yield "R004", f"rule '{rule.id}' has a wildcard over a public suffix: {place.text}", "name the domain"


def _over_suffix(place: Place) -> bool:
    fixed = [token.text for token in place.host if token.kind is Kind.LITERAL]
    if not fixed or len(fixed) == len(place.host):
        return False
    return bool(_list().is_public(".".join(reversed(fixed))))


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList()


def _promises(file: RoutesFile) -> Iterator[tuple[str, str, str]]:
    for name, table in file.sla.items():
        missing = [severity for severity in SEVERITIES if severity not in table]
        if missing:
            yield "R201", f"sla '{name}' has no deadline for {', '.join(missing)}", "add them; fix: none is allowed"
    for name, ladder in file.escalations.items():
        if not ladder or not any(each.startswith("schedule:") for each in ladder[-1].notify):
            yield "R202", f"escalation '{name}' does not end at a schedule", "someone should always be on call"
