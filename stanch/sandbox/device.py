"""The stand-in of a device that no connector knows: a deny list over HTTP that takes signed requests only."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.errors import IntakeError
from stanch.intake.signatures import Scheme, verify
from stanch.sandbox._operations import Handler, faulting
from stanch.sandbox._server import Standin


class DeviceStandin(Standin):
    """Denies by name. `lag` is how many looks a new entry takes to show."""

    name = "device"

    def __init__(self, *, ledger: Path | None = None, port: int = 0) -> None:
        super().__init__(ledger=ledger, port=port)
        self.secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
        self.denies: dict[str, dict[str, Any]] = {}
        self.seen_ids: list[str] = []
        self.forget = False  # answers 2xx and keeps nothing
        self.lag = 0
        self._unseen: dict[str, int] = {}
        self._lock = RLock()
        routes = [("GET", "/denies", "list", self._list), ("GET", "/denies/{id:path}", "get", self._get)]
        routes += [("POST", "/denies", "add", self._add), ("DELETE", "/denies/{id:path}", "drop", self._drop)]
        self.app = Starlette(routes=[self._route(*line) for line in routes])

    def section(self) -> dict[str, Any]:
        """A section under `[webhooks]` for this stand-in."""
        return {
            "url": self.url,
            "networks": ["127.0.0.0/8"],
            "secret": self.secret,
            "settle": 1.0,
            "parameters": {"zone": "text", "minutes": "integer"},
            "apply": {
                "path": "/denies",
                "body": {
                    "name": {"param": "ip"},
                    "reference": {"param": "key"},
                    "zone": {"param": "zone"},
                    "note": "asked by {ip}",
                },
                "expect": [201],
            },
            "verify": {"path": "/denies/{ip}", "stands": "active", "key": "reference", "keep": {"number": "number"}},
            "inverse": {"method": "DELETE", "path": "/denies/{ip}", "query": {"number": {"param": "number"}}},
        }

    def put(self, name: str, more: Mapping[str, Any] | None = None) -> None:
        """An entry, by default one that somebody else made."""
        with self._lock:
            own = {"name": name, "active": True, "number": len(self.denies) + 1, "reference": ""}
            self.denies[name] = {**own, **(more or {})}

    def _route(self, method: str, path: str, operation: str, handler: Handler) -> Route:
        def seen(request: Request, body: bytes) -> Response:
            headers = [(name, value) for name, value in request.headers.items()]
            scheme = Scheme.STANDARD_WEBHOOKS
            try:
                verify(body, headers, scheme=scheme, secrets=[self.secret], now=datetime.now(UTC))
            except IntakeError:
                return JSONResponse({"error": "signature"}, 401)
            self.seen_ids.append(request.headers["webhook-id"])
            with self._lock:
                return handler(request, body)

        return Route(path, faulting(self, operation, seen), methods=[method])

    def _list(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"items": list(self.denies.values())})

    def _get(self, request: Request, body: bytes) -> Response:
        name = request.path_params["id"]
        found = self.denies.get(name)
        if found is None or self._unseen.get(name, 0) > 0:
            self._unseen[name] = self._unseen.get(name, 0) - 1
            return JSONResponse({"error": "unknown"}, 404)
        return JSONResponse(found)

    def _add(self, request: Request, body: bytes) -> Response:
        wanted: dict[str, Any] = json.loads(body)
        if wanted["name"] in self.denies:
            return JSONResponse({"error": "exists"}, 409)
        self.ledger.append("device.denied", {"name": wanted["name"]})
        if not self.forget:
            self.put(str(wanted["name"]), wanted)
            self._unseen[str(wanted["name"])] = self.lag
        return JSONResponse({"ok": True}, 201)

    def _drop(self, request: Request, body: bytes) -> Response:
        name = request.path_params["id"]
        if self.denies.pop(name, None) is None:
            return JSONResponse({"error": "unknown"}, 404)
        self.ledger.append("device.allowed", {"name": name, "number": request.query_params.get("number", "")})
        return JSONResponse({"ok": True})
