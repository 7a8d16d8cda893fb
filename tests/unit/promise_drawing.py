"""Random playbooks as plain data, with conditions as trees of their own; nothing here knows the loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

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
