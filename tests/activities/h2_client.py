"""One HTTP/2 request without TLS, whose header fields go out exactly as given (RFC 9113 and 7541, nothing spared)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _RST, _SETTINGS, _GOAWAY = 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1


def send(port: int, fields: Sequence[tuple[str, str]]) -> None:
    """Send it and wait for the end of the answer, whatever that is; a connection that is reset has ended, too."""
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)
    with socket.create_connection(("127.0.0.1", port), 5) as stream:
        stream.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        stream.sendall(_frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, block))
        with contextlib.suppress(ConnectionError):
            _answer(stream)


def _answer(stream: socket.socket) -> None:
    for kind, flags in _frames(stream):
        if kind == _SETTINGS and not flags & _ACK:
            stream.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        if kind in (_RST, _GOAWAY) or (kind < _RST and flags & _END_STREAM):
            return


def _frames(stream: socket.socket) -> Iterator[tuple[int, int]]:
    with stream.makefile("rb") as answer:
        while len(head := answer.read(9)) == 9:
            answer.read(int.from_bytes(head[:3]))
            yield head[3], head[4]


def _frame(kind: int, flags: int, number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + number.to_bytes(4) + body


def _text(text: str) -> bytes:
    raw, rest = text.encode(), len(text.encode()) - 127
    if rest < 0:
        return bytes([len(raw)]) + raw
    size = [127]
    while rest >= 128:
        size.append(rest % 128 + 128)
        rest //= 128
    return bytes([*size, rest]) + raw
