"""Durations as people write them: `30m`, `4h`, `7d`, `9d2h`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_LONGEST = 36_500 * 86_400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Raises:
        ValueError: it is not a run of number-unit parts (ms, s, m, h, d, w).
    """
    squeezed = text.replace(" ", "")
    parts = _PART.findall(squeezed)
    if not parts or "".join(number + unit for number, unit in parts) != squeezed:
        raise ValueError(f"not a duration: {text[:40]!r}; write it like 30m, 4h or 7d")
    seconds = sum(int(number[:15]) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST or any(len(number) > 15 for number, _ in parts):
        raise ValueError("a duration may be a hundred years at most")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest way people write it: `1d12h`, `30m`, `0s`."""
    seconds = int(value.total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _coerce(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) and not value.startswith(("P", "-P")) else value


Duration = Annotated[timedelta, BeforeValidator(_coerce)]
