"""Socket Mode as Slack speaks it: one-time addresses, envelopes to one of the connections, and the clock of answers."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from stanch.sandbox._server import Ledger

ACK_SECONDS = 3.0
APP_ID = "A0STANCH"


@dataclass
class _Line:
    socket: WebSocket
    loop: asyncio.AbstractEventLoop


@dataclass
class Envelope:
    """One thing that was sent, and how it was answered: `seconds` is None while it is not."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    sent_at: float = 0.0
    seconds: float | None = None
    answer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    acks: int = 0
    acked: threading.Event = field(default_factory=threading.Event)


class Link:
    """The lines that the app has open.

    Args:
        foreign: lines of somebody else who has the app token too; hello counts them.
        twice: how many of the next envelopes are sent twice.
        disabled: Socket Mode is switched off for the app.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.foreign = 0
        self.twice = 0
        self.disabled = False
        self.envelopes: dict[str, Envelope] = {}
        self._ledger = ledger
        self._tickets: set[str] = set()
        self._lines: dict[int, _Line] = {}
        self._count = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def open(self) -> int:
        """How many lines the app has."""
        return len(self._lines)

    def address(self, base: str) -> str:
        """An address for one connection."""
        ticket = secrets.token_hex(16)
        with self._lock:
            self._tickets.add(ticket)
        return f"{base.replace('http://', 'ws://')}/link/?ticket={ticket}&app_id={APP_ID}"

    async def serve(self, socket: WebSocket) -> None:
        """A connection from its greeting to its end."""
        ticket = socket.query_params.get("ticket", "")
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        if not known or self.disabled:
            await socket.close(1008)
            return
        await socket.accept()
        number = next(self._count)
        self._lines[number] = _Line(socket, asyncio.get_running_loop())
        await socket.send_json(self._hello())
        self._ledger.append("slack.connected", {"line": number, "lines": self.open})
        try:
            while True:
                self._answered(await socket.receive_json())
        except WebSocketDisconnect:
            pass
        finally:
            self._lines.pop(number, None)
            self._ledger.append("slack.hung_up", {"line": number})

    def send(self, kind: str, payload: Mapping[str, Any], *, wait: bool = True) -> Envelope:
        """Send something new to one of the lines, and wait for its answer, at most three seconds."""
        envelope = Envelope(id=secrets.token_hex(12), kind=kind, payload=payload)
        self.envelopes[envelope.id] = envelope
        times = 2 if self.twice > 0 else 1
        self.twice = max(0, self.twice - 1)
        for _ in range(times):
            self.send_again(envelope)
        if wait:
            envelope.acked.wait(ACK_SECONDS)
        return envelope

    def send_again(self, envelope: Envelope) -> None:
        """The same envelope once more, to any line."""
        lines = list(self._lines.values())
        if not lines:
            return
        line = lines[secrets.randbelow(len(lines))]
        accepts = envelope.kind != "events_api"
        body = {"envelope_id": envelope.id, "type": envelope.kind, "accepts_response_payload": accepts}
        envelope.sent_at = envelope.sent_at or time.monotonic()
        self._in(line, line.socket.send_json({**body, "payload": dict(envelope.payload)}))

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask the app to come back over a new connection; `link_disabled` switches Socket Mode off."""
        self.disabled = self.disabled or reason == "link_disabled"
        for line in list(self._lines.values()):
            self._in(line, line.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}}))

    def drop(self) -> None:
        """Cut every connection without a word."""
        for line in list(self._lines.values()):
            self._in(line, line.socket.close(1011))

    def _in(self, line: _Line, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, line.loop).result(5)

    def _hello(self) -> dict[str, Any]:
        debug = {"host": "standin", "started": "", "build_number": 1, "approximate_connection_time": 18060}
        return {
            "type": "hello",
            "num_connections": self.open + self.foreign,
            "debug_info": debug,
            "connection_info": {"app_id": APP_ID},
        }

    def _answered(self, message: Mapping[str, Any]) -> None:
        envelope = self.envelopes.get(str(message.get("envelope_id", "")))
        if envelope is None:
            return
        seconds = time.monotonic() - envelope.sent_at
        envelope.acks += 1
        if envelope.seconds is None:
            envelope.seconds, envelope.answer = seconds, message.get("payload") or {}
        self._ledger.append(
            "slack.acked",
            {
                "envelope_id": envelope.id,
                "kind": envelope.kind,
                "seconds": round(seconds, 3),
                "late": seconds > ACK_SECONDS,
                "payload": message.get("payload") or {},
            },
        )
        envelope.acked.set()
