"""Turns an HTTP request into what intake judges, with the address that is really at the other end of the socket."""

from __future__ import annotations

import os
from typing import Any, cast

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from stanch.intake.requests import Request as Arrived

TRUSTED = "FORWARDED_ALLOW_IPS"
_PEER = "stanch.peer"


class Peers:
    """ASGI: notes the peer, then lets the proxies of FORWARDED_ALLOW_IPS say whom they speak for.

    The web server would do the second alone, and what a proxy says of a client would be all that is left to see.
    """

    def __init__(self, app: ASGIApp) -> None:
        trusted = os.environ.get(TRUSTED, "127.0.0.1")
        self._app: Any = ProxyHeadersMiddleware(cast(Any, app), trusted_hosts=trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_PEER] = _host(scope)
        await self._app(scope, receive, send)


async def arrived(request: Request) -> Arrived:
    """A request as intake takes it: every header and parameter, repeated ones too."""
    return arrival(request.scope, await request.body())


def arrival(scope: Scope, body: bytes) -> Arrived:
    """The same of a request whose body was read."""
    remote, query = _host(scope), scope["query_string"]
    return Arrived(
        body=body,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        remote=remote,
        query=QueryParams(query).multi_items() if query else (),
        peer=scope.get(_PEER, remote),
    )


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
