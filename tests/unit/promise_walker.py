"""A walker that tries every way through a playbook and knows nothing of the loader.

Each outcome (consent, success, the value of a field) is a fork. What the loader accepts must be safe on every path
that is found here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from promise_drawing import CHANGE, Condition, Node, gates_of

MAX_PATHS = 4000


class Ended(Exception):
    """The run is over; `failed` says how."""

    def __init__(self, failed: bool) -> None:
        super().__init__()
        self.failed = failed


@dataclass
class Path:
    """One way through, by the forks taken."""

    forks: list[bool]
    taken: int = 0
    fields: dict[int, bool] = field(default_factory=dict[int, bool])
    approved: set[str] = field(default_factory=set[str])
    ok: set[str] = field(default_factory=set[str])
    made: list[str] = field(default_factory=list[str])  # changes that stand
    proven: set[str] = field(default_factory=set[str])
    unasked: set[str] = field(default_factory=set[str])
    failed: bool = False

    def fork(self) -> bool:
        if self.taken == len(self.forks):
            self.forks.append(True)
        self.taken += 1
        return self.forks[self.taken - 1]

    def true(self, condition: Condition) -> bool:
        match condition:
            case ("approved", name):
                return name in self.approved
            case ("ok", name):
                return name in self.ok
            case ("field", number):
                return self.fields.setdefault(number, self.fork()) if number not in self.fields else self.fields[number]
            case ("not", inner):
                return not self.true(inner)
            case ("and", left, right):
                return self.true(left) and self.true(right)
            case ("or", left, right):
                return self.true(left) or self.true(right)
            case ("if", test, left, right):
                return self.true(left) if self.true(test) else self.true(right)
            case _:
                raise AssertionError(condition)


def paths(book: Node) -> Iterator[Path]:
    """Every way through a playbook, up to a bound."""
    forks: list[bool] = []
    binds = {gate["id"]: gate["approve"]["binds"] for gate in gates_of([*book["body"], *book["last"]])}
    for _ in range(MAX_PATHS):
        path = Path(list(forks))
        _run(path, book, binds)
        yield path
        forks = path.forks[: path.taken]
        while forks and not forks[-1]:
            forks.pop()
        if not forks:
            return
        forks[-1] = False


def _run(path: Path, book: Node, binds: dict[str, list[str]]) -> None:
    try:
        _all(path, book["body"], binds)
    except Ended as end:
        path.failed = end.failed
    if path.failed:
        path.made.clear()  # a run that failed takes everything back
    with contextlib.suppress(Ended):
        _all(path, book["last"], binds)


def _all(path: Path, nodes: list[Node], binds: dict[str, list[str]]) -> None:
    for node in nodes:
        _visit(path, node, binds)


def _visit(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    if "when" in node and not path.true(node["when"]):
        _all(path, node.get("otherwise", []), binds)
        return
    if "stop" in node:
        raise Ended(node["stop"]["status"] == "failed")
    if "approve" in node:
        _ask(path, node, binds)
    elif "book" in node:
        _run_called(path, node, binds)
    elif "do" in node:
        _do(path, node, binds)
    else:
        _composite(path, node, binds)


def _run_called(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    """A called playbook ends by itself; one that failed takes its own changes back."""
    book, before, failed = node["book"], len(path.made), False
    inner = {gate["id"]: gate["approve"]["binds"] for gate in gates_of([*book["body"], *book["last"]])}
    for part in (book["body"], book["last"]):
        try:
            _all(path, part, inner)
        except Ended as end:
            failed = failed or end.failed
        if failed:
            del path.made[before:]
    if failed:
        _fail(path, node, binds)
    else:
        path.ok.add(node["id"])


def _ask(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    if path.fork():
        path.approved.add(node["id"])
        path.ok.add(node["id"])
    else:
        _all(path, node.get("on_reject", []), binds)


def _do(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    changes = node["do"] == CHANGE["do"]
    if changes and not any(node["id"] in binds.get(gate, ()) for gate in path.approved):
        path.unasked.add(node["id"])
    if not path.fork():
        _fail(path, node, binds)
        return
    path.ok.add(node["id"])
    if changes:
        path.made.append(node["id"])
        path.proven |= {node["id"]} if "verify" in node else set()
    else:
        path.proven |= set(path.made)


def _fail(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    how = node.get("on_failure", "fail")
    if isinstance(how, dict):
        _all(path, how["do"], binds)
        how = how["then"]
    if how == "fail":
        raise Ended(failed=True)


def _composite(path: Path, node: Node, binds: dict[str, list[str]]) -> None:
    before = len(path.made)
    if "parallel" in node:
        _all(path, node["parallel"], binds)
    else:
        branch = next((each for each in node["choose"] if "when" not in each or path.true(each["when"])), None)
        if branch is None:
            _all(path, node.get("otherwise", []), binds)
            return
        _all(path, branch["body"], binds)
    path.ok.add(node["id"])
    if "verify" in node:
        path.proven |= set(path.made[before:])
