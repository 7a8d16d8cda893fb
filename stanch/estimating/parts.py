"""The components of a request that conditions look at, and whether the record shows all of each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from stanch.estimating.traffic import Request
from stanch.shapes import is_dict, is_list

_MAX_JSON_DEPTH = 32


@dataclass(frozen=True)
class Values:
    """Values of a component.

    Args:
        whole: there are no others. cut: the value goes on where the record ends.
    """

    found: tuple[bytes, ...] = ()
    whole: bool = True
    cut: bool = False


OPEN = Values(whole=False)


def values_of(component: tuple[str, str], request: Request) -> Values:
    """What the record shows of a component; a kind that is not known here is open."""
    kind, name = component
    read = _READERS.get(kind)
    return OPEN if read is None else read(request, name)


def _one(value: str | None) -> Values:
    return OPEN if value is None else Values((value.encode("utf-8", "surrogateescape"),))


def _header(request: Request, name: str) -> Values:
    if name not in request.headers:
        return Values(whole=request.headers_whole)
    values = request.headers[name]
    return OPEN if values is None else Values(tuple(_bytes(value) for value in values))


def _headers(request: Request, scope: str) -> Values:
    found: list[bytes] = []
    whole = request.headers_whole
    for name, values in request.headers.items():
        if scope in ("KEY", "ALL"):
            found.append(_bytes(name))
        if scope in ("VALUE", "ALL"):
            whole = whole and values is not None
            found += [_bytes(value) for value in values or ()]
    return Values(tuple(found), whole=whole)


def _cookies(request: Request, name: str) -> Values:
    sent = _header(request, "cookie")
    pairs = [pair for value in sent.found for pair in value.split(b";")]
    found = [text.strip() for key, _, text in (pair.partition(b"=") for pair in pairs) if key.strip() == _bytes(name)]
    return Values(tuple(found), whole=sent.whole)


def _arguments(request: Request, name: str) -> Values:
    """Values of query arguments: of one name, whatever its case, or of all."""
    if request.query is None:
        return OPEN
    wanted = name.lower().encode()
    pairs = [pair.partition("=") for pair in request.query.split("&") if pair]
    found = [_bytes(value) for key, _, value in pairs if not name or unquote_to_bytes(key).lower() == wanted]
    return Values(tuple(found))


def _body(request: Request, _name: str) -> Values:
    return OPEN if request.body is None else Values((request.body,), cut=request.body_cut)


def _json_body(request: Request, pointer: str) -> Values:
    """Texts at a JSON pointer, or all of them; a body that is cut or no JSON is open."""
    if request.body is None or request.body_cut:
        return OPEN
    try:
        body = json.loads(request.body)
        return Values(tuple(_bytes(text) for text in _texts(_at(body, pointer), depth=0)))
    except (ValueError, RecursionError):
        return OPEN


def _at(node: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if is_list(node):
            node = node[int(key)] if re.fullmatch(r"[0-9]{1,9}", key) and int(key) < len(node) else None
        else:
            node = node.get(key) if is_dict(node) else None
    return node


def _texts(node: Any, *, depth: int) -> Iterator[str]:
    if depth > _MAX_JSON_DEPTH:
        raise ValueError("nested too deeply")
    if is_dict(node) or is_list(node):
        for child in node.values() if is_dict(node) else node:
            yield from _texts(child, depth=depth + 1)
    elif node is not None:
        yield node if isinstance(node, str) else json.dumps(node)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_READERS: dict[str, Callable[[Request, str], Values]] = {
    "path": lambda request, _: _one(request.path),
    "query": lambda request, _: _one(request.query),
    "method": lambda request, _: _one(request.method),
    "host": lambda request, _: _one(request.host),
    "country": lambda request, _: _one(request.country),
    "header": _header,
    "headers": _headers,
    "cookie": _cookies,
    "argument": _arguments,
    "body": _body,
    "json": _json_body,
}
