"""An independent reading of playbooks: random ones as plain data, and a walker that tries every way through them.

It knows nothing of the loader: conditions are trees of its own, and each outcome (consent, success, the value of a
field) is a fork. What the loader accepts must be safe on every path that is found here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

MAX_PATHS = 4000
CHANGE = {"do": "block.scope", "with": {"host": "a.example.com", "path": "/x", "method": "GET", "ttl": "1h"}}
PROBE = {"do": "probe.expect_healthy", "with": {"host": "a.example.com"}}
Condition = tuple[Any, ...]
Node = dict[str, Any]


def source(condition: Condition) -> str:
    """The condition as CEL."""
    match condition:
        case ("approved", name):
            return f"steps.{name}.approved"
        case ("ok", name):
            return f"steps.{name}.ok"
        case ("field", number):
            return f"finding.count > {number}"
        case ("not", inner):
            return f"!({source(inner)})"
        case ("and", left, right):
            return f"{_bracket(left)} && {_bracket(right)}"
        case ("or", left, right):
            return f"{_bracket(left)} || {_bracket(right)}"
        case ("if", test, left, right):
            return f"{_bracket(test)} ? {_bracket(left)} : {_bracket(right)}"
        case _:
            raise AssertionError(condition)


def _bracket(condition: Condition) -> str:
    text = source(condition)
    return f"({text})" if condition[0] in ("or", "if", "not") else text


def written(node: Node) -> Node:
    """A node as YAML data: conditions as text, walker's words left out."""
    found: Node = {key: value for key, value in node.items() if key not in ("when", "body", "book")}
    for key in ("on_reject", "otherwise", "parallel"):
        if key in node:
            found[key] = [written(each) for each in node[key]]
    if "when" in node:
        found["when"] = source(node["when"])
    if isinstance(node.get("on_failure"), dict):
        found["on_failure"] = {**node["on_failure"], "do": [written(each) for each in node["on_failure"]["do"]]}
    if "choose" in node:
        found["choose"] = [_branch(each) for each in node["choose"]]
    return found


def _branch(branch: Node) -> Node:
    steps = [written(each) for each in branch["body"]]
    return {"when": source(branch["when"]), "steps": steps} if "when" in branch else {"otherwise": steps}


# -- random playbooks --------------------------------------------------------------------------------------------------


@dataclass
class Draft:
    """Names that are already there while a playbook is made up."""

    gates: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])
    changes: list[str] = field(default_factory=list[str])
    bound: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    number: int = 0
    prefix: str = ""
    callee: Node | None = None

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{self.prefix}{kind}{self.number}"


@st.composite
def bodies(draw: st.DrawFn, draft: Draft, *, depth: int = 0, kinds: str, longest: int = 4) -> list[Node]:
    """A list of steps; `kinds` says which may occur."""
    count = draw(st.integers(1, longest))
    return [draw(_nodes(draft, depth, kinds)) for _ in range(count)]


@st.composite
def _conditions(draw: st.DrawFn, draft: Draft) -> Condition:
    atoms: list[Condition] = [("field", number) for number in (1, 2)]
    atoms += [("approved", name) for name in draft.gates] * 2 + [("ok", name) for name in draft.done]
    atom = st.sampled_from(atoms)
    pair = st.tuples(st.sampled_from(["and", "or"]), atom, atom)
    return draw(
        st.one_of(atom, atom, pair, atom.map(lambda each: ("not", each)), st.tuples(st.just("if"), atom, atom, atom))
    )


@st.composite
def _nodes(draw: st.DrawFn, draft: Draft, depth: int, kinds: str) -> Node:
    usable = [kind for kind in kinds if depth < 2 or kind not in "pc"]
    kind = draw(st.sampled_from(usable))
    node = _MAKERS[kind](draw, draft, depth, kinds)
    if kind == "b" and draft.gates and draw(st.integers(0, 4)):
        gate = draw(st.sampled_from(draft.gates))
        draft.bound.setdefault(gate, []).append(node["id"])
        more = draw(_conditions(draft))
        given: Condition = ("approved", gate)
        forms: list[Condition] = [given, given, ("and", given, more), ("or", given, more), ("if", more, given, more)]
        node["when"] = draw(st.sampled_from(forms))
    elif draft.gates and draw(st.booleans()) and kind != "a":
        node["when"] = draw(_conditions(draft))
        if kind != "s" and draw(st.integers(0, 3)) == 0:
            node["otherwise"] = draw(bodies(draft, depth=2, kinds=kinds, longest=1))
    elif draw(st.integers(0, 4)) == 0:
        node["when"] = draw(_conditions(draft))
    draft.done.append(node["id"])
    return node


