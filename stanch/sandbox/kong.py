"""The Kong stand-in: routes and plugins of the Admin API, kept to what its documentation and schemas say."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._idp import read
from stanch.sandbox._kong_router import Expression, ExpressionError
from stanch.sandbox._operations import Handler, faulting
from stanch.sandbox._server import Standin

Entity = dict[str, Any]
_TAG = re.compile(r"[ -+.0-~-]+")  # printable ASCII but for the comma and the slash
_NAME = re.compile(r"[\w.~-]+")
_ROUTE = {"name", "expression", "priority", "protocols", "tags", "service", "strip_path", "preserve_host"}
_PLUGIN = {"name", "route", "service", "consumer", "enabled", "config", "tags", "protocols", "instance_name"}
_TERMINATION = {"status_code", "message", "body", "content_type", "echo", "trigger"}
_MOST_PRIORITY = 2**46 - 1


class KongStandin(Standin):
    """Kong's Admin API with a database and the expressions router, as far as blocks need it.

    `flavor` and `database` may be set to what else a Kong may have; `page` is the most that one list gives.
    """

    name = "kong"

    def __init__(self, *, token: str = "kong-token", ledger: Path | None = None, port: int = 0) -> None:  # noqa: S107
        super().__init__(ledger=ledger, port=port)
        self.token = token
        self.flavor, self.database, self.page = "expressions", "postgres", 500
        self.lock = RLock()
        self.routes: dict[str, Entity] = {}
        self.plugins: dict[str, Entity] = {}
        self.app = Starlette(
            routes=[
                self._route("GET", "/", "about", self._about),
                self._route("GET", "/routes", "list_routes", self._list),
                self._route("GET", "/plugins", "list_plugins", self._list),
                self._route("PUT", "/routes/{id}", "put_route", self._put_route),
                self._route("PUT", "/plugins/{id}", "put_plugin", self._put_plugin),
                self._route("DELETE", "/routes/{id}", "delete_route", self._delete_route),
            ]
        )

    def section(self) -> dict[str, Any]:
        """The part of a connector's section that reaches this stand-in."""
        return {"kind": "kong", "admin_url": self.url, "admin_token": self.token}

    def ends(self, fields: Mapping[str, Any]) -> tuple[str, int] | None:
        """Name and status of the route of ours or others that ends a request; None where it goes on."""
        with self.lock:
            ordered = sorted(self.routes.values(), key=lambda route: -int(route["priority"]))
            for route in ordered:
                if Expression(str(route["expression"])).matches(fields):
                    return str(route["name"]), self._status(route)
        return None

    def _status(self, route: Entity) -> int:
        """A route without a service answers 503 unless a plugin ends the request first."""
        for plugin in self.plugins.values():
            if plugin["route"]["id"] == route["id"] and plugin["enabled"]:
                return int(plugin["config"]["status_code"])
        return 503

    def _about(self, request: Request, body: bytes) -> Response:
        configured = {"database": self.database, "router_flavor": self.flavor}
        return JSONResponse({"version": "3.9.0", "tagline": "Welcome to kong", "configuration": configured})

    def _list(self, request: Request, body: bytes) -> Response:
        with self.lock:
            entities = self.routes if request.url.path == "/routes" else self.plugins
            wanted = set(request.query_params.get("tags", "").split(",")) - {""}
            found = [entity for _, entity in sorted(entities.items()) if wanted <= set(entity["tags"] or ())]
        start = int(request.query_params.get("offset", "0"))
        end = start + min(self.page, int(request.query_params.get("size", "100")))
        more = {"offset": str(end), "next": f"{request.url.path}?offset={end}"} if end < len(found) else {"next": None}
        return JSONResponse({"data": found[start:end], **more})

    def _put_route(self, request: Request, body: bytes) -> Response:
        given, key = read(body), str(request.path_params["id"])
        wrong = self._shape(given, _ROUTE) or self._route_faults(given)
        if wrong:
            return _violation(wrong)
        with self.lock:
            if any(one["name"] == given.get("name") and one["id"] != key for one in self.routes.values()):
                return JSONResponse({"name": "unique constraint violation", "code": 5}, 409)
            self.routes[key] = {"service": None, "tags": None, "priority": 0, **given, "id": key}
        self.ledger.append("kong.route.put", {"id": key, "name": given.get("name"), "tags": given.get("tags")})
        return JSONResponse(self.routes[key])

    def _put_plugin(self, request: Request, body: bytes) -> Response:
        given, key = read(body), str(request.path_params["id"])
        config: Entity = given.get("config") or {}
        wrong = self._shape(given, _PLUGIN) or _plugin_faults(given, config)
        if wrong:
            return _violation(wrong)
        with self.lock:
            if _route_of(given) not in self.routes:
                return JSONResponse({"name": "foreign key violation", "code": 4}, 400)
            if any(self._same(one, given) and one["id"] != key for one in self.plugins.values()):
                return JSONResponse({"name": "unique constraint violation", "code": 5}, 409)
            self.plugins[key] = {"enabled": True, "tags": None, **given, "id": key}
        self.ledger.append("kong.plugin.put", {"id": key, "route": given["route"]["id"], "tags": given.get("tags")})
        return JSONResponse(self.plugins[key])

    def _delete_route(self, request: Request, body: bytes) -> Response:
        """With its plugins; deleting what is not there is as good."""
        key = str(request.path_params["id"])
        with self.lock:
            route = self.routes.pop(key, None)
            self.plugins = {name: one for name, one in self.plugins.items() if one["route"]["id"] != key}
        if route is not None:
            self.ledger.append("kong.route.deleted", {"id": key, "name": route["name"], "tags": route["tags"]})
        return Response(status_code=204)

    def _same(self, one: Entity, given: Entity) -> bool:
        return all(one.get(part) == given.get(part) for part in ("name", "route", "service", "consumer"))

    def _shape(self, given: Entity, known: set[str]) -> str:
        unknown = set(given) - known
        if unknown:
            return f"{min(unknown)}: unknown field"
        tags: list[Any] = given.get("tags") or []
        if not all(_TAG.fullmatch(str(tag)) for tag in tags):
            return "tags: invalid tag"
        return ""

    def _route_faults(self, given: Entity) -> str:
        if self.flavor != "expressions" and "expression" in given:
            return "expression: unknown field"
        if not _NAME.fullmatch(str(given.get("name", ""))):
            return "name: invalid value"
        if not 0 <= int(given.get("priority", 0)) <= _MOST_PRIORITY:
            return "priority: value should be between 0 and 70368744177663"
        try:
            Expression(str(given.get("expression", "")))
        except ExpressionError as error:
            return f"expression: {error}"
        return ""

    def _route(self, method: str, path: str, operation: str, handler: Handler) -> Route:
        def seen(request: Request, body: bytes) -> Response:
            if request.headers.get("kong-admin-token") != self.token:
                return JSONResponse({"message": "Invalid RBAC credentials"}, 401)
            if self.database == "off" and request.method != "GET":
                return JSONResponse({"code": 12, "name": "operation unsupported"}, 405)
            if "id" in request.path_params and not _is_uuid(str(request.path_params["id"])):
                return JSONResponse({"message": "Not found"}, 404)
            return handler(request, body)

        return Route(path, faulting(self, operation, seen), methods=[method])


def _plugin_faults(given: Entity, config: Entity) -> str:
    """The one plugin that blocks use: 503 unless said otherwise, and a message or a body, never both."""
    if given.get("name") != "request-termination":
        return "name: plugin not enabled"
    if set(config) - _TERMINATION:
        return f"config.{min(set(config) - _TERMINATION)}: unknown field"
    if config.get("message") and (config.get("body") or config.get("content_type")):
        return "config: message cannot be used with content_type or body"
    if not 100 <= int(config.get("status_code", 503)) <= 599:
        return "config.status_code: value should be between 100 and 599"
    return ""


def _route_of(plugin: Entity) -> str:
    route: Entity = plugin.get("route") or {}
    return str(route.get("id", ""))


def _violation(message: str) -> Response:
    return JSONResponse({"name": "schema violation", "code": 2, "message": f"schema violation ({message})"}, 400)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
