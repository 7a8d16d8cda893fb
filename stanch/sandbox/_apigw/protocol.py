"""API Gateway's REST protocol as botocore's own service model describes it: what does not fit the model is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

_STATUS = {
    "BadRequestException": 400,
    "UnauthorizedException": 401,
    "AccessDeniedException": 403,
    "NotFoundException": 404,
    "ConflictException": 409,
    "TooManyRequestsException": 429,
    "LimitExceededException": 429,
    "ServiceUnavailableException": 503,
}


class ApigwError(Exception):
    """An error as API Gateway answers it."""

    def __init__(self, code: str, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUS.get(code, 400)
        self.body = {"message": message}


def bad(message: str) -> ApigwError:
    return ApigwError("BadRequestException", message)


def missing(what: str) -> ApigwError:
    return ApigwError("NotFoundException", f"Invalid {what} identifier specified")


class Asked(NamedTuple):
    """A request, understood."""

    operation: str
    params: dict[str, Any]


@cache
def service() -> ServiceModel:
    """The model that boto3 itself works from."""
    return botocore.session.get_session().get_service_model("apigateway")


@cache
def _routes() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    found: list[tuple[str, re.Pattern[str], str]] = []
    for name in service().operation_names:
        http: Mapping[str, Any] = service().operation_model(name).http
        uri = str(http["requestUri"]).partition("?")[0]
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(uri))
        found.append((str(http["method"]), re.compile(pattern), name))
    return tuple(sorted(found, key=lambda item: item[1].groups))  # literal paths before those with parameters


def operation_of(method: str, raw_path: str) -> tuple[str, dict[str, str]]:
    """The operation a request is for, and the values in its path."""
    for verb, pattern, name in _routes():
        found = pattern.fullmatch(raw_path) if verb == method else None
        if found is not None:
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    raise ApigwError("UnknownOperationException", f"no operation for {method} {raw_path}", status=404)


def read(operation: str, path: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes) -> Asked:
    """The parameters of a request.

    Raises:
        ApigwError: a member that the model does not have, lacks, or has of another type.
    """
    shape = service().operation_model(operation).input_shape
    if shape is None:
        return Asked(operation, {})
    params = _placed(shape, path, query) | _in_body(shape, body)
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise bad(str(report.generate_report()))
    return Asked(operation, params)


def _placed(shape: StructureShape, path: Mapping[str, str], query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known: set[str] = set()
    for name, member in shape.members.items():
        wire = str(member.serialization.get("name", name))
        where = member.serialization.get("location")
        if where == "uri":
            found[name] = path[wire]
        elif where == "querystring":
            known.add(wire)
            values = [value for key, value in query if key == wire]
            if values:
                found[name] = values if isinstance(member, ListShape) else _typed(member, values[-1])
    unknown = {key for key, _ in query} - known
    if unknown:
        raise bad(f"unknown query parameters: {sorted(unknown)}")
    return found


def _typed(shape: Shape, text: str) -> Any:
    if shape.type_name == "boolean":
        return text == "true"
    return int(text) if shape.type_name == "integer" and text.isdigit() else text


def _in_body(shape: StructureShape, body: bytes) -> dict[str, Any]:
    names = {
        str(member.serialization.get("name", name)): name
        for name, member in shape.members.items()
        if not member.serialization.get("location")
    }
    try:
        given: dict[str, Any] = json.loads(body or b"{}")
    except ValueError:
        raise bad("the body is not JSON") from None
    unknown = set(given) - set(names)
    if unknown:
        raise bad(f"unknown members: {sorted(unknown)}")
    return {names[key]: value for key, value in given.items()}


def render(operation: str, answer: Mapping[str, Any] | None) -> tuple[int, bytes]:
    """Status and body of an answer; a member that the model does not have is a mistake of the stand-in."""
    model: OperationModel = service().operation_model(operation)
    status = int(model.http.get("responseCode", 200))
    if answer is None or model.output_shape is None:
        return status, b""
    return status, json.dumps(_wire(model.output_shape, answer)).encode()


def _wire(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        unknown = set(value) - set(shape.members)
        if unknown:
            raise AssertionError(f"{shape.name} has no {sorted(unknown)}")
        return {
            str(shape.members[name].serialization.get("name", name)): _wire(shape.members[name], item)
            for name, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape):
        return [_wire(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _wire(shape.value, item) for key, item in value.items()}
    return value.timestamp() if isinstance(value, datetime) else value
