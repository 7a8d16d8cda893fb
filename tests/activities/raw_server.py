"""A server that writes exactly the bytes it is told to: what no well-behaved framework can be made to send."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

Answer = bytes | Iterator[bytes]


class RawServer:
    """One request per connection; `answer` gets method, path and body, and gives raw bytes, also piece by piece."""

    def __init__(self, answer: Callable[[str, str, bytes], Answer]) -> None:
        self._answer = answer
        self.seen: list[tuple[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                method, path, _ = reader.readline().decode().split(" ", 2)
                length = 0
                while (line := reader.readline().strip()) != b"":
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                body = reader.read(length)
                self.seen.append((method, path.partition("?")[0]))
                answer = self._answer(method, path, body)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
            except (OSError, ValueError):
                return


def http(body: bytes | object = b"", *, status: int = 200, headers: str = "") -> bytes:
    """An answer with a length; anything but bytes goes as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "" if "content-type" in headers.lower() else "Content-Type: application/json\r\n"
    extra = "".join(f"{line}\r\n" for line in headers.splitlines())
    return (
        f"HTTP/1.1 {status} X\r\n{kind}{extra}Connection: close\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent
    )


def drip(head: bytes = b'{"key": "', *, every: float = 0.05) -> Iterator[bytes]:
    """A body that never ends and never pauses for long."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + head
    while True:
        time.sleep(every)
        yield b"x"
