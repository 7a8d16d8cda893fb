"""Signed callbacks of a stand-in: sent from one thread, in order but for faults, repeated with one id until taken."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from stanch.sandbox._fault_rules import CALLBACK
from stanch.sandbox._faults import Fault, Faults, Sent
from stanch.sandbox._ledger import Ledger

TRIES = 3
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Callback:
    """One request that a tracker makes when a record changed."""

    event_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    key: str = ""


class Callbacks:
    """Where and how callbacks go; without `url` they are only kept.

    `sent` holds every callback in order, so that a test can deliver one late, twice or out of order by `send`. A fault
    plan does the same by itself: `late` waits, `reorder` waits for the next one (or its seconds), `duplicate` goes
    twice under one id, `lost` never goes.
    """

    def __init__(self, *, name: str, ledger: Ledger, faults: Faults | None = None) -> None:
        self.url = ""
        self.sent: list[Callback] = []
        self._name = name
        self._ledger = ledger
        self._faults = faults or Faults()
        self._due: list[tuple[float, int, Callback]] = []
        self._held: list[tuple[float, Callback]] = []
        self._order = itertools.count()
        self._busy = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, callback: Callback) -> None:
        self.sent.append(callback)
        if not self.url:
            return
        fault = self._faults.draw(Sent(CALLBACK, key=callback.key))
        if fault is not None:
            shown = {"operation": CALLBACK, "key": callback.key, "event_id": callback.event_id}
            self._ledger.append(f"{self._name}.request", {**shown, "fault": fault.name or fault.mode})
        self._place(callback, fault)

    def _place(self, callback: Callback, fault: Fault | None) -> None:
        mode = fault.mode if fault is not None else ""
        if mode == "reorder" and fault is not None:
            with self._changed:
                self._held.append((time.monotonic() + fault.seconds, callback))
            self._start()
        elif mode != "lost":
            wait = fault.seconds if fault is not None and mode == "late" else 0.0
            for _ in range(2 if mode == "duplicate" else 1):
                self.send(callback, wait=wait)
            self._release()

    def send(self, callback: Callback, *, wait: float = 0.0) -> None:
        """Deliver it (again) to the present `url`, in so many seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + wait, next(self._order), callback))
        self._start()

    def _release(self) -> None:
        """Let go what was held until another one went."""
        with self._changed:
            held, self._held = self._held, []
        for _until, callback in held:
            self.send(callback)

    def drain(self) -> None:
        """Wait until everything that was given to `send` has been tried, what was held and late too."""
        self._release()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or not (self._due or self._held or self._busy))

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=TRIES * TIMEOUT_SECONDS)
            self._thread = None

    def _start(self) -> None:
        with self._changed:
            self._changed.notify_all()
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name=f"callbacks-{self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while (callback := self._next()) is not None:
                status = self._deliver(client, callback)
                self._ledger.append(f"{self._name}.callback", {"event_id": callback.event_id, "status": status})
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _next(self) -> Callback | None:
        """The next one that is due, waited for; None when it is time to stop."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                for entry in [each for each in self._held if each[0] <= now]:
                    self._held.remove(entry)
                    heapq.heappush(self._due, (now, next(self._order), entry[1]))
                if self._due and self._due[0][0] <= now:
                    self._busy = True
                    return heapq.heappop(self._due)[2]
                times = [self._due[0][0]] if self._due else []
                times += [until for until, _callback in self._held]
                self._changed.wait(min(times) - now if times else None)
        return None

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
