"""Caddy's admin interface over a local socket: reads with their version, and writes that hold only for that version."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h11

from activities._edge.rules import Changed
from activities._fence import before_write
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain

ADDRESS = re.compile(r"unix//[!-~]{1,107}|(?:127\.[0-9.]{5,11}|localhost|\[::1\]):[0-9]{1,5}")
_MOST = 32 << 20
_RESTART_SECONDS = 1.0  # Caddy opens its admin socket anew after every change


@dataclass(frozen=True)
class Answer:
    """Status, headers and trailers (Caddy sends the ETag as one), and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class CaddyAdmin:
    """The admin endpoint of one Caddy; it has no credentials, so it must only listen where Stanch is."""

    def __init__(self, address: str, *, seconds: float) -> None:
        self._address = address
        self._seconds = seconds

    def read(self, path: str) -> tuple[Any, str]:
        """The configuration at a path, and its version.

        Raises:
            Rejected: there is no such path.
            RetrySafe: Caddy does not answer.
        """
        try:
            answer = self._ask("GET", path)
            if answer.status != 200:
                raise _refusal(answer)
            return json.loads(answer.body), answer.headers.get("etag", "")
        except (OSError, ValueError, h11.ProtocolError):
            raise _silent() from None

    def write(self, method: str, path: str, *, value: Any = None, version: str) -> bool:
        """Change the configuration at a path, if what was read has not changed since.

        Returns:
            False where Caddy refuses to load it; it runs what it ran before.

        Raises:
            Changed: it has changed since.
            Uncertain: it was sent and no usable answer came back.
        """
        body = b"" if value is None else json.dumps(value).encode()
        before_write()
        try:
            answer = self._ask(method, path, body=body, version=version)
        except ConnectorError:
            raise
        except (OSError, h11.ProtocolError):
            raise Uncertain("Caddy did not say whether it took the change", hint="see its log") from None
        if answer.status == 412:
            raise Changed
        if answer.status in (400, 500) and _explained(answer):
            return False
        if answer.status >= 500:
            raise Uncertain("Caddy did not say whether it took the change", hint="see its log")
        if answer.status != 200:
            raise _refusal(answer)
        return True

    def _ask(self, method: str, path: str, *, body: bytes = b"", version: str = "") -> Answer:
        """One exchange; again where the socket was just being replaced: a version makes repeated writes harmless."""
        deadline = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._exchange(method, path, body=body, version=version)
            except (ConnectionError, h11.RemoteProtocolError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _exchange(self, method: str, path: str, *, body: bytes, version: str) -> Answer:
        headers = [("host", self._host()), ("content-length", str(len(body))), ("connection", "close")]
        headers += [("content-type", "application/json")] if body else []
        headers += [("if-match", version)] if version else []
        link = h11.Connection(h11.CLIENT)
        with contextlib.closing(self._connected()) as stream:
            request = link.send(h11.Request(method=method, target=path, headers=headers)) or b""
            stream.sendall(request + (link.send(h11.Data(body)) or b"") + (link.send(h11.EndOfMessage()) or b""))
            return _received(link, stream)

    def _host(self) -> str:
        """Over a unix socket Caddy wants no name at all."""
        return "" if self._address.startswith("unix/") else self._address

    def _connected(self) -> socket.socket:
        deadline = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                return self._connect()
            except OSError:
                if time.monotonic() > deadline:
                    raise _silent() from None
                time.sleep(0.02)

    def _connect(self) -> socket.socket:
        if not self._address.startswith("unix/"):
            host, port = self._address.rsplit(":", 1)
            return socket.create_connection((host.strip("[]"), int(port)), self._seconds)
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.settimeout(self._seconds)
            stream.connect(self._address.removeprefix("unix/"))
        except OSError:
            stream.close()
            raise
        return stream


def _received(link: h11.Connection, stream: socket.socket) -> Answer:
    status, headers, body = 0, dict[str, str](), bytearray()
    for event in _events(link, stream):
        if isinstance(event, h11.Response | h11.EndOfMessage):
            headers |= {name.decode().lower(): value.decode("latin-1") for name, value in event.headers}
        if isinstance(event, h11.Response):
            status = event.status_code
        if isinstance(event, h11.Data):
            body += event.data
        if len(body) > _MOST:
            raise OSError
    return Answer(status, headers, bytes(body))


def _events(link: h11.Connection, stream: socket.socket) -> Iterator[Any]:
    while True:
        event = link.next_event()
        if event is h11.NEED_DATA:
            link.receive_data(stream.recv(1 << 16))
            continue
        yield event
        if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return


def _explained(answer: Answer) -> bool:
    """Caddy's own word: it could not load the change, and goes on with what it had."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return False
    return isinstance(body, dict) and "error" in body


def _refusal(answer: Answer) -> ConnectorError:
    if answer.status in (401, 403):
        return AuthBlocked("Caddy's admin endpoint refuses Stanch", hint="see `admin.origins` of its configuration")
    if answer.status >= 500:
        return RetrySafe("Caddy's admin endpoint has an error", hint="see its log")
    return Rejected(
        "Caddy has no such place in its configuration", hint="check `server`: a name under apps.http.servers"
    )


def _silent() -> RetrySafe:
    return RetrySafe("Caddy's admin endpoint does not answer", hint="check `admin` and that Caddy runs")
