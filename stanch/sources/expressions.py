"""JMESPath for adapters: compiled once, guarded at run time, linted for the traps of the language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import jmespath
from jmespath import exceptions, visitor

from stanch.shapes import is_dict
from stanch.sources.closures import Evaluate, closure
from stanch.sources.functions import AdapterFunctions, Tables

_LOST_PROJECTION = re.compile(r"\.\*\.\w+\.\w")
_LEFT_ONLY = frozenset(("subexpression", "index_expression", "projection", "filter_projection", "value_projection")) | {
    "flatten",
    "slice",
    "pipe",
}
_GUARDED = (
    exceptions.JMESPathError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)


class Failed:
    """What an expression gives that could not be evaluated; `reason` is the kind of error, never data."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Engine:
    """Compiles expressions for one adapter, with its tables."""

    def __init__(self, tables: Tables | None = None) -> None:
        self._functions = AdapterFunctions(tables)
        self._interpreter = visitor.TreeInterpreter(jmespath.Options(custom_functions=self._functions))

    def compile(self, text: str) -> Evaluate:
        """A function of the root value; it gives `Failed` where the expression raises."""
        tree: Any = jmespath.compile(text).parsed
        inner = closure(tree, self._interpreter, self._functions)

        def evaluate(root: Any) -> Any:
            try:
                return inner(root)
            except _GUARDED as error:
                return Failed(type(error).__name__)

        return evaluate


def mistakes(text: str, *, roots: Collection[str] | None = None, tables: Collection[str] = ()) -> list[tuple[str, str]]:
    """(code, message) of everything wrong with an expression; `roots` are the names it may start from."""
    try:
        tree: Any = jmespath.compile(text).parsed
    except (exceptions.JMESPathError, ValueError) as error:
        position = getattr(error, "lex_position", None)
        place = f" at character {position + 1}" if isinstance(position, int) else ""
        return [("S004", f"not a JMESPath expression{place}")]
    found = [problem for node in _nodes(tree) for problem in _node_mistakes(node, tables)]
    if _LOST_PROJECTION.search(text):
        found.append(("S006", "after `.*.name` a further name gives null: write values(...)[].name.name"))
    if roots is not None:
        wrong = [name for name in _roots(tree) if name not in roots]
        found += [("S005", f"unknown name '{name}': it may start with {', '.join(sorted(roots))}") for name in wrong]
    return found


def _node_mistakes(node: dict[str, Any], tables: Collection[str]) -> Iterator[tuple[str, str]]:
    if node["type"] == "pipe" and "or_expression" in (child["type"] for child in node["children"]):
        yield "S006", "`|` binds weaker than `||`: write first(list) or (list)[0] instead of `list | [0]`"
    if node["type"] != "function_expression":
        return
    if node["value"] not in AdapterFunctions.FUNCTION_TABLE:
        yield "S005", f"unknown function '{node['value']}'"
    first: dict[str, Any] = node["children"][0] if node["children"] else {}
    if node["value"] == "table" and first.get("value") not in tables:
        yield "S005", f"unknown table '{first.get('value')}'"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if not is_dict(tree):
        return
    yield tree
    for child in tree.get("children", ()):
        yield from _nodes(child)


def _roots(tree: dict[str, Any]) -> Iterator[str]:
    """Names looked up in the root value itself, not in what another part of the expression gave."""
    if tree["type"] == "field":
        yield tree["value"]
    elif tree["type"] != "expref":
        children = [child for child in tree["children"] if is_dict(child)]
        for child in children[:1] if tree["type"] in _LEFT_ONLY else children:
            yield from _roots(child)
