"""Column types on which both databases agree: fixed-width UTC text for times, ASCII text for JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Dialect, String, Text, TypeDecorator

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_Bind = Callable[..., str | None]

# Each type gives its conversion itself: a `process_bind_param` would be called by another function, for every value.


class Moment(TypeDecorator[datetime]):
    """An aware time, stored so that text order is time order."""

    impl = String(27)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> _Bind:
        return _moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Encoded(str):
    """JSON text in ASCII that a `Json` column takes as it is."""

    __slots__ = ()


def encoded(value: Any) -> Encoded:
    """A JSON value as the text that is kept of it."""
    return Encoded(_encode(value))


class Json(TypeDecorator[Any]):
    """A JSON value; ASCII escapes keep what PostgreSQL text refuses (NUL, lone surrogates)."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> _Bind:
        return _json

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Plain(TypeDecorator[str]):
    """Text from anywhere; what no database stores (NUL, lone surrogates) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> _Bind:
        return _plain


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _plain(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone cannot be recorded")
    return _text(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=1024)  # the time of a delivery is in every row that comes of it
def _text(value: datetime) -> str:
    """Of a time in UTC: in other zones two times can be equal and an hour apart (`fold`)."""
    return value.isoformat(timespec="microseconds")[:26] + "Z"


def _json(value: Any) -> str:
    return value if isinstance(value, Encoded) else _encode(value)


def text_column(name: str) -> Column[str]:
    """Text, "" where nothing is said."""
    return Column(name, Plain, nullable=False, default="")


def id_column(name: str) -> Column[str]:
    """Text that is the primary key, or a part of it."""
    return Column(name, Plain, primary_key=True)
