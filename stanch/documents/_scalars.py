"""Plain YAML scalars of the 1.2 core schema that we type; everything else stays text."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)
_INT64 = 2**63


def resolve(text: str) -> Scalar:
    """Type a plain scalar; `no`, `off`, `1:30`, `012` and dates stay text.

    Raises:
        ValueError: a number that neither 64-bit integers nor doubles can hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        return _double(text)
    return text


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else _INT64
    if not -_INT64 <= value < _INT64:
        raise ValueError("number does not fit 64 bits; quote it if it is an identifier")
    return value


def _double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("number is too large; quote it if it is an identifier")
    return value
