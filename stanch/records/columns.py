"""Column types on which both databases agree: fixed-width UTC text for times, ASCII text for JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Dialect, String, Text, TypeDecorator

_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


class Moment(TypeDecorator[datetime]):
    """An aware time, stored so that text order is time order."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be recorded")
        return value.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Encoded(str):
    """JSON text in ASCII that a `Json` column takes as it is."""

    __slots__ = ()


class Json(TypeDecorator[Any]):
    """A JSON value; ASCII escapes keep what PostgreSQL text refuses (NUL, lone surrogates)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        if isinstance(value, Encoded):
            return value
        return _encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Plain(TypeDecorator[str]):
    """Text from anywhere; what no database stores (NUL, lone surrogates) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def text_column(name: str) -> Column[str]:
    """Text, "" where nothing is said."""
    return Column(name, Plain, nullable=False, default="")


def id_column(name: str) -> Column[str]:
    """Text that is the primary key, or a part of it."""
    return Column(name, Plain, primary_key=True)
