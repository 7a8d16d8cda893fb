"""Times as tools write them (RFC 3339, epoch seconds to nanoseconds) as aware UTC datetimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[ T]?(\d\d:\d\d(?::\d\d)?)?(\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d+)?")
_TOO_LARGE = 10**21  # beyond nanoseconds of any year; a longer number would not fit a float
_LATEST = 253_402_300_799  # end of the year 9999, in seconds


def parse_time(value: Any) -> datetime | None:
    """A UTC datetime, or None where the value is no time; text without an offset counts as UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return _from_epoch(float(value)) if abs(value) < _TOO_LARGE else None
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return _from_epoch(float(text))
    return _from_text(text)


def _from_epoch(number: float) -> datetime | None:
    if not number > 0:  # also where it is not a number
        return None
    for _ in range(3):  # milliseconds, microseconds, nanoseconds: by magnitude
        if number > 100_000_000_000:
            number /= 1000
    return datetime.fromtimestamp(number, UTC) if number <= _LATEST else None


def _from_text(text: str) -> datetime | None:
    found = _DATE.match(text[:64])
    if not found:
        return None
    day, clock, fraction, offset = found.groups()
    offset = (offset or "Z").upper().replace("UTC", "+00:00").replace("Z", "+00:00")
    if len(offset) == 5:
        offset = f"{offset[:3]}:{offset[3:]}"
    clock = clock or "00:00:00"
    clock = clock if len(clock) == 8 else f"{clock}:00"
    try:
        return datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
