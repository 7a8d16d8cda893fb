"""A change of an ownership file as a patch, made only where the changed file loads, lints and keeps its tests."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from stanch.documents import load
from stanch.errors import ConfigError
from stanch.learning.writing import CannotWrite, append_to
from stanch.routing import RouteTable, TestResult, check, load_routes, remarks

CONTEXT = 3


@dataclass(frozen=True)
class Addition:
    """A branch for a rule, with its tests.

    Args:
        place: path of the rule or branch that gets the branch.
    """

    place: tuple[str | int, ...]
    branch: Mapping[str, Any]
    tests: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Edition:
    """One version of an ownership file; `warnings` are what lint says of it."""

    text: str
    table: RouteTable
    warnings: frozenset[tuple[str, str]]


def edition(text: str, table: RouteTable, results: list[TestResult] | None = None) -> Edition:
    """A version with its warnings, by code and message; an addition moves lines, which makes no warning a new one."""
    return Edition(text, table, remarks(table, check(table) if results is None else results))


def added(before: Edition, addition: Addition) -> Edition:
    """The file with the addition.

    Raises:
        CannotWrite: it has no place, or the result would not be a better file; the message says why.
    """
    file = before.table.name
    changed = append_to(before.text, addition.place, "refine", addition.branch)
    for test in addition.tests:
        changed = append_to(changed, (), "tests", test)
    try:
        if load(changed, file).data != _expected(load(before.text, file).data, addition):
            raise CannotWrite("the file is written in a way that leaves no place for it")
        table = load_routes(changed, file)
    except ConfigError as error:
        first = error.problems[0].message if error.problems else error.message
        raise CannotWrite(f"the file would not load: {first}") from None
    results = check(table)
    _keeps_its_tests(results)
    after = edition(changed, table, results)
    for code, message in sorted(after.warnings - before.warnings):
        raise CannotWrite(f"it would bring a warning: {code} {message}")
    return after


def _expected(data: Any, addition: Addition) -> Any:
    """What the file must say afterwards: all that it said, and the addition."""
    wanted = copy.deepcopy(data)
    node = wanted
    for step in addition.place:
        node = node[step]
    node["refine"] = [*(node.get("refine") or []), addition.branch]
    wanted["tests"] = [*(wanted.get("tests") or []), *addition.tests]
    return wanted


def _keeps_its_tests(results: list[TestResult]) -> None:
    failed = [result for result in results if not result.ok]
    if failed:
        what, wanted, got = failed[0].differences[0]
        name = failed[0].name[:120]
        raise CannotWrite(f"the test '{name}' would fail: {what} would be {got}, not {wanted}")


def unified(old: str, new: str, *, name: str) -> str:
    """The difference as `git apply` takes it: lines end at line feeds alone, a missing last one is said."""
    if old == new:
        return ""
    left, right = _split(old), _split(new)
    shown = name + ("\t" if " " in name else "")
    found = [f"--- a/{shown}\n", f"+++ b/{shown}\n"]
    for group in SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        found.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n")
        for tag, a, b, c, d in group:
            found += [_line(" ", line) for line in left[a:b]] if tag == "equal" else []
            found += [_line("-", line) for line in left[a:b]] if tag in ("replace", "delete") else []
            found += [_line("+", line) for line in right[c:d]] if tag in ("replace", "insert") else []
    return "".join(found)


def _split(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    return lines if lines[-1] else lines[:-1]


def _line(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    count = end - start
    return str(start + 1) if count == 1 else f"{start + 1 if count else start},{count}"


def name_in_repository(path: Path) -> str:
    """The file as a patch names it: from the top of its repository, else as it was given."""
    whole = path.resolve()
    top = next((folder for folder in whole.parents if (folder / ".git").exists()), None)
    return (whole.relative_to(top) if top else path if not path.is_absolute() else Path(path.name)).as_posix()
