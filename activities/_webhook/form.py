"""Puts values into a device's requests, each by its type: no value can become a part of the request's form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from activities._webhook.settings import Ask, Kind
from stanch.actions.webhooks import Value
from stanch.devices import HOLE
from stanch.errors import Rejected
from stanch.guards import targets

MAX_TEXT = 2048
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Filled:
    """A request as it is sent: `target` is its path and query, `body` is JSON or empty."""

    method: str
    target: str
    body: bytes
    expect: tuple[int, ...]


def checked(given: Mapping[str, Value], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The values in normal form.

    Raises:
        Rejected: V040, one has no such name, or is not what its kind says.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is None:
            raise _unfit(f"the section declares no parameter {name[:64]!r}")
        try:
            found[name] = _READ[kind](value)
        except (ValueError, TypeError):
            raise _unfit(f"the value of {name} is not of kind {kind}") from None
    return found


def fill(ask: Ask, values: Values) -> Filled:
    """A request with its values.

    Raises:
        Rejected: V040, one that it needs was not given, or cannot be part of a path.
    """
    path = "/".join(_segment(part, values) for part in ask.path.split("/"))
    query = urlencode({name: _text(_value(item, values)) for name, item in ask.query.items()}, quote_via=quote)
    body = b"" if ask.body is None else json.dumps(_value(ask.body, values), allow_nan=False).encode()
    return Filled(ask.method, f"{path}?{query}" if query else path, body, ask.expect)


def host_of(template: str, values: Values) -> str:
    """The device's address with its labels."""
    return HOLE.sub(lambda hole: str(_needed(hole[1], values)), template)


def _segment(part: str, values: Values) -> str:
    """One segment of a path; a value can neither end it nor make it lead upwards."""
    made = HOLE.sub(lambda hole: quote(_text(_needed(hole[1], values)), safe=""), part)
    if part and made in ("", ".", ".."):
        raise _unfit("a value cannot be part of a path")
    return made


def _value(node: Any, values: Values) -> Any:
    if isinstance(node, Mapping):
        if set(node) == {"param"} and isinstance(node["param"], str):
            return _needed(node["param"], values)
        return {str(name): _value(child, values) for name, child in node.items()}
    if isinstance(node, list | tuple):
        return [_value(child, values) for child in node]
    return node


def _needed(name: str, values: Values) -> Any:
    if name not in values:
        raise _unfit(f"the request needs {name}, and it was not given")
    return values[name]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _as_text(value: Value) -> str:
    text = str(value) if isinstance(value, str) else ""
    if not text.strip() or len(text) > MAX_TEXT or not text.isprintable():
        raise ValueError
    return text


def _as_integer(value: Value) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", str(value), re.ASCII):
        raise ValueError
    return int(value)


def _as_boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _as_address(value: Value) -> str:
    import ipaddress

    network = ipaddress.ip_network(_as_text(value), strict=True)
    if network.prefixlen == 0:
        raise ValueError  # everybody
    return str(network).removesuffix("/32").removesuffix("/128")


def _as_host(value: Value) -> str:
    return targets.host_name(_as_text(value))


def _as_path(value: Value) -> str:
    text = _as_text(value)
    targets.path_pattern(text)
    if not text.startswith("/"):
        raise ValueError
    return text


def _as_label(value: Value) -> str:
    text = _as_text(value)
    if not _LABEL.fullmatch(text):
        raise ValueError
    return text


_READ = {
    "text": _as_text,
    "integer": _as_integer,
    "boolean": _as_boolean,
    "address": _as_address,
    "host": _as_host,
    "path": _as_path,
    "label": _as_label,
}


def _unfit(message: str) -> Rejected:
    return Rejected(message, code="V040", hint="compare the step with the section under [webhooks]")
