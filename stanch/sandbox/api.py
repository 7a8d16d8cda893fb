"""The API that the sandbox protects: a small shop that leaks personal data until somebody fixes it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._server import Standin
from stanch.sandbox.issuer import Issuer

HOSTS = ("api.example.com", "shop.example.com", "mobile.example.com")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_Endpoint = Callable[[Request], Awaitable[Response]]


def person(user_id: str) -> dict[str, str]:
    """Invented personal data of one user, the same at every call (a test card number, reserved domains)."""
    return {
        "id": user_id,
        "name": f"User {user_id}",
        "email": f"user.{user_id}@customer.example",
        "phone": "+1-202-555-0143",
        "birth_date": "1980-02-29",
        "pan": "4111111111111111",
        "address": "1 Example Street, Springfield",
    }


class ShopApi(Standin):
    """A shop API over HTTP for any host; every request that reaches it is in the ledger as `request`.

    `GET /users/{id}` answers everything it knows of a user (excessive data exposure) until `fix_exposure()`.
    """

    name = "shop-api"

    def __init__(self, *, issuer: Issuer, ledger: Path | None = None, port: int = 0) -> None:
        super().__init__(ledger=ledger, port=port)
        self._issuer = issuer
        self._lock = threading.Lock()
        self._orders: list[dict[str, Any]] = []
        self._exposed = True
        self._broken = False
        self.app = Starlette(
            routes=[
                Route("/healthz", self._noted(self._health)),
                Route("/users/{user_id}", self._noted(self._user), methods=_METHODS),
                Route("/orders", self._noted(self._order_list), methods=["GET"]),
                Route("/orders", self._noted(self._order_create), methods=["POST"]),
                Route("/products", self._noted(self._products)),
                Route("/mobile/v2/config", self._noted(self._mobile_config), methods=["GET"]),
                Route("/mobile/v2/users/{user_id}", self._noted(self._user), methods=["GET"]),
                Route("/{path:path}", self._noted(self._missing), methods=_METHODS),
            ]
        )

    def fix_exposure(self, *, fixed: bool = True) -> None:
        """What the developers' release does: users are answered with their name only (or leak again)."""
        self._exposed = not fixed

    def break_down(self, *, broken: bool = True) -> None:
        """Answer 500 to everything but the health check, as a bad release would."""
        self._broken = broken

    def reached(self, *, path: str = "", method: str = "", caller: str = "") -> int:
        """How many requests reached the origin, by path prefix, method and caller."""
        return sum(
            1
            for entry in self.ledger.entries("request")
            if entry["path"].startswith(path) and method in ("", entry["method"]) and caller in ("", entry["caller"])
        )

    def _caller(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._issuer.verify(token.strip()) if scheme.lower() == "bearer" else None
        return str(claims["sub"]) if claims else "anonymous"

    def _noted(self, answer: _Endpoint) -> _Endpoint:
        async def endpoint(request: Request) -> Response:
            broken = self._broken and request.url.path != "/healthz"
            response = JSONResponse({"error": "internal"}, status_code=500) if broken else await answer(request)
            self.ledger.append(
                "request",
                {
                    "method": request.method,
                    "host": request.headers.get("host", ""),
                    "path": request.url.path,
                    "caller": self._caller(request),
                    "agent": request.headers.get("user-agent", "")[:120],
                    "status": response.status_code,
                },
            )
            return response

        return endpoint

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _user(self, request: Request) -> Response:
        known = person(request.path_params["user_id"])
        if request.method not in ("GET", "HEAD"):
            return JSONResponse({"id": known["id"], "updated": True})
        return JSONResponse(known if self._exposed else {"id": known["id"], "name": known["name"]})

    async def _order_list(self, request: Request) -> Response:
        caller = self._caller(request)
        with self._lock:
            return JSONResponse({"orders": [order for order in self._orders if order["customer"] == caller]})

    async def _order_create(self, request: Request) -> Response:
        with self._lock:
            order = {"id": len(self._orders) + 1, "customer": self._caller(request), "state": "new"}
            self._orders.append(order)
        return JSONResponse(order, status_code=201)

    async def _products(self, request: Request) -> Response:
        return JSONResponse({"products": [{"id": 1, "name": "Tea"}, {"id": 2, "name": "Coffee"}]})

    async def _mobile_config(self, request: Request) -> Response:
        return JSONResponse({"min_version": "2.4.0", "features": ["orders", "wallet"]})

    async def _missing(self, request: Request) -> Response:
        return JSONResponse({"error": "not_found"}, status_code=404)
