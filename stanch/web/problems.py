"""Errors as the outside sees them: RFC 9457 problem details with code, place and hint; never a stack trace."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from stanch.errors import (
    AuthBlocked,
    ConfigError,
    ConnectorError,
    DependencyError,
    IntakeError,
    Refused,
    Rejected,
    StanchError,
)

MEDIA = "application/problem+json"
RETRY_SECONDS = 5
_STATUS: tuple[tuple[type[StanchError], int], ...] = (
    (DependencyError, 503),
    (ConfigError, 503),
    (Refused, 403),
    (Rejected, 409),
    (AuthBlocked, 502),
    (ConnectorError, 503),
)


class WebError(StanchError):
    """A request that is answered with an error of its own.

    Args:
        status: the HTTP status.
        place: field path, where there is one.
    """

    default_code = "W001"

    def __init__(self, message: str, *, status: int, code: str = "", hint: str = "", place: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.status = status
        self.place = place


def unreachable() -> WebError:
    return WebError("Temporal cannot be reached", status=503, code="D010", hint="nothing was stored; send it again")


def problem(error: StanchError) -> Response:
    """The answer for an expected error."""
    status = status_of(error)
    place = error.place if isinstance(error, WebError | IntakeError) else ""
    body: dict[str, Any] = {
        "type": f"urn:stanch:error:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    body |= {name: value for name, value in (("hint", error.hint), ("place", place)) if value}
    return JSONResponse(body, status, headers=_headers(status), media_type=MEDIA)


def status_of(error: StanchError) -> int:
    if isinstance(error, WebError | IntakeError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _headers(status: int) -> Mapping[str, str]:
    retry = {"retry-after": str(RETRY_SECONDS)} if status in (429, 503) else {}
    return retry | ({"www-authenticate": "Bearer"} if status == 401 else {})


def as_error(error: Exception) -> StanchError:
    """Any exception that a route may raise, as one of ours; its own text is never passed on."""
    if isinstance(error, StanchError):
        return error
    if isinstance(error, RPCError):
        return unreachable()
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        words = HTTPStatus(error.status_code).phrase.lower()
        return WebError(words, status=error.status_code, code="W005", hint="see /openapi.json for what there is")
    return WebError("something went wrong here", status=500, code="W009", hint="the log of the web process says more")


def _invalid(error: RequestValidationError) -> WebError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    words = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        words = "this is not written as it must be"  # a pattern helps nobody who has mistyped a name
    return WebError(words[:200], status=422, code="W006", place=place[:200])


async def handle(request: Request, error: Exception) -> Response:
    """The exception handler of the API; pages of the console answer people in HTML."""
    from stanch.web.console.render import error_page, wants_page

    expected = as_error(error)
    return error_page(request, expected) if wants_page(request) else problem(expected)
