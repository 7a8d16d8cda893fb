"""Where a setting stands in stanch.toml, and which name was meant by one that does not exist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel

_TABLE = re.compile(r"\s*\[\[?\s*(.+?)\s*\]\]?\s*(#.*)?")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_KEY = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=")


def line_of(text: str, path: Sequence[str]) -> int:
    """The line of the longest beginning of a path that has one, from 1; 0 where nothing of it is written."""
    best, found, table = 0, 0, tuple[str, ...]()
    for number, line in enumerate(text.splitlines(), start=1):
        if (header := _TABLE.fullmatch(line)) is not None:
            here = table = _parts(header[1])
        elif (key := _KEY.match(line)) is not None:
            here = (*table, *_parts(key[1]))
        else:
            continue
        if len(here) > best and here == tuple(path[: len(here)]):
            best, found = len(here), number
    return found


def _parts(text: str) -> tuple[str, ...]:
    return tuple(next(filter(None, match.groups()), "") for match in _PART.finditer(text))


def meant(model: type[BaseModel], path: Sequence[str]) -> str:
    """What to do about a name that is not there: where it belongs, or how it is spelt; "" where nobody can tell."""
    name, known = path[-1], _names(model, path[:-1])
    if len(path) > 1 and name in model.model_fields:
        return f"{name} is a setting of its own: write it above the first [section]"
    close = get_close_matches(name, known, n=1)
    return f"did you mean {'.'.join((*path[:-1], close[0]))}?" if close else ""


def _names(model: type[BaseModel], path: Sequence[str]) -> tuple[str, ...]:
    """The names that a section takes."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(part)
            here = field.annotation if field is not None else None
        elif get_origin(here) in (dict, Mapping):
            here = get_args(here)[1]
    return tuple(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else ()
