"""Writes a settings file: nested tables, scalars and lists; nothing else is needed here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stanch.shapes import is_mapping


def to_toml(values: Mapping[str, Any]) -> str:
    """The values as TOML text."""
    return "\n".join(_table(values, ())) + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"[{'.'.join(json.dumps(part) for part in path)}]"
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield f"{json.dumps(name)} = {json.dumps(value)}"
    for name, value in values.items():
        if is_mapping(value):
            yield ""
            yield from _table(value, (*path, name))
