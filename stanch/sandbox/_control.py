"""The control interface of a tracker's stand-in: people's acts, faults, settings, ledger and tickets, as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._faults import Faults
from stanch.sandbox._ledger import Ledger
from stanch.shapes import is_dict, is_list

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
Answer = Callable[[Request], Awaitable[Any]]


class Controlled(Protocol):
    """What a tracker's stand-in offers to the control interface and to its page."""

    @property
    def lock(self) -> AbstractContextManager[Any]: ...

    @property
    def faults(self) -> Faults: ...

    @property
    def ledger(self) -> Ledger: ...

    def act(self, order: dict[str, Any]) -> None: ...

    def settings(self) -> dict[str, Any]: ...

    def set(self, order: Mapping[str, Any]) -> None: ...

    def tickets(self) -> list[dict[str, Any]]: ...


def control(tracker: Controlled) -> list[Route]:
    """The routes under `/_control/`; changes are JSON and come from no other origin."""
    on = _Control(tracker)
    table: list[tuple[str, str, Answer]] = [
        ("POST", "act", on.act),
        ("GET", "faults", on.faults),
        ("POST", "faults", on.plan),
        ("DELETE", "faults", on.clear),
        ("GET", "settings", on.settings),
        ("POST", "settings", on.set),
        ("GET", "ledger", on.ledger),
        ("GET", "tickets", on.tickets),
    ]
    return [Route(f"/_control/{path}", _guarded(answer), methods=[method]) for method, path, answer in table]


def from_here(request: Request) -> bool:
    """True where no other site can have made a browser send this: our own address, and no foreign origin."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", f"http://{host}")
    return urlsplit(f"//{host}").hostname in LOCAL and origin == f"http://{host}"


def _guarded(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0]
        if not from_here(request) or (request.method == "POST" and kind != "application/json"):
            return JSONResponse({"error": "JSON from this machine only"}, status_code=403)
        try:
            return JSONResponse(await answer(request))
        except (KeyError, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return endpoint


class _Control:
    """One method per route; each gives what is answered as JSON."""

    def __init__(self, tracker: Controlled) -> None:
        self._tracker = tracker

    async def act(self, request: Request) -> Any:
        self._tracker.act(await _object(request))
        return {"ok": True}

    async def faults(self, request: Request) -> Any:
        return {"rules": self._tracker.faults.rules()}

    async def plan(self, request: Request) -> Any:
        """A rule or a list of rules; of a list with a mistake nothing is planned."""
        given: Any = json.loads(await request.body())
        orders: list[Any] = given if is_list(given) else [given]
        if not all(is_dict(order) for order in orders):
            raise ValueError("a rule is an object")
        for order in orders:
            Faults().plan(order)
        return {"rules": [self._tracker.faults.plan(order) for order in orders]}

    async def clear(self, request: Request) -> Any:
        number = request.query_params.get("rule")
        if number is None:
            self._tracker.faults.clear()
        else:
            self._tracker.faults.remove(int(number))
        return {"ok": True}

    async def settings(self, request: Request) -> Any:
        return self._tracker.settings()

    async def set(self, request: Request) -> Any:
        order = await _object(request)
        with self._tracker.lock:
            self._tracker.set(order)
        return self._tracker.settings()

    async def ledger(self, request: Request) -> Any:
        after = int(request.query_params.get("after", "0"))
        return {"entries": [entry for entry in self._tracker.ledger.everything() if entry["n"] > after]}

    async def tickets(self, request: Request) -> Any:
        with self._tracker.lock:
            return {"tickets": self._tracker.tickets()}


async def _object(request: Request) -> dict[str, Any]:
    given: Any = json.loads(await request.body())
    if not is_dict(given):
        raise ValueError("the body must be an object")
    return given
