"""Texts with `${{ }}` in them: parsed once when a file loads, filled in later; values are never parsed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from stanch.documents import format_duration
from stanch.expressions._check import Checked, check
from stanch.expressions._errors import ExpressionError, ExpressionFailed, Mistake
from stanch.expressions._evaluate import evaluate
from stanch.expressions._schema import Schema

_OPEN, _CLOSE, _ESCAPED = "${{", "}}", "$${{"


@dataclass(frozen=True)
class Hole:
    """An expression inside a text, and where it starts there."""

    source: str
    offset: int


@dataclass(frozen=True)
class Text:
    """A parsed text: literal parts and holes in turn. `$${{` stands for a literal `${{`."""

    source: str
    parts: tuple[str | Hole, ...]

    @property
    def literal(self) -> str | None:
        """The text itself where it has no hole."""
        return None if self.holes else "".join(part for part in self.parts if isinstance(part, str))

    @property
    def whole(self) -> Hole | None:
        """The one expression that makes up all of it and so keeps its type."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Hole) else None

    @property
    def holes(self) -> tuple[Hole, ...]:
        return tuple(part for part in self.parts if isinstance(part, Hole))


@dataclass(frozen=True)
class CheckedText:
    """A text whose expressions fit their types; `type` is that of the whole result."""

    text: Text
    checked: tuple[Checked, ...]
    type: str

    @property
    def references(self) -> frozenset[str]:
        return frozenset(name for each in self.checked for name in each.references)


@lru_cache(maxsize=4096)
def parse(text: str) -> Text:
    """Split a text at its `${{ }}`.

    Raises:
        ExpressionError: an opening without its end, or nothing in between.
    """
    return Text(text, tuple(_parts(text)))


def _parts(text: str) -> Iterator[str | Hole]:
    position, literal = 0, ""
    while position < len(text):
        if text.startswith(_ESCAPED, position):
            literal, position = literal + _OPEN, position + len(_ESCAPED)
        elif text.startswith(_OPEN, position):
            if literal:
                yield literal
            literal = ""
            hole, position = _hole(text, position + len(_OPEN))
            yield hole
        else:
            literal, position = literal + text[position], position + 1
    if literal:
        yield literal


def _hole(text: str, start: int) -> tuple[Hole, int]:
    end = _end(text, start)
    inner = text[start:end]
    if not inner.strip():
        raise ExpressionError(text, [Mistake("P301", "an empty ${{ }}", "write an expression or remove it", start)])
    return Hole(inner.strip(), start + len(inner) - len(inner.lstrip())), end + len(_CLOSE)


def _end(text: str, start: int) -> int:
    """The closing `}}` that is neither in a quoted text nor the end of a map literal."""
    depth, position = 0, start
    while position < len(text):
        letter = text[position]
        if letter in "'\"":
            position = _after_quote(text, position)
            continue
        if letter == "}" and depth == 0 and text.startswith(_CLOSE, position):
            return position
        depth += {"{": 1, "}": -1}.get(letter, 0)
        position += 1
    raise ExpressionError(
        text, [Mistake("P301", "${{ has no closing }}", "close it, or write $${{ for the text", start)]
    )


def _after_quote(text: str, start: int) -> int:
    quote = text[start]
    position = start + 1
    while position < len(text) and text[position] != quote:
        position += 2 if text[position] == "\\" else 1
    return position + 1


def check_text(text: Text, schema: Schema, *, expect: str = "any") -> CheckedText:
    """Check every expression of a text.

    Args:
        text: from `parse`.
        schema: the names it may use.
        expect: of the result; for a text with parts only `string`, `scalar` and `any` make sense.

    Raises:
        ExpressionError: every mistake, offsets counted from the start of the text.
    """
    inner = expect if text.whole else "scalar"
    checked: list[Checked] = []
    mistakes: list[Mistake] = []
    for hole in text.holes:
        try:
            checked.append(check(hole.source, schema, expect=inner))
        except ExpressionError as error:
            mistakes.extend(_moved(mistake, hole.offset) for mistake in error.mistakes)
    if mistakes:
        raise ExpressionError(text.source, mistakes)
    return CheckedText(text, tuple(checked), checked[0].type if text.whole else "string")


def _moved(mistake: Mistake, by: int) -> Mistake:
    return Mistake(mistake.code, mistake.message, mistake.hint, mistake.offset + by)


def evaluate_text(checked: CheckedText, values: Mapping[str, Any]) -> Any:
    """The filled-in text; a whole expression keeps its type, null inside a text is a failure.

    Raises:
        ExpressionFailed: an expression gave no usable value.
    """
    results = iter([evaluate(each, values) for each in checked.checked])
    if checked.text.whole:
        return next(results)
    return "".join(part if isinstance(part, str) else _shown(next(results)) for part in checked.text.parts)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    raise ExpressionFailed("an expression inside a text gave something that is not text, a number or a time")
