"""Rules that no test reaches, and tests that would pass whatever the rules were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stanch.routing._model import Branch, Expect, RoutesFile
from stanch.routing._table import RouteTable
from stanch.routing._tests import TestResult, met_by_default
from stanch.routing._written import Found, Path


def untested(file: RoutesFile, reached: set[str]) -> Iterator[Found]:
    """R107."""
    for index, rule in enumerate(file.rules):
        path: Path = ("rules", index)
        for name, where in ((rule.id, path), *_branches(rule.id, rule.refine, (*path, "refine"))):
            if name not in reached:
                yield Found("R107", f"no test reaches '{name}'", (*where, "id"), "add one under tests", "warning")


def _branches(above: str, branches: tuple[Branch, ...], path: Path) -> Iterator[tuple[str, Path]]:
    for index, branch in enumerate(branches):
        name, where = f"{above}/{branch.id}", (*path, index)
        yield name, where
        yield from _branches(name, branch.refine, (*where, "refine"))


def idle_tests(table: RouteTable, results: Sequence[TestResult]) -> Iterator[Found]:
    """R108: a test that asks for nothing, for what another one asks for, or for what holds without any rule."""
    first, nothing = dict[str, int](), Expect()
    for index, (test, result) in enumerate(zip(table.file.tests, results, strict=True)):
        path: Path = ("tests", index)
        if test.expect == nothing:
            yield _idle("it expects nothing", (*path, "expect"))
            continue
        same = first.setdefault(test.model_dump_json(exclude={"name"}), index)
        if same != index:
            message = "another test has the same finding and expects the same"
            yield Found("R108", message, path, "remove one of them", "warning", also=("tests", same))
        elif result.ok and met_by_default(table, test, result):
            yield _idle("it would pass without any rule", (*path, "expect"))


def _idle(why: str, path: Path) -> Found:
    hint = "expect the rule or the owner that the finding should reach"
    return Found("R108", f"no change of the rules could break this test: {why}", path, hint, "warning")
