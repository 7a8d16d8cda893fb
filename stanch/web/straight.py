"""The short way of deliveries: routing and dependencies of the application cost more than the proof of the sender."""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.service import RPCError

from stanch.errors import StanchError
from stanch.web import intake
from stanch.web.problems import as_error, problem

FINDINGS = "/v1/findings/"


class Straight:
    """ASGI middleware: hands deliveries to `intake.receive`, everything else to the application.

    The route of the same name stays in the application, which describes it and counts it among the open ones.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = _source(scope)
        if not source:
            return await self._app(scope, receive, send)
        request = Request(scope, receive, send)
        app = cast(FastAPI, scope["app"])
        try:
            response = await intake.receive(source, request, app.state.services)
        except (StanchError, RPCError, HTTPException) as error:
            response = problem(as_error(error))
        return await response(scope, receive, send)


def _source(scope: Scope) -> str:
    """The source that a delivery is sent to; "" for every other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return ""
    path: str = scope["path"]
    name = path.removeprefix(FINDINGS)
    return "" if name == path or "/" in name else name
