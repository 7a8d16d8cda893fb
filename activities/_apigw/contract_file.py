"""One operation of an API's OpenAPI file as API Gateway can enforce it: what is required, and the body's model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from activities._apigw.schema import Draft4, pointed
from stanch.errors import Rejected
from stanch.shapes import is_dict

_MOST_BYTES = 4 * 1024 * 1024
_PLACES = {"query": "querystring", "header": "header"}
JSON = "application/json"


@dataclass(frozen=True)
class Contract:
    """What a validator checks.

    Args:
        parameters: as API Gateway names them, `method.request.querystring.page`.
        model: JSON text of the body's schema, "" where none can be checked.
        left_out: what the file says and API Gateway cannot check.
    """

    parameters: tuple[str, ...]
    model: str
    left_out: tuple[str, ...]


def contract_of(file: str, *, path: str, method: str) -> Contract:
    """Read the file and find the operation.

    Raises:
        Rejected: V078, there is no such file or operation, or nothing in it that can be enforced.
    """
    document = _read(file)
    item = _item(document, path)
    operation = item.get(method.lower())
    if not is_dict(operation):
        raise _unfit(f"the file has no {method.upper()} {path}")
    schema = Draft4(document)
    parameters, left = _parameters(document, item, operation)
    model, more = _model(document, operation, schema)
    if not parameters and not model:
        raise _unfit(f"the file asks nothing of {method.upper()} {path} that API Gateway could check")
    return Contract(tuple(sorted(parameters)), model, tuple(sorted({*left, *more, *schema.left_out})))


def _read(file: str) -> Mapping[str, Any]:
    try:
        raw = Path(file).read_bytes()
        if len(raw) > _MOST_BYTES:
            raise _unfit("the file is larger than 4 MiB")
        document = json.loads(raw) if raw.lstrip()[:1] == b"{" else yaml.safe_load(raw)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        raise _unfit("its OpenAPI file cannot be read") from None
    if not is_dict(document) or not str(document.get("openapi", "")).startswith("3."):
        raise _unfit("the file is not OpenAPI 3")
    return document


def _item(document: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    paths = document.get("paths")
    for name, item in paths.items() if is_dict(paths) else ():
        if _shape(str(name)) == _shape(path) and is_dict(item):
            return item
    raise _unfit(f"the file has no path {path}")


def _shape(path: str) -> str:
    """Variables have other names in the file than at the gateway."""
    return re.sub(r"\{[^{}/]*\}", "{}", path.rstrip("/") or "/")


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any]
) -> tuple[set[str], set[str]]:
    """Required ones, those of the operation over those of the path; a cookie cannot be checked."""
    found: dict[tuple[str, str], bool] = {}
    for one in [*(item.get("parameters") or ()), *(operation.get("parameters") or ())]:
        given = pointed(document, str(one["$ref"])) if is_dict(one) and "$ref" in one else one
        if is_dict(given):
            found[str(given.get("in")), str(given.get("name"))] = given.get("required") is True
    required = {spot for spot, needed in found.items() if needed and spot[0] != "path"}
    usable = {spot for spot in required if spot[0] in _PLACES and re.fullmatch(r"[\w.$-]{1,128}", spot[1])}
    left = {f"{place} parameter {name}" for place, name in required - usable}
    return {f"method.request.{_PLACES[place]}.{name}" for place, name in usable}, left


def _model(document: Mapping[str, Any], operation: Mapping[str, Any], schema: Draft4) -> tuple[str, set[str]]:
    body = operation.get("requestBody")
    if is_dict(body) and "$ref" in body:
        body = pointed(document, str(body["$ref"]))
    if not is_dict(body):
        return "", set()
    if body.get("required") is not True:
        return "", {"a body that may be absent"}  # API Gateway would refuse an empty one
    content = body.get("content")
    kinds: dict[Any, Any] = content if is_dict(content) else {}
    others = {f"bodies of type {kind}" for kind in kinds if kind != JSON}
    if not is_dict(kinds.get(JSON)) or "schema" not in kinds[JSON]:
        return "", others
    draft = {"$schema": "http://json-schema.org/draft-04/schema#", **schema.of(kinds[JSON]["schema"])}
    return json.dumps(draft, separators=(",", ":")), others


def _unfit(why: str) -> Rejected:
    return Rejected(
        f"the contract cannot be enforced: {why}", code="V078", hint="see `contract` in the section of the connector"
    )
