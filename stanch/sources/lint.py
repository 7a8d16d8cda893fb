"""Finds what is wrong with an expression before it is used: syntax, names, arguments, and the traps of JMESPath."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import jmespath
from jmespath import exceptions
from jmespath.lexer import Lexer

from stanch.shapes import is_dict
from stanch.sources.functions import AdapterFunctions

_LEFT_ONLY = frozenset(
    (
        "subexpression",
        "index_expression",
        "projection",
        "filter_projection",
        "value_projection",
        "flatten",
        "slice",
        "pipe",
    )
)
_COMPARING = frozenset({"eq", "ne"})
_NEED_A_MAPPING = frozenset({"keys", "values"})


class Mistake(NamedTuple):
    """What is wrong, and at which character of the expression (from 0)."""

    code: str
    message: str
    offset: int


def mistakes(text: str, *, roots: Collection[str] | None = None, tables: Collection[str] = ()) -> list[Mistake]:
    """Everything wrong with an expression; `roots` are the names it may start from."""
    try:
        tree: Any = jmespath.compile(text).parsed
    except (exceptions.JMESPathError, ValueError) as error:
        position = getattr(error, "lex_position", None)
        offset = min(position, len(text)) if isinstance(position, int) else len(text)
        return [Mistake("S004", f"not a JMESPath expression at character {offset + 1}", offset)]
    tokens: list[Any] = list(Lexer().tokenize(text))
    found = [problem for node in _nodes(tree) for problem in _node_mistakes(node, tables)]
    placed = [Mistake(code, message, _offset(tokens, mark)) for code, message, mark in found]
    placed += _traps(tokens)
    if roots is not None:
        known = ", ".join(sorted(roots))
        wrong = dict.fromkeys(name for name in _roots(tree) if name not in roots)
        placed += [
            Mistake("S005", f"unknown name '{name}': it may start with {known}", _offset(tokens, name))
            for name in wrong
        ]
    return placed


def _node_mistakes(node: dict[str, Any], tables: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """(code, message, the token it is about)."""
    kinds = [child["type"] for child in node["children"] if is_dict(child)]
    if node["type"] == "pipe" and "or_expression" in kinds:
        yield "S006", "`|` binds weaker than `||`: write first(list) or (list)[0] instead of `list | [0]`", "|"
    if node["type"] in _LEFT_ONLY and node["type"] != "pipe" and kinds[:1] == ["not_expression"]:
        yield "S006", "`!` binds stronger than `.` and `[`: write !(a.b)", "!"
    if node["type"] == "function_expression":
        yield from _call_mistakes(node, tables)


def _call_mistakes(node: dict[str, Any], tables: Collection[str]) -> Iterator[tuple[str, str, str]]:
    name, given = node["value"], node["children"]
    if name not in AdapterFunctions.FUNCTION_TABLE:
        yield "S005", f"unknown function '{name}'", name
        return
    signature = AdapterFunctions.FUNCTION_TABLE[name]["signature"]
    any_number = bool(signature) and signature[-1].get("variadic", False)
    if len(given) != len(signature) and not (any_number and len(given) > len(signature)):
        yield "S005", f"{name}() takes {len(signature)} arguments, not {len(given)}", name
    if name == "table" and given and given[0].get("value") not in tables:
        yield "S005", f"unknown table '{given[0].get('value')}'", name
    if name in _NEED_A_MAPPING and given and given[0]["type"] in ("field", "subexpression"):
        yield "S006", f"{name}() fails where nothing is there: write {name}(a.b || `{{}}`)", name


def _traps(tokens: list[Any]) -> Iterator[Mistake]:
    kinds = [token["type"] for token in tokens]
    for number, token in enumerate(tokens):
        after = kinds[number + 1 : number + 5]
        if token["type"] == "star" and after == ["dot", "unquoted_identifier", "dot", "unquoted_identifier"]:
            message = "after `.*.name` a further name gives null: write values(...)[].name.name"
            yield Mistake("S006", message, token["start"])
        if token["type"] == "quoted_identifier" and kinds[number - 1] in _COMPARING and after[:1] != ["dot"]:
            message = f'"{token["value"]}" is the name of a key; a text stands in single quotes'
            yield Mistake("S006", message, token["start"])


def _offset(tokens: list[Any], mark: str) -> int:
    """Where a name or sign first stands, the beginning where it cannot be told."""
    return next((token["start"] for token in tokens if token["value"] == mark), 0)


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
