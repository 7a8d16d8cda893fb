"""Readings of odd values that functions of adapters share; none of them raises."""

from __future__ import annotations

import math
from typing import Any

from stanch.shapes import is_dict, is_list


def uncapital(key: Any) -> Any:
    """A key begun in lower case."""
    return key[:1].lower() + key[1:] if isinstance(key, str) else key


def inner(value: Any) -> str:
    """The text of a value, or of the `value` in it."""
    value = value.get("value") if is_dict(value) else value
    return value if isinstance(value, str) else ""


def header_pairs(headers: Any) -> list[tuple[Any, Any]]:
    """Name and value of each header in a list."""
    rows: list[Any] = headers if is_list(headers) else []
    return [(row.get("name"), row.get("value")) for row in rows if is_dict(row)]


def number_in(value: Any) -> float | None:
    """A finite number, None for everything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
