"""What goes wrong in the storm: a share of all calls to a tracker, and of all callbacks from it, by a seed."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from stanch.sandbox._callbacks import Callback
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin
from tests.faults.ticket_judge import OURSELVES

HANG = 1.6  # seconds: longer than the connector waits
LATE = 1.3  # committed when the connector has just given up
LAG = 1.0  # of the search index; within the settle window


def _date() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


KINDS: dict[str, Callable[[], Fault]] = {
    "cut before": lambda: Fault("drop_before"),
    "cut after commit": lambda: Fault("drop_after"),
    "hang": lambda: Fault("hang", seconds=HANG),
    "slow": lambda: Fault("delay", seconds=0.3),
    "committed too late": lambda: Fault("delay", seconds=LATE),
    "429 seconds": lambda: Fault("status", status=429, retry_after="1"),
    "429 date": lambda: Fault("status", status=429, retry_after=_date()),
    "429 bare": lambda: Fault("status", status=429),
    "500": lambda: Fault("status", status=500),
    "503": lambda: Fault("status", status=503, retry_after="1"),
    "page": lambda: Fault("html"),
    "error in a 200": lambda: Fault("error_200"),
    "lag": lambda: Fault("lag", seconds=LAG),
}


class Storm:
    """Takes the place of a stand-in's scripted faults.

    Args:
        rate: share of calls that go wrong.
        seed: same seed, same dice; which call meets which is up to the timing of processes.
    """

    def __init__(self, rate: float, seed: str) -> None:
        self.rate = rate
        self.met: Counter[str] = Counter()
        self.calls = 0
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def take(self, operation: str) -> Fault | None:
        with self._lock:
            self.calls += 1
            if self._dice.random() >= self.rate:
                return None
            name = self._dice.choice([*KINDS] if operation == "search" else [*KINDS][:-1])
            self.met[name] += 1
        return KINDS[name]()


class Post:
    """Takes the place of a stand-in's postman: some callbacks come late, twice, in another order, or not at all."""

    def __init__(self, send: Callable[[Callback], None], seed: str) -> None:
        self.rate = 0.3
        self.met: Counter[str] = Counter()
        self.send = send
        self.last: dict[str, Callback] = {}
        self._dice = random.Random(seed)
        self._timers: list[threading.Timer] = []

    def emit(self, callback: Callback) -> None:
        self._keep(callback)
        kind = self._dice.choice(("twice", "late", "late and twice", "lost")) if self._dice.random() < self.rate else ""
        self.met[kind or "plain"] += 1
        if kind in ("", "twice"):
            self.send(callback)
        if kind:
            self._later(callback, times=0 if kind == "lost" else 1 + kind.endswith("and twice"))

    def _keep(self, callback: Callback) -> None:
        """The last that people did to each ticket."""
        body = json.loads(callback.body)
        by = body.get("sys_updated_by") or body.get("user", {}).get("accountId")
        if by not in OURSELVES:
            self.last[body.get("number") or body["issue"]["key"]] = callback

    def _later(self, callback: Callback, *, times: int) -> None:
        for _ in range(times):
            timer = threading.Timer(self._dice.uniform(0.1, 2.0), self.send, (callback,))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def stop(self) -> None:
        for timer in self._timers:
            timer.join()


def let_loose(standin: JiraStandin | ServiceNowStandin, *, rate: float, seed: str) -> tuple[Storm, Post]:
    """Have a stand-in's calls and callbacks go wrong from here on."""
    storm, post = Storm(rate, f"{seed}-{standin.name}"), Post(standin.callbacks.send, f"{seed}-{standin.name}-post")
    faults: Any = standin.faults
    callbacks: Any = standin.callbacks
    faults.take, callbacks.emit = storm.take, post.emit
    return storm, post
