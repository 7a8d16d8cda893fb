"""What every stand-in is made of: a real socket, an append-only ledger of effects, and scripted faults."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette

from stanch.errors import DependencyError

READY_SECONDS = 15.0


class Ledger:
    """Append-only record of what a stand-in did, in memory and, where a path is given, as JSON lines.

    The judge of a test reads this, never the product's own database.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def append(self, event: str, fields: dict[str, Any]) -> None:
        with self._lock:
            entry = {"n": len(self._entries) + 1, "at": datetime.now(UTC).isoformat(), "event": event, **fields}
            self._entries.append(entry)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry, sort_keys=True) + "\n")

    def entries(self, event: str = "") -> list[dict[str, Any]]:
        with self._lock:
            return [dict(entry) for entry in self._entries if not event or entry["event"] == event]

    def count(self, event: str) -> int:
        return len(self.entries(event))


@dataclass(frozen=True)
class Fault:
    """One scripted misbehaviour.

    Args:
        mode: drop_before, drop_after (committed, then the connection is cut), hang, status, html, error_200, lag,
            delay.
        status: for mode `status`.
        retry_after: header text for a 429 or 503: seconds, an HTTP date, or "" for none.
        seconds: for `hang`, `lag`, `delay`.
    """

    mode: str
    status: int = 500
    retry_after: str = ""
    seconds: float = 0.0


class Faults:
    """Faults waiting to happen, by operation name (`*` is any); each is used up once."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()

    def script(self, operation: str, *faults: Fault) -> None:
        with self._lock:
            self._waiting += [(operation, fault) for fault in faults]

    def take(self, operation: str) -> Fault | None:
        """The next fault for the operation, or None."""
        with self._lock:
            for index, (name, _fault) in enumerate(self._waiting):
                if name in (operation, "*"):
                    return self._waiting.pop(index)[1]
        return None

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()


class Standin:
    """A vendor stand-in: an ASGI application served from a thread on 127.0.0.1.

    Subclasses set `name` and build `self.app` before `start()`.
    """

    name = "standin"

    def __init__(self, *, ledger: Path | None = None, port: int = 0) -> None:
        self.ledger = Ledger(ledger)
        self.faults = Faults()
        self.app: Any = Starlette()
        self._wanted_port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        if self._socket is None:
            raise RuntimeError(f"{self.name} is not running")
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Bind, serve and wait until the socket answers."""
        # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._wanted_port))
        self._socket = listener
        config = uvicorn.Config(self.app, log_level="warning", access_log=False, lifespan="off", backlog=256)
        server = uvicorn.Server(config)
        self._server = server
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"standin-{self.name}", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise DependencyError(f"the stand-in {self.name} did not start", code="D015")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.ledger.entries())
