"""Around every request: which host was meant, how much may be sent, and which headers every answer has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stanch.errors import StanchError
from stanch.web.problems import WebError, as_error, problem

BODY_LIMIT = 256 * 1024
BODY_SECONDS = 15.0
BODIES_AT_ONCE = 256 * 1024 * 1024  # bytes of all requests being worked on
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOG = logging.getLogger("stanch.web")

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_ENCODED = [(name.encode(), value.encode()) for name, value in (HEADERS | {"cache-control": "no-store"}).items()]


class Shield:
    """ASGI middleware.

    Args:
        hosts: names that the Host header may have; a page of another site that rebinds its name to us has none.
        limit: most bytes of a body, by path.
        room: for the bodies of all requests.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], limit: Callable[[str], int], room: Room) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._limit = limit
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        guarded = _with_headers(send)
        taken = _Share(self._room)
        try:
            self._check(scope)
            body = await self._body(scope, receive, taken)
            return await self._answer(scope, _replay(body, receive), guarded)
        except StanchError as error:
            return await problem(error)(scope, receive, guarded)
        finally:
            taken.give_back()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            _LOG.exception("unexpected error")
            if not started:
                await problem(as_error(error))(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self._hosts:
            raise WebError("not a host of this service", status=421, code="W004", hint="set web.public_url")
        origin = headers.get("origin")
        if origin and scope["method"] not in _SAFE and _name(urlsplit(origin).netloc) not in self._hosts:
            raise WebError("sent from another site", status=403, code="W003")

    async def _body(self, scope: Scope, receive: Receive, taken: _Share) -> bytes:
        limit = self._limit(scope["path"])
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdigit() and int(stated) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await _read(receive, limit, taken)
        except TimeoutError:
            raise WebError("the body did not arrive in time", status=408, code="W007") from None


@dataclass
class Room:
    """The memory for bodies; many large ones at once must not end the process. `held` is in bytes."""

    held: int = 0


class _Share:
    """What one request takes of it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def take(self, size: int) -> None:
        if self._room.held + size > BODIES_AT_ONCE:
            raise WebError("too much is being sent at once", status=503, code="W008", hint="send it again")
        self._room.held += size
        self._size += size

    def give_back(self) -> None:
        self._room.held -= self._size
        self._size = 0


async def _read(receive: Receive, limit: int, taken: _Share) -> bytes:
    """The whole body, given up as soon as it is too long: what has not arrived costs nothing."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        taken.take(len(part))
        parts.append(part)
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _too_large(limit: int) -> WebError:
    return WebError(f"the body has more than {limit} bytes", status=413, code="I002")


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given: list[tuple[bytes, bytes]] = message["headers"]
            names = {name for name, _ in given}
            message["headers"] = [*given, *(pair for pair in _ENCODED if pair[0] not in names)]
        await send(message)

    return wrapped


def _name(netloc: str) -> str:
    """The host of `host:port`, lower case; "" for what is no host."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""
