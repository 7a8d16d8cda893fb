"""How a stand-in's routes misbehave on demand: each operation takes its scripted fault before or after it acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from stanch.sandbox._server import Fault, Faults

Handler = Callable[[Request, bytes], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

LOGIN_PAGE = "<!doctype html><title>Log in</title><p>Your session has ended.</p>"


def faulting(
    faults: Faults, operation: str, handler: Handler, *, error_body: Mapping[str, Any] | None = None
) -> Endpoint:
    """The handler as an endpoint that obeys the faults scripted for its operation.

    `drop_after` runs the handler and then cuts the connection; `delay` answers late but completely, even when the
    client has gone; `lag` is left for the handler in `request.state.lag`. Other faults never reach the handler.

    Args:
        faults: the stand-in's faults.
        operation: the name that tests script faults for.
        handler: gets the request and its whole body.
        error_body: what mode `error_200` answers.
    """

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        fault = faults.take(operation)
        request.state.lag = fault.seconds if fault is not None and fault.mode == "lag" else 0.0
        if fault is None or fault.mode == "lag":
            return handler(request, body)
        if fault.mode == "drop_after":
            handler(request, body)
            return await _cut(request)
        if fault.mode == "delay":
            await asyncio.sleep(fault.seconds)
            return handler(request, body)
        return await _refuse(request, fault, error_body or {})

    return endpoint


async def login_page(request: Request) -> Response:
    """Where a redirect leads: a page with status 200, which a careless client takes for success."""
    return HTMLResponse(LOGIN_PAGE)


async def _refuse(request: Request, fault: Fault, error_body: Mapping[str, Any]) -> Response:
    if fault.mode == "status":
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        headers |= {"Location": "/login"} if 300 <= fault.status < 400 else {}
        return JSONResponse({"errorMessages": [], "errors": {}}, status_code=fault.status, headers=headers)
    if fault.mode == "html":
        return HTMLResponse(LOGIN_PAGE)
    if fault.mode == "error_200":
        return JSONResponse(dict(error_body))
    if fault.mode == "hang":
        await asyncio.sleep(fault.seconds)
    return await _cut(request)  # drop_before, and a hang that ends


async def _cut(request: Request) -> Response:
    """Close the socket without an answer; uvicorn then drops the response that is returned."""
    cycle: Any = getattr(request.receive, "__self__", None)
    if cycle is None:
        raise RuntimeError("faults need the server's own receive channel; no middleware may wrap it")
    cycle.transport.abort()
    await asyncio.sleep(0)
    return Response()
