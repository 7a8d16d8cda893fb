"""Signed callbacks of a stand-in: sent in order from one thread, repeated with the same id until accepted."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from stanch.sandbox._server import Ledger

TRIES = 3
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Callback:
    """One request that a tracker makes when a record changed."""

    event_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Callbacks:
    """Where and how callbacks go; without `url` they are only kept.

    `sent` holds every callback in order, so that a test can deliver one late, twice or out of order by `send`.
    """

    def __init__(self, *, name: str, ledger: Ledger) -> None:
        self.url = ""
        self.sent: list[Callback] = []
        self._name = name
        self._ledger = ledger
        self._queue: queue.Queue[Callback | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def emit(self, callback: Callback) -> None:
        self.sent.append(callback)
        if self.url:
            self.send(callback)

    def send(self, callback: Callback) -> None:
        """Deliver it (again) to the present `url`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"callbacks-{self._name}", daemon=True)
            self._thread.start()
        self._queue.put(callback)

    def drain(self) -> None:
        """Wait until everything that was given to `send` has been tried."""
        self._queue.join()

    def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=TRIES * TIMEOUT_SECONDS)
            self._thread = None

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while (callback := self._queue.get()) is not None:
                status = self._deliver(client, callback)
                self._ledger.append(f"{self._name}.callback", {"event_id": callback.event_id, "status": status})
                self._queue.task_done()
            self._queue.task_done()

    def _deliver(self, client: httpx.Client, callback: Callback) -> int:
        """The last status, or 0 when nobody answered."""
        status = 0
        for _ in range(TRIES):
            try:
                status = client.post(self.url, content=callback.body, headers=dict(callback.headers)).status_code
            except httpx.HTTPError:
                status = 0
            if 200 <= status < 500:
                break
        return status
