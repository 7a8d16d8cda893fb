"""Runs checked expressions; whatever goes wrong is a failure, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from stanch.expressions._check import Checked, fits
from stanch.expressions._engine import is_error, program
from stanch.expressions._errors import ExpressionFailed
from stanch.expressions._values import View, Wanted, plain
from stanch.expressions._walk import Path


def evaluate(checked: Checked, values: Mapping[str, Any]) -> Any:
    """The value of an expression, deterministic in `values`.

    Args:
        checked: from `check`.
        values: root name -> plain data or model, as the schema declares; what is absent may be left out.

    Raises:
        ExpressionFailed: no value, or one of a kind that was not asked for.
    """
    view = View(checked.caps)
    wanted = _wanted(checked.reads)
    roots = checked.schema.roots
    data = {name: view.of(roots[name], values.get(name), below) for name, below in wanted.items() if name in roots}
    result = _run(checked, data)
    if not fits(_kind(result), checked.expect):
        raise ExpressionFailed(f"the result is {_kind(result)}, not {checked.expect}")
    return result


def _run(checked: Checked, data: dict[str, Any]) -> Any:
    try:
        value = program(checked.source, frozenset(checked.schema.roots)).eval(data=data)
        failed = is_error(value)
        plain_value = None if failed else plain(value.plain_value())
    except (RuntimeError, ValueError, OverflowError, UnicodeError, TypeError):
        raise ExpressionFailed("the expression did too much work or met a value it cannot use") from None
    if failed:
        raise ExpressionFailed(_reason(str(value.value())))
    return plain_value


def _reason(text: str) -> str:
    """The engine's error texts may quote data, so only their kind is told."""
    if text.startswith("NOT_FOUND") or "no such key" in text:
        return "the expression reads a field that is absent"
    if "divide by zero" in text or "modulus by zero" in text:
        return "the expression divides by zero"
    if text.startswith("OUT_OF_RANGE"):
        return "a number in the expression is out of range"
    return "the expression gave no value"


@lru_cache(maxsize=4096)
def _wanted(reads: frozenset[Path]) -> Wanted:
    """The paths as a tree; a path that is read whole swallows those below it."""
    tree: Wanted = {}
    whole = {path for path in reads if not any(other != path and path[: len(other)] == other for other in reads)}
    for path in whole:
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    return tree


def _kind(value: Any) -> str:
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "null"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime, "timestamp"),
    (timedelta, "duration"),
    (list, "list"),
    (dict, "map"),
)
