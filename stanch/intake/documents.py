"""Redacts a JSON document of which nothing is known, by what its values look like and how its keys are called."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stanch.intake.scrubbing import scrub
from stanch.intake.secrets import MASK, is_secret_name
from stanch.shapes import is_items, is_mapping

_LONGEST_TEXT = 8192
_NAMES = ("name", "key", "header", "headerName", "field", "Name", "Key")
_VALUES = ("value", "val", "values", "Value", "data")
_LONG_NUMBER = 10**8
_WORD = re.compile(r"\s")


def redacted_document(document: Any, *, limit: int) -> str:
    """The document as JSON text, redacted and of at most about `limit` characters: what is beyond is left out."""
    room = _Room(limit)
    return json.dumps(_value(document, room))[: limit + limit // 2]


class _Room:
    """How much may still be kept: the work is bounded by what is kept, not by what was sent."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        self.left -= size + 4
        return self.left > 0


def _value(value: Any, room: _Room) -> Any:
    if isinstance(value, str):
        return _text(value, room)
    if is_mapping(value):
        return dict(_members(value, room))
    if is_items(value):
        return list(_items(value, room))
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LONG_NUMBER:
        text = _text(str(value), room)
        return text if MASK in text else value
    return value if room.take(4) else None


def _text(text: str, room: _Room) -> str:
    text = text if len(text) <= _LONGEST_TEXT else _whole_words(text)
    cleaned = scrub(text, Counter())
    return cleaned if room.take(len(cleaned)) else ""


def _whole_words(text: str) -> str:
    """The beginning, ending between words, so that no secret is cut in half and then not recognised."""
    kept = text[:_LONGEST_TEXT]
    ends = [match.start() for match in _WORD.finditer(kept)]
    return kept[: ends[-1]] if ends else kept[: _LONGEST_TEXT // 2]


def _members(value: Mapping[Any, Any], room: _Room) -> Iterator[tuple[str, Any]]:
    named = any(is_secret_name(name) for key in _NAMES if isinstance(name := value.get(key), str))
    for key, item in value.items():
        if room.left <= 0:
            return
        name = _text(str(key), room)
        secret = is_secret_name(str(key)) or (named and key in _VALUES)
        yield name, _masked(item) if secret else _value(item, room)


def _items(values: Any, room: _Room) -> Iterator[Any]:
    pair = len(values) == 2 and isinstance(values[0], str) and is_secret_name(values[0])
    for number, item in enumerate(values):
        if room.left <= 0:
            return
        yield _masked(item) if pair and number else _value(item, room)


def _masked(value: Any) -> Any:
    """A secret of any form; that there is none may be known."""
    return value if value is None or isinstance(value, bool) or value in ("", [], {}) else MASK
