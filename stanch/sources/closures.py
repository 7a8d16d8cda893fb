"""JMESPath syntax trees as Python closures: the same results as the library's interpreter, at a third of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jmespath import visitor

from stanch.sources.functions import AdapterFunctions

# The types are tested inline (no helper of stanch.shapes): these few lines run hundreds of times for each finding.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

Evaluate = Callable[[Any], Any]
Node = Any  # a mapping with type, children and value, as the library parses it
_COMPARE = visitor.TreeInterpreter.COMPARATOR_FUNC


def closure(node: Node, engine: visitor.TreeInterpreter, functions: AdapterFunctions) -> Evaluate:
    """A function with the same results as the interpreter has for this tree (tested over all adapters and samples)."""
    steps = _steps(node)
    if steps is not None and len(steps) > 1:
        return _walk(steps)
    build = _BUILDERS.get(node["type"])
    if build is None:  # an expression that a function takes, and nothing else
        return lambda value: engine.visit(node, value)
    children = [closure(child, engine, functions) for child in node["children"] if isinstance(child, dict)]
    return build(node, children, functions)


def holds(value: Any) -> bool:
    """JMESPath's truth: empty text, list and mapping, false and null are false, zero is true."""
    if value is None or value is False:
        return False
    return bool(value) if isinstance(value, str | list | dict) else True


def _field(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    name = node["value"]
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _path(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    def along(value: Any) -> Any:
        for child in children:
            value = child(value)
        return value

    return along


def _steps(node: Node) -> list[str | int] | None:
    """The names and places of a plain path such as `a.b[0].c`; None for everything else."""
    if node["type"] in ("field", "index"):
        return [node["value"]]
    if node["type"] not in ("subexpression", "index_expression"):
        return None
    parts = [_steps(child) for child in node["children"]]
    return None if None in parts else [step for part in parts for step in part or ()]


def _walk(steps: list[str | int]) -> Evaluate:
    def walk(value: Any) -> Any:
        for step in steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    return walk


def _current(_: Node, __: list[Evaluate], ___: AdapterFunctions) -> Evaluate:
    return lambda value: value


def _index(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    number = node["value"]

    def pick(value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= number < len(value):
            return None
        return value[number]

    return pick


def _slice(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    part = slice(*node["children"])
    return lambda value: value[part] if isinstance(value, list) else None


def _or(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    left, right = children

    def either(value: Any) -> Any:
        found = left(value)
        return found if holds(found) else right(value)

    return either


def _and(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    left, right = children

    def both(value: Any) -> Any:
        found = left(value)
        return right(value) if holds(found) else found

    return both


def _not(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    inner = children[0]
    return lambda value: not holds(inner(value))


def _literal(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    constant = node["value"]
    return lambda _value: constant


def _comparator(node: Node, children: list[Evaluate], _: AdapterFunctions) -> Evaluate:
    (left, right), compare = children, _COMPARE[node["value"]]
    if node["value"] in ("eq", "ne"):
        return lambda value: compare(left(value), right(value))

    def ordered(value: Any) -> Any:
        one, other = left(value), right(value)
        return compare(one, other) if _comparable(one) and _comparable(other) else None

    return ordered


def _comparable(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _flatten(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    inner = children[0]

    def flat(value: Any) -> Any:
        base = inner(value)
        if not isinstance(base, list):
            return None
        return [item for part in base for item in (part if isinstance(part, list) else (part,))]

    return flat


def _projection(node: Node, children: list[Evaluate], _: AdapterFunctions) -> Evaluate:
    base_of, each = children[:2]
    keep = children[2] if len(children) > 2 else None
    of_values = node["type"] == "value_projection"

    def project(value: Any) -> Any:
        base = base_of(value)
        if of_values and isinstance(base, dict):
            base = list(base.values())
        elif of_values or not isinstance(base, list):
            return None
        kept = base if keep is None else [item for item in base if holds(keep(item))]
        return [found for item in kept if (found := each(item)) is not None]

    return project


def _list(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    return lambda value: None if value is None else [child(value) for child in children]


def _dict(node: Node, children: list[Evaluate], _: AdapterFunctions) -> Evaluate:
    pairs = [(child["value"], made) for child, made in zip(node["children"], children, strict=True)]
    return lambda value: None if value is None else {name: made(value) for name, made in pairs}


def _pair(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    return children[0]


def _call(node: Node, children: list[Evaluate], functions: AdapterFunctions) -> Evaluate:
    name = node["value"]
    own = functions.own(name)
    if own is None:
        return _library_call(name, children, functions)
    if len(children) == 1:
        only = children[0]
        return lambda value: own(only(value))
    return lambda value: own(*[child(value) for child in children])


def _library_call(name: str, children: list[Evaluate], functions: AdapterFunctions) -> Evaluate:
    """The library checks types against signatures at length; where they plainly fit, the answer is one operation."""
    quick = _QUICK.get(name)

    def call(value: Any) -> Any:
        given = [child(value) for child in children]
        if quick and len(given) == 2 and isinstance(given[0], quick[0]) and isinstance(given[1], quick[1]):
            return quick[2](*given)
        return functions.call_function(name, given)

    return call


_QUICK: dict[str, tuple[Any, Any, Callable[[Any, Any], Any]]] = {
    "contains": ((str, list), str, lambda subject, word: word in subject),
    "starts_with": (str, str, lambda text, start: text.startswith(start)),
}
_BUILDERS: dict[str, Callable[[Node, list[Evaluate], AdapterFunctions], Evaluate]] = {
    "field": _field,
    "subexpression": _path,
    "index_expression": _path,
    "pipe": _path,
    "current": _current,
    "identity": _current,
    "index": _index,
    "slice": _slice,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "literal": _literal,
    "comparator": _comparator,
    "flatten": _flatten,
    "projection": _projection,
    "filter_projection": _projection,
    "value_projection": _projection,
    "multi_select_list": _list,
    "multi_select_dict": _dict,
    "key_val_pair": _pair,
    "function_expression": _call,
}
