"""What every stand-in is made of: a real socket, an append-only ledger of effects, and faults on demand."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from stanch.errors import DependencyError
from stanch.sandbox._faults import Fault, Faults
from stanch.sandbox._ledger import Ledger

__all__ = ["Fault", "Faults", "Ledger", "Standin"]

READY_SECONDS = 15.0


class Standin:
    """A vendor stand-in: an ASGI application served from a thread on 127.0.0.1.

    Subclasses set `name` and build `self.app` before `start()`.
    """

    name = "standin"

    def __init__(self, *, ledger: Path | None = None, port: int = 0) -> None:
        self.ledger = Ledger(ledger)
        self.faults = Faults()
        # Sees each exchange that no fault spoilt, for contract checks.
        self.observe: Callable[[Request, bytes, Response], None] | None = None
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
