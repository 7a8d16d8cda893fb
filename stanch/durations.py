"""Durations as people write them: `30m`, `4h`, `9d2h`, `1w`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PATTERN = r"^(\d{1,9}w)?(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?$"
_FORM = re.compile(_PATTERN.replace("$", r"\Z"), re.ASCII)
_LONGEST = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Read a duration: whole numbers with the units w, d, h, m, s, largest first, each at most once.

    Raises:
        ValueError: in words for the author of the file.
    """
    match = _FORM.match(text)
    if not match or not text:
        raise ValueError(f"{text[:40]!r} is not a duration; write for example 30m, 4h, 7d or 9d2h")
    seconds = sum(int(part[:-1]) * _UNITS[part[-1]] for part in match.groups() if part)
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text} is longer than a hundred years")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same one back (whole seconds)."""
    rest, parts = int(value.total_seconds()), ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, _UNITS[unit])
        parts += f"{count}{unit}" if count else ""
    return parts or "0s"


def _read(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError("a duration needs a unit; write for example 30m, 4h or 7d")


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["30m", "4h", "7d"]}),
]
"""A model field written as `4h` and read as a timedelta."""
