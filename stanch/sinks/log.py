"""Text for logs: one event is one line of ASCII JSON, whatever the values hold."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stanch.sinks.text import clean, shorten

VALUE_LIMIT = 2000


def log_line(event: str, fields: Mapping[str, object]) -> str:
    """One JSON object without a line break; texts are cleaned and cut, other values keep their type."""
    shown = {clean(name): _value(value) for name, value in fields.items() if name != "event"}
    return json.dumps({"event": clean(event), **shown}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    return shorten(clean(str(value)), VALUE_LIMIT)
