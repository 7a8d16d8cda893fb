"""One byte form per value, so that its digest is the same in every process and release (after RFC 8785)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeGuard

from pydantic import BaseModel

from stanch.shapes import is_mapping

_QUOTED = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: object) -> bytes:
    """The one byte form: keys sorted by UTF-16 code units, no spaces, numbers as ECMAScript prints them.

    Beyond JSON it takes models, enumerations (their value), aware times (RFC 3339, UTC) and durations (seconds).

    Raises:
        ValueError: a number is not finite, a time has no zone, or a text is not Unicode (a lone surrogate).
        TypeError: a value, or the key of a mapping, has no JSON form.
    """
    return _text(value).encode()


def digest(value: object) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def rfc3339(moment: datetime) -> str:
    """The time in UTC, with microseconds only where it has any.

    Raises:
        ValueError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no canonical form")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: object) -> str:
    if type(value) is str:
        return _QUOTED(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, BaseModel):
        return _text(value.model_dump())
    if isinstance(value, Enum):
        return _text(value.value)
    if isinstance(value, str):
        return _QUOTED(value)
    if isinstance(value, int | float):
        return _number(value)
    return _composite(value)


def _composite(value: object) -> str:
    if isinstance(value, datetime):
        return json.dumps(rfc3339(value))
    if isinstance(value, timedelta):
        return _number(value.total_seconds())
    if is_mapping(value):
        return "{" + ",".join([_member(name, value[name]) for name in sorted(value, key=_utf16)]) + "}"
    if _is_array(value):
        return "[" + ",".join([_text(item) for item in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _is_array(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview)


def _member(name: str, value: object) -> str:
    return _QUOTED(name) + ":" + _text(value)


def _utf16(name: Any) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"a key must be text, not {type(name).__name__}")
    return name.encode("utf-16-be")


def _number(value: int | float) -> str:
    if isinstance(value, int):
        return str(int(value))
    if not math.isfinite(value):
        raise ValueError("a number that is not finite has no canonical form")
    if value == 0.0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    return ("-" if sign else "") + _ecmascript("".join(map(str, digits)), exponent)


def _ecmascript(digits: str, exponent: int) -> str:
    """ECMAScript Number::toString over the shortest digits that read back as the same number."""
    point = len(digits) + exponent
    if exponent >= 0 and point <= 21:
        return digits + "0" * exponent
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