def _change(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    node: Node = {"id": draft.name("change"), **CHANGE, "undo": "auto"}
    draft.changes.append(node["id"])
    if draw(st.integers(0, 2)) == 0:
        node["verify"] = {"do": "probe.expect_blocked"}
    return _failing(node, draw, draft, kinds)


def _probe(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    return _failing({"id": draft.name("probe"), **PROBE}, draw, draft, kinds)


def _failing(node: Node, draw: Any, draft: Draft, kinds: str) -> Node:
    how = draw(st.integers(0, 5))
    if how == 0:
        node["on_failure"] = "continue"
    elif how == 1:
        steps = draw(bodies(draft, depth=2, kinds=kinds, longest=1))
        node["on_failure"] = {"do": steps, "then": draw(st.sampled_from(["fail", "continue"]))}
    return node


def _approve(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    node: Node = {"id": draft.name("gate")}
    if draw(st.integers(0, 4)) == 0:
        node["on_reject"] = draw(bodies(draft, depth=2, kinds=kinds, longest=1))
    node["approve"] = {"ask": "Sure?", "need": [{"from": ["team:appsec"]}], "expires": "1h", "binds": []}
    draft.gates.append(node["id"])
    return node


def _parallel(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    node: Node = {"id": draft.name("both"), "parallel": draw(bodies(draft, depth=depth + 1, kinds=kinds, longest=2))}
    return _proved(node, draw)


def _choose(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    branches: list[Node] = [
        {"when": draw(_conditions(draft)), "body": draw(bodies(draft, depth=depth + 1, kinds=kinds, longest=2))}
    ]
    if draw(st.booleans()):
        branches.append({"body": draw(bodies(draft, depth=depth + 1, kinds=kinds, longest=2))})
    return _proved({"id": draft.name("one"), "choose": branches}, draw)


def _proved(node: Node, draw: Any) -> Node:
    if draw(st.integers(0, 3)) == 0:
        node["verify"] = {"do": "probe.expect_healthy", "with": {"host": "a.example.com"}}
    return node


def _stop(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    return {"id": draft.name("stop"), "stop": {"status": draw(st.sampled_from(["done", "failed"]))}}


def _call(draw: Any, draft: Draft, depth: int, kinds: str) -> Node:
    node: Node = {"id": draft.name("call"), "playbook": "inner"}
    if draw(st.integers(0, 2)) == 0:
        node["on_failure"] = "continue"
    return {**node, "book": draft.callee}


_MAKERS: dict[str, Callable[[Any, Draft, int, str], Node]] = {
    "b": _change, "r": _probe, "a": _approve, "p": _parallel, "c": _choose, "s": _stop,
    "k": _call,
}  # fmt: skip


@st.composite
def playbooks(draw: st.DrawFn, *, kinds: str, mode: str, name: str = "drawn", callee: Node | None = None) -> Node:
    """A whole playbook as YAML data, with `body` and `last` for the walker; it may call `callee`."""
    draft = Draft(prefix="" if name == "drawn" else "i", callee=callee)
    body = draw(bodies(draft, kinds=kinds))
    last = draw(bodies(draft, depth=2, kinds=kinds, longest=1)) if draw(st.integers(0, 4)) == 0 else []
    for gate in gates_of([*body, *last]):
        gate["approve"]["binds"] = [
            each for each in draft.changes if each in draft.bound.get(gate["id"], ()) or draw(st.integers(0, 5)) == 0
        ]
    return {"name": name, "mode": mode, "body": body, "last": last}


def gates_of(nodes: list[Node]) -> Iterator[Node]:
    return (node for node in all_nodes(nodes) if "approve" in node)


def all_nodes(nodes: list[Node]) -> Iterator[Node]:
    """Every step, however deep."""
    for node in nodes:
        yield node
        inner = [*node.get("parallel", ()), *node.get("otherwise", ()), *node.get("on_reject", ())]
        inner += [each for branch in node.get("choose", ()) for each in branch["body"]]
        inner += node["on_failure"]["do"] if isinstance(node.get("on_failure"), dict) else []
        yield from all_nodes(inner)


# -- every way through -------------------------------------------------------------------------------------------------


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
