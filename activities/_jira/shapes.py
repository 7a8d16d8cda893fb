"""Configured values in the shape that a Jira field takes, from what the create screen says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from activities._jira.screens import ScreenField
from activities._jira.text import adf

_BY_NAME = frozenset({"priority", "resolution", "version", "component", "securitylevel", "group", "issuetype"})
_TEXTAREA = ":textarea"


def shaped(value: Any, screen: ScreenField | None, *, cloud: bool) -> Any:
    """The value as Jira wants it; one that is an object already goes as it was written.

    A plain word becomes an option, a user, a priority; for an array a single value becomes a list of one.
    """
    if screen is None or isinstance(value, dict):
        return _plain(value)
    if screen.kind == "array":
        values = value if isinstance(value, list | tuple) else [value]
        return [_one(each, screen.items, screen, cloud=cloud) for each in values]
    return _one(value, screen.kind, screen, cloud=cloud)


def _one(value: Any, kind: str, screen: ScreenField, *, cloud: bool) -> Any:
    if isinstance(value, dict | list | tuple):
        return _plain(value)
    text = str(value)
    if kind == "option-with-child":
        parent, _, child = (part.strip() for part in text.partition(">"))
        return {"value": parent, **({"child": {"value": child}} if child else {})}
    if kind == "option":
        return {"value": text}
    if kind == "user":
        return user_reference(text, cloud=cloud)
    if kind == "project":
        return {"key": text}
    if kind in _BY_NAME:
        return {"name": text}
    if kind == "number":
        return _number(value)
    if kind == "string" and cloud and screen.custom.endswith(_TEXTAREA):
        return adf(text)
    return text if kind == "string" else _plain(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value  # Jira refuses it and names the field


def _plain(value: Any) -> Any:
    """Dates as Jira writes them; the rest is JSON already."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def user_reference(account: str, *, cloud: bool) -> dict[str, str]:
    return {"accountId": account} if cloud else {"name": account}


def words_of(value: Any) -> tuple[str, ...]:
    """The names of options in a configured value."""
    values = value if isinstance(value, list | tuple) else [value]
    names = (each.get("value") or each.get("name") if isinstance(each, Mapping) else each for each in values)
    return tuple(str(name) for name in names if name is not None)


def example(screen: ScreenField) -> str:
    """How a value for the field is written in stanch.toml."""
    kind = screen.items if screen.kind == "array" else screen.kind
    word = screen.allowed[0] if screen.allowed else {"user": "an account", "date": "2026-01-31"}.get(kind, "...")
    text = "1" if kind == "number" else '"' + word.replace("\\", "\\\\").replace('"', '\\"')[:60] + '"'
    return f"{screen.id} = [{text}]" if screen.kind == "array" else f"{screen.id} = {text}"
