"""The HTTP edge as one application: deny by default, one shield around it, one form of error."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from stanch.errors import StanchError
from stanch.web import (
    api_cases,
    api_control,
    api_decisions,
    api_protect,
    handshakes,
    health,
    intake,
    slack,
    slack_commands,
    tickets,
)
from stanch.web.auth import authenticate
from stanch.web.console import board, leases, login, pages
from stanch.web.console import cases as console_cases
from stanch.web.problems import handle
from stanch.web.reception import Reception
from stanch.web.services import Services
from stanch.web.shield import BODY_LIMIT, LOOPBACK, Room, Shield
from stanch.web.slack_socket import Socket, lifespan
from stanch.web.straight import FINDINGS, Application, deliver

__all__ = ["Services", "create_app"]


def create_app(services: Services) -> FastAPI:
    """The application; every route needs credentials unless `stanch.web.auth.OPEN` names it."""
    room, hosts, limit = Room(), _hosts(services), _limit(services)
    app = Application(
        straight=Shield(deliver, hosts=hosts, limit=limit, room=room),
        title="Stanch",
        version=version("stanch"),
        dependencies=[Depends(authenticate)],
        openapi_url=None,  # the built-in route would stand outside the dependency
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.slack = Socket(services)
    app.state.ended_sessions = set[str]()
    app.state.deliveries = set[object]()
    app.state.reception = Reception(services)
    routed = (
        intake,
        handshakes,
        api_cases,
        api_decisions,
        api_control,
        api_protect,
        slack,
        slack_commands,
        tickets,
        health,
    )
    for module in routed:
        app.include_router(module.router)
    for page in (login, pages, console_cases, leases, board):
        app.include_router(page.router, include_in_schema=False)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    for kind in (StanchError, RPCError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
    app.add_middleware(Shield, hosts=hosts, limit=limit, room=room)
    return app


def _openapi(request: Request) -> dict[str, Any]:
    app: FastAPI = request.app
    return app.openapi()


def _hosts(services: Services) -> set[str]:
    settings = services.settings
    named = {settings.web.host, urlsplit(settings.public_url).hostname or ""}
    return (named | LOOPBACK) - {"", "0.0.0.0", "::"}  # noqa: S104 - taken out of the list


def _limit(services: Services) -> Callable[[str], int]:
    def limit(path: str) -> int:
        """Most bytes of a body. The largest source's for all: a size must not tell which sources there are."""
        if not path.startswith(FINDINGS):
            return BODY_LIMIT
        return max(
            (source.max_bytes for source in services.policy.current.sources.by_name.values()), default=BODY_LIMIT
        )

    return limit
