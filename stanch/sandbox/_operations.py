"""How a stand-in's routes misbehave on demand: each operation takes its fault before or after it acts."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from stanch.sandbox._fault_rules import SEARCHES, Fault, Sent
from stanch.sandbox._ledger import CAUSE
from stanch.sandbox._server import Standin

Handler = Callable[[Request, bytes], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

LOGIN_PAGE = "<!doctype html><title>Log in</title><p>Your session has ended.</p>"
_SPOILT_AFTER = frozenset({"drop_after", "hang_after", "status_after", "html_after", "error_200_after", "truncated"})
_COMPLETE = frozenset({"lag", "delay"})
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Spoils:
    """What a stand-in puts in an answer's place.

    Args:
        error_200: the body of an error with status 200.
        refusal, refusal_status: a refusal by a rule that the tracker's owner wrote.
        page: the page with status 200.
        slow_down: headers of a 429 beside Retry-After.
    """

    error_200: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refusal: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refusal_status: int = 403
    page: str = LOGIN_PAGE
    slow_down: Callable[[], Mapping[str, str]] = dict


def faulting(standin: Standin, operation: str, handler: Handler, *, spoils: Spoils | None = None) -> Endpoint:
    """The handler as an endpoint that obeys its stand-in's faults and enters in the ledger what it was asked.

    Faults that come after the effect run the handler and spoil its answer; `delay` answers late but completely, even
    when the client has gone; `lag` is left for the handler in `request.state.lag`. Others never reach the handler.
    """

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        sent = _sent(request, operation)
        fault = standin.faults.draw(sent)
        mode = fault.mode if fault is not None else ""
        request.state.lag = fault.seconds if fault is not None and mode == "lag" else 0.0
        if fault is not None and mode == "delay":
            await asyncio.sleep(fault.seconds)
        runs = fault is None or mode in _SPOILT_AFTER | _COMPLETE
        response = _answer(standin, request, body, sent=sent, fault=fault, handler=handler if runs else None)
        if fault is None or mode in _COMPLETE:
            return response
        return await _spoil(request, fault, response, spoils or Spoils())

    return endpoint


def _sent(request: Request, operation: str) -> Sent:
    reads = request.method == "GET" or operation in SEARCHES
    found = request.path_params
    return Sent(
        operation=operation,
        method=request.method,
        path=request.url.path,
        key=str(found.get("key") or found.get("id") or ""),
        kind="read" if reads else "write",
    )


def _answer(
    standin: Standin, request: Request, body: bytes, *, sent: Sent, fault: Fault | None, handler: Handler | None
) -> Response:
    """What the handler says, entered as a request; reads that no fault met are left out, since clients poll."""
    line = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    cause = {"request_id": next(_numbers), "request_sha256": hashlib.sha256(line + body).hexdigest()}
    token = CAUSE.set(cause)
    try:
        response = handler(request, body) if handler is not None else Response(status_code=503)
        if sent.kind == "write" or fault is not None:
            about = {"operation": sent.operation, "method": sent.method, "path": sent.path}
            name = (fault.name or fault.mode) if fault is not None else ""
            done = response.status_code if handler is not None else 0
            standin.ledger.append(f"{standin.name}.request", {**about, "handled": done, "fault": name})
    finally:
        CAUSE.reset(token)
    if handler is not None and standin.observe is not None:
        standin.observe(request, body, response)
    return response


async def login_page(request: Request) -> Response:
    """Where a redirect leads: a page with status 200, which a careless client takes for success."""
    return HTMLResponse(LOGIN_PAGE)


async def _spoil(request: Request, fault: Fault, response: Response, spoils: Spoils) -> Response:
    mode = fault.mode.removesuffix("_after")
    if mode == "status":
        return _status(fault, spoils)
    if mode == "business_rule":
        return JSONResponse(dict(spoils.refusal), status_code=spoils.refusal_status)
    if mode == "html":
        return HTMLResponse(spoils.page)
    if mode == "error_200":
        return JSONResponse(dict(spoils.error_200))
    if mode == "truncated":
        whole = bytes(response.body)
        return Response(whole[: len(whole) // 2] or b"{", media_type="application/json")
    if mode == "hang":
        await asyncio.sleep(fault.seconds)
    return await _cut(request)  # drop, and a hang that ends


def _status(fault: Fault, spoils: Spoils) -> Response:
    headers = {"Retry-After": retry_after(fault.retry_after)} if fault.retry_after else {}
    headers |= {"RateLimit-Reason": fault.reason} if fault.reason else {}
    headers |= spoils.slow_down() if fault.status == 429 else {}
    headers |= {"Location": "/login"} if 300 <= fault.status < 400 else {}
    return JSONResponse({"errorMessages": [], "errors": {}}, status_code=fault.status, headers=headers)


def retry_after(text: str) -> str:
    """`date:N` as the HTTP date in N seconds; any other text as it is."""
    kind, _, seconds = text.partition(":")
    if kind != "date" or not seconds.lstrip("-").isdigit():
        return text
    return format_datetime(datetime.now(UTC) + timedelta(seconds=int(seconds)), usegmt=True)


async def _cut(request: Request) -> Response:
    """Close the socket without an answer; uvicorn then drops the response that is returned."""
    cycle: Any = getattr(request.receive, "__self__", None)
    if cycle is None:
        raise RuntimeError("faults need the server's own receive channel; no middleware may wrap it")
    cycle.transport.abort()
    await asyncio.sleep(0)
    return Response()
