"""Checks every exchange with a stand-in against a specification: Atlassian's, Okta's, ours for ServiceNow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.datastructures import Headers, ImmutableMultiDict

from stanch.sandbox._server import Standin

SPECS = Path(__file__).parents[1] / "data" / "specs"
JIRA = "jira-cloud-v3.cut.min.json"
SERVICENOW = "servicenow-tables.json"
OKTA = "okta-management.cut.min.json"
HOSTS = {OKTA: "https://subdomain.okta.com"}
_FINE: set[str] = set()


@cache
def specification(name: str) -> OpenAPI:
    return OpenAPI.from_dict(json.loads((SPECS / name).read_text(), object_hook=_without_empty_content))


def _without_empty_content(found: dict[str, Any]) -> dict[str, Any]:
    """An answer whose content is empty has none; the checker would look for one."""
    return {name: value for name, value in found.items() if (name, value) != ("content", {})}


@cache
def parameters_of(name: str) -> dict[str, frozenset[str]]:
    """The query parameters each operation knows, by `METHOD path`; openapi-core lets unknown ones pass."""
    document = json.loads((SPECS / name).read_text())
    shared = document["components"].get("parameters", {})

    def named(listed: list[dict[str, Any]]) -> frozenset[str]:
        whole = (shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in listed)
        return frozenset(each["name"] for each in whole if each["in"] == "query")

    return {
        f"{method.upper()} {path}": named(operation.get("parameters", []))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }


@dataclass
class SentRequest:
    """A request in the form openapi-core reads."""

    path: str
    method: str
    body: bytes | None
    content_type: str
    parameters: RequestParameters
    host_url: str = "https://your-domain.atlassian.net"


@dataclass
class SentResponse:
    status_code: int
    data: bytes | None
    content_type: str
    headers: Headers


@dataclass
class Contract:
    """Observer of a stand-in: collects exchanges, and then their violations.

    Args:
        spec: file of the specification; a path that it does not have is a violation.
        once: check exchanges of one shape once in this process, where a test makes thousands.
    """

    spec: str = JIRA
    once: bool = False
    exchanges: list[tuple[SentRequest, SentResponse]] = field(default_factory=list)

    def __call__(self, request: Request, body: bytes, response: Response) -> None:
        # An empty parameter says nothing; openapi-core would ask for a flag that it calls deprecated.
        given = [(name, value) for name, value in request.query_params.multi_items() if value]
        parameters = RequestParameters(query=ImmutableMultiDict(given), header=Headers(list(request.headers.items())))
        kind = request.headers.get("content-type", "")
        host = HOSTS.get(self.spec, SentRequest.host_url)
        sent = SentRequest(request.url.path, request.method.lower(), body or None, kind, parameters, host)
        # A 204, and the 201 of a link, have no body, though Atlassian's specification gives them a schema of anything.
        data = bytes(response.body) or (b"null" if response.status_code in (201, 204) else None)
        kind = response.headers.get("content-type", "application/json")
        answer = SentResponse(response.status_code, _rfc3339(data), kind, Headers(list(response.headers.items())))
        self.exchanges.append((sent, answer))

    def violations(self) -> list[str]:
        found: list[str] = []
        for request, response in self.exchanges:
            shape = f"{self.spec} {_shape(request, response)}"
            if self.once and shape in _FINE:
                continue
            problems = self._violations(request, response)
            found += problems
            if not problems:
                _FINE.add(shape)
        return found

    def _violations(self, request: SentRequest, response: SentResponse) -> list[str]:
        where, spec = f"{request.method} {request.path} {response.status_code}", specification(self.spec)
        found: list[str] = []
        if response.status_code < 400:
            found += self._unknown_parameters(where, request)
        if response.status_code < 400 and not request.content_type.startswith("multipart/"):
            found += _problems(where + " request", lambda: spec.validate_request(request))
        return found + _problems(where + " response", lambda: spec.validate_response(request, response))

    def _unknown_parameters(self, where: str, request: SentRequest) -> list[str]:
        fits = [
            names
            for operation, names in parameters_of(self.spec).items()
            if _matches(operation, f"{request.method.upper()} {request.path}")
        ]
        if not fits:
            return [f"{where}: the specification has no such operation"]
        known: frozenset[str] = frozenset().union(*fits)
        return [f"{where}: unknown parameter {name}" for name in request.parameters.query if name not in known]

    def operations(self) -> set[str]:
        return {f"{request.method} {request.path}" for request, _ in self.exchanges}

    def used(self) -> set[str]:
        """The operations of the specification that were used, as `METHOD path`."""
        sent = {f"{request.method.upper()} {request.path}" for request, _ in self.exchanges}
        return {each for each in parameters_of(self.spec) if any(_matches(each, one) for one in sent)}


@contextmanager
def obeying(standin: Standin, spec: str = JIRA, *, once: bool = False) -> Iterator[Contract]:
    """Whatever happens inside obeys the specification."""
    contract = Contract(spec, once=once)
    standin.observe = contract
    yield contract
    standin.observe = None
    violations = contract.violations()
    assert not violations, "\n".join(violations)


def _matches(operation: str, sent: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(operation)), sent) is not None


def _shape(request: SentRequest, response: SentResponse) -> str:
    """Everything but the values of texts and numbers, and ids in paths."""
    path = re.sub(r"/[A-Z]+-\d+|/\d+|/[0-9a-f]{32}", "/*", request.path)
    names = sorted(request.parameters.query.keys())
    bodies = (_kinds(request.body), _kinds(response.data))
    return f"{request.method} {path} {names} {request.content_type[:20]} {response.status_code} {bodies}"


def _kinds(body: bytes | None) -> str:
    try:
        return json.dumps(_kind(json.loads(body or b"null")), sort_keys=True)
    except ValueError:
        return "opaque"


def _kind(value: object) -> Any:
    if isinstance(value, dict):
        return {name: _kind(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_kind(each), sort_keys=True) for each in value})
    return type(value).__name__


def _rfc3339(body: bytes | None) -> bytes | None:
    """Jira writes +0000, in its own examples too, where the `date-time` of its specification asks for +00:00."""
    return body and re.sub(rb'(T[0-9:.]+[+-]\d\d)(\d\d)"', rb'\1:\2"', body)


def _problems(where: str, check: Any) -> list[str]:
    try:
        check()
    except Exception as error:
        causes = [str(each.message) for each in getattr(error.__cause__, "schema_errors", [])] or [str(error)]
        return [f"{where}: {cause}" for cause in causes]
    return []
