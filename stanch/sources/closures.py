"""JMESPath syntax trees as Python closures: the common nodes without an interpreter, the rest handed to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jmespath import visitor

from stanch.shapes import is_dict, is_list
from stanch.sources.functions import AdapterFunctions

Evaluate = Callable[[Any], Any]
Node = Any  # a mapping with type, children and value, as the library parses it


def closure(node: Node, engine: visitor.TreeInterpreter, functions: AdapterFunctions) -> Evaluate:
    """A function with the same results as the interpreter has for this tree (tested over all adapters and samples)."""
    build = _BUILDERS.get(node["type"])
    if build is None:
        return lambda value: engine.visit(node, value)
    children = [closure(child, engine, functions) for child in node["children"]]
    return build(node, children, functions)


def holds(value: Any) -> bool:
    """JMESPath's truth: empty text, list and mapping, false and null are false, zero is true."""
    if value is None or value is False:
        return False
    return bool(value) if isinstance(value, str) or is_list(value) or is_dict(value) else True


def _field(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    name = node["value"]
    return lambda value: value.get(name) if is_dict(value) else None


def _subexpression(_: Node, children: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    def walk(value: Any) -> Any:
        for child in children:
            value = child(value)
        return value

    return walk


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


def _literal(node: Node, _: list[Evaluate], __: AdapterFunctions) -> Evaluate:
    constant = node["value"]
    return lambda _value: constant


def _call(node: Node, children: list[Evaluate], functions: AdapterFunctions) -> Evaluate:
    name = node["value"]
    own = functions.own(name)
    if own is not None:
        return lambda value: own(*[child(value) for child in children])
    return lambda value: functions.call_function(name, [child(value) for child in children])


_BUILDERS: dict[str, Callable[[Node, list[Evaluate], AdapterFunctions], Evaluate]] = {
    "field": _field,
    "subexpression": _subexpression,
    "or_expression": _or,
    "and_expression": _and,
    "literal": _literal,
    "function_expression": _call,
}
