"""Conditions of rules: the one schema they are checked against, and their value with the parts that explain it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stanch.expressions import Checked, ExpressionError, ExpressionFailed, Schema, check, evaluate
from stanch.views import FindingView

SCHEMA = Schema({"finding": FindingView})

CODES = {"P304": "R003"}  # what the expression checker calls it; every other code is R002 here


def checked(source: str) -> Checked:
    """The condition, checked; raises ExpressionError."""
    return check(source, SCHEMA, expect="bool")


@dataclass(frozen=True)
class Verdict:
    """What a condition came to; `failed` where it gave no value, which counts as false."""

    value: bool
    failed: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self.failed:
            return f"counts as false: {self.failed}"
        shown = "; ".join(f"{source} is {value}" for source, value in self.parts)
        return ("true" if self.value else "false") + (f" ({shown})" if len(self.parts) > 1 else "")


def judge(source: str, finding: FindingView) -> Verdict:
    """Evaluate a condition on a finding."""
    parts = tuple((part, _shown(part, finding)) for part in top_level(source))
    try:
        return Verdict(bool(evaluate(checked(source), {"finding": finding})), parts=parts)
    except ExpressionFailed as error:
        return Verdict(value=False, failed=error.message, parts=parts)


def _shown(part: str, finding: FindingView) -> str:
    try:
        return "true" if evaluate(checked(part), {"finding": finding}) else "false"
    except (ExpressionFailed, ExpressionError):
        return "unknown"


def top_level(source: str) -> list[str]:
    """The parts of a condition between its outermost `&&` and `||`."""
    return outermost(source, "&&", "||")


def outermost(source: str, *marks: str) -> list[str]:
    """The parts of a condition between marks that stand in no bracket and no text."""
    parts, depth, start = list[str](), 0, 0
    for position, letter in _code(source):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(letter, 0)
        mark = next((each for each in marks if depth == 0 and source.startswith(each, position)), "")
        if mark:
            parts.append(source[start:position].strip())
            start = position + len(mark)
    return [part for part in (*parts, source[start:].strip()) if part]


def _code(source: str) -> Iterator[tuple[int, str]]:
    """Characters outside quoted texts."""
    quote, position = "", 0
    while position < len(source):
        letter = source[position]
        if quote:
            position += 1 if letter == "\\" else 0
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            yield position, letter
        position += 1
