"""The engine's compile errors, told as mistakes with codes and hints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from stanch.expressions import _habits
from stanch.expressions._descriptors import PACKAGE
from stanch.expressions._engine import typed
from stanch.expressions._errors import ExpressionError, Mistake
from stanch.expressions._schema import Schema

MAX_SOURCE = 2_000

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_FIELD = re.compile(rf"undefined field '(\w+)' not found in struct '{PACKAGE}\.(\w+)'")
_NAME = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")


def compile_typed(source: str, schema: Schema) -> Any:
    """The engine's checked expression.

    Raises:
        ExpressionError: with each mistake that the engine found.
    """
    if len(source) > MAX_SOURCE:
        message = f"the expression is longer than {MAX_SOURCE:,} characters"
        raise ExpressionError(source, [Mistake("P307", message, "split it into several steps or rules")])
    if "\x00" in source:
        raise ExpressionError(source, [Mistake("P301", "the expression contains a NUL character")])
    try:
        return typed(schema).compile(source)
    except RuntimeError as error:
        raise ExpressionError(source, _mistakes(str(error), source, schema)) from None


def _mistakes(text: str, source: str, schema: Schema) -> list[Mistake]:
    if "recursion limit" in text:
        return [Mistake("P307", "the expression is nested too deeply", "split it")]
    found = [mistake for mistake in _each(text, source, schema) if mistake]
    syntax = [mistake for mistake in found if mistake.message.startswith("syntax")]
    if syntax:
        return syntax[:1]  # what follows a syntax error is noise
    if found:
        return sorted(set(found), key=lambda mistake: mistake.offset)
    return [Mistake("P301", "the expression does not compile")]


def _each(text: str, source: str, schema: Schema) -> Iterator[Mistake | None]:
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for row, column, message in _ERROR.findall(text):
        if int(row) < 1:
            continue
        yield _mistake(message, starts[int(row) - 1] + int(column) - 1, source, schema)


def _mistake(message: str, offset: int, source: str, schema: Schema) -> Mistake | None:
    if match := _FIELD.search(message):
        known = schema.records[match[2]].fields
        start = offset + 1 if source[offset : offset + 1] == "." else offset
        return Mistake("P303", f"unknown field '{match[1]}'", _suggest(match[1], known), start)
    if match := _NAME.search(message):
        return _unknown(match[1], offset, source, schema)
    if match := _OVERLOAD.search(message):
        return _overload(match[1], match[2], offset)
    if "*error*" in message:
        return None  # follows from a mistake already told
    if message.startswith("Syntax error") or "unsupported syntax" in message:
        return Mistake("P301", "syntax error", _habits.for_syntax(source), min(offset, len(source)))
    hint = "write size(x) for how long it is" if "list(" in message and "select" in message else ""
    return Mistake("P301", f"does not compile: {message[:200]}", hint, max(offset, 0))


def _unknown(name: str, offset: int, source: str, schema: Schema) -> Mistake:
    called = source[offset : offset + 1] == "(" or source[offset + len(name) :].lstrip().startswith("(")
    if called:
        return Mistake("P301", f"unknown function '{name}'", _habits.for_function(name), offset)
    root = name.split(".")[0]  # for `a.b` the engine points at the dot
    start = source.rfind(root, 0, offset + len(root)) if root != name else offset
    return Mistake(
        "P303", f"unknown name '{root}'", _habits.for_name(root, _suggest(root, schema.roots)), max(start, 0)
    )


def _overload(function: str, arguments: str, offset: int) -> Mistake | None:
    kinds = _split(arguments)
    if "*error*" in kinds:
        return None
    symbol = function.replace("_", " ").replace("@", "").strip()
    shown = " and ".join(_plain(kind) for kind in kinds)
    if {"int", "double"} <= set(kinds):
        return Mistake("P306", f"'{symbol}' mixes int and double", "write 7.0 instead of 7", offset)
    return Mistake("P301", f"'{symbol}' does not work with {shown}", _habits.for_operands(kinds, symbol), offset)


def _split(arguments: str) -> list[str]:
    return re.findall(r"[^,()]+(?:\([^()]*\))?", arguments.replace(", ", ","))


def _plain(kind: str) -> str:
    kind = re.sub(rf"{PACKAGE}\.\w+", "a record", kind)
    return kind.replace("google.protobuf.", "").replace("*", "")


def _suggest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known here: {', '.join(sorted(names))}" if 0 < len(names) <= 20 else ""
