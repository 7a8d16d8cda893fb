"""The short way of deliveries: what the application puts around its routes costs more than the proof of the sender."""

from __future__ import annotations

from typing import Any, cast

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.service import RPCError

from stanch.errors import StanchError
from stanch.web import intake
from stanch.web.arrivals import arrival
from stanch.web.problems import as_error, problem

FINDINGS = "/v1/findings/"


class Application(FastAPI):
    """An application that hands deliveries to `straight`, and everything else to its routes.

    The route of the same name stays, which describes it and is counted among the open ones.

    Args:
        straight: answers deliveries, and has the application's shield around it.
    """

    def __init__(self, *, straight: ASGIApp, **given: Any) -> None:
        super().__init__(**given)
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if source_of(scope):
            scope["app"] = self
            return await self._straight(scope, receive, send)
        return await super().__call__(scope, receive, send)


async def deliver(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: the answer to a delivery, an error that is to be expected among them."""
    state = cast(FastAPI, scope["app"]).state
    try:
        came = arrival(scope, (await receive())["body"])  # the shield has read it whole
        response = await intake.take(source_of(scope), came, state, state.services)
    except (StanchError, RPCError, HTTPException) as error:
        response = problem(as_error(error))
    await response(scope, receive, send)


def source_of(scope: Scope) -> str:
    """The source that a delivery is sent to; "" for every other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return ""
    path: str = scope["path"]
    name = path.removeprefix(FINDINGS)
    return "" if name == path or "/" in name else name
