"""Branches that are never taken: behind one that is true whenever they are, or with a condition nothing can meet."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.routing._literals import Case, cases, implies
from stanch.routing._model import Branch, RoutesFile
from stanch.routing._written import Found, Path

MAX_REFINE = 3


def dead_branches(file: RoutesFile) -> Iterator[Found]:
    """R105, and R000 for branches that are nested too deeply."""
    for index, rule in enumerate(file.rules):
        yield from _dead(rule.refine, ("rules", index, "refine"), 1)


def _dead(branches: tuple[Branch, ...], path: Path, depth: int) -> Iterator[Found]:
    if branches and depth > MAX_REFINE:
        yield Found("R000", f"refine is nested deeper than {MAX_REFINE}", path, "flatten it")
        return
    earlier: list[tuple[str, list[Case]]] = []
    for index, branch in enumerate(branches):
        own = cases(branch.when)
        why = _why(own, earlier)
        if why:
            message = f"branch '{branch.id}' is never reached: {why}"
            yield Found("R105", message, (*path, index, "when"), "move it up or remove it")
        earlier.append((branch.id, own))
        yield from _dead(branch.refine, (*path, index, "refine"), depth + 1)


def _why(own: list[Case], earlier: list[tuple[str, list[Case]]]) -> str:
    if not own:
        return "its condition contradicts itself"
    for name, known in earlier:
        if implies(own, known):
            return f"'{name}' is true whenever it is"
    if len(earlier) > 1 and implies(own, [case for _, known in earlier for case in known]):
        return f"one of {', '.join(name for name, _ in earlier)} is true whenever it is"
    return ""
