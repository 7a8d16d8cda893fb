"""Checks every exchange with a stand-in against the specification that its vendor has published."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.datastructures import Headers, ImmutableMultiDict

SPEC = Path(__file__).parents[1] / "data" / "specs" / "jira-cloud-v3.cut.min.json"


@cache
def specification(path: Path = SPEC) -> OpenAPI:
    return OpenAPI.from_dict(json.loads(path.read_text(), object_hook=_without_empty_content))


def _without_empty_content(found: dict[str, Any]) -> dict[str, Any]:
    """An answer whose content is empty has none; the checker would look for one."""
    return {name: value for name, value in found.items() if (name, value) != ("content", {})}


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
    """Observer of a stand-in: collects exchanges, and then their violations."""

    exchanges: list[tuple[SentRequest, SentResponse]] = field(default_factory=list)
    spec: Path = SPEC
    host: str = "https://your-domain.atlassian.net"

    def __call__(self, request: Request, body: bytes, response: Response) -> None:
        parameters = RequestParameters(
            query=ImmutableMultiDict(request.query_params.multi_items()), header=Headers(list(request.headers.items()))
        )
        kind = request.headers.get("content-type", "")
        sent = SentRequest(request.url.path, request.method.lower(), body or None, kind, parameters, self.host)
        # A 204 has no body, though the specification gives it a schema (of anything).
        data = bytes(response.body) or (b"null" if response.status_code == 204 else None)
        kind = response.headers.get("content-type", "application/json")
        answer = SentResponse(response.status_code, _rfc3339(data), kind, Headers(list(response.headers.items())))
        self.exchanges.append((sent, answer))

    def violations(self) -> list[str]:
        found: list[str] = []
        for request, response in self.exchanges:
            where = f"{request.method} {request.path} {response.status_code}"
            if response.status_code < 400 and not request.content_type.startswith("multipart/"):
                found += _problems(where + " request", lambda r=request: specification(self.spec).validate_request(r))
            found += _problems(
                where + " response", lambda r=request, a=response: specification(self.spec).validate_response(r, a)
            )
        return found

    def operations(self) -> set[str]:
        return {f"{request.method} {request.path}" for request, _ in self.exchanges}


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
