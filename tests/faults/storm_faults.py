"""What goes wrong in the storm: a share of all calls to a tracker and of all callbacks from it, drawn by a seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

Tracker = JiraStandin | ServiceNowStandin

HANG = 1.6  # seconds: longer than the connector waits
# Committed when the connector has just given up; found by whoever looks again within the settle window.
TOO_LATE = 1.3
LAG = 1.0  # of the search index, within the settle window

CALLS: tuple[dict[str, Any], ...] = (
    {"name": "drop"},
    {"name": "hang", "seconds": HANG},
    {"name": "rate_limited", "retry_after": "1"},
    {"name": "rate_limited", "retry_after": "date:1"},
    {"name": "rate_limited", "retry_after": ""},
    {"name": "server_error", "status": 500},
    {"name": "server_error", "status": 503, "retry_after": "1"},
    {"name": "html"},
    {"name": "error_200"},
    {"name": "commit_then_drop"},
    {"name": "commit_then_hang", "seconds": HANG},
    {"name": "commit_then_server_error"},
    {"name": "commit_then_html"},
    {"name": "commit_then_error_200"},
    {"name": "truncated"},
    {"name": "slow", "seconds": 0.3},
    {"name": "slow", "seconds": TOO_LATE},
    {"name": "search_lag", "seconds": LAG},
)
CALLBACKS: tuple[dict[str, Any], ...] = (
    {"name": "duplicate_callback"},
    {"name": "late_callback", "seconds": 1.5},
    {"name": "reordered_callback", "seconds": 1.0},
    {"name": "lost_callback"},
)


class Storm:
    """The bad weather of one tracker.

    Args:
        rate: share of calls, and of callbacks, that go wrong.
        seed: same seed, same draws; which call meets which is up to the timing of processes.
    """

    def __init__(self, tracker: Tracker, *, rate: float, seed: str) -> None:
        self._tracker = tracker
        orders = ({"fault": list(CALLS)}, {"fault": list(CALLBACKS), "match": {"operation": "callback"}})
        draws = {"probability": rate, "seed": sum(seed.encode())}
        self._rules = [tracker.faults.plan({**order, **draws}) for order in orders]
        self._counts: dict[str, int] = {}

    def end(self) -> None:
        """The air clears; what is late still comes."""
        self._counts = {name: self._count(name) for name in ("calls", "callbacks")}
        for number in self._rules:
            self._tracker.faults.remove(number)
        self._tracker.callbacks.drain()

    def _count(self, what: str) -> int:
        rules = {rule["rule"]: rule for rule in self._tracker.faults.rules()}
        rule = rules[self._rules[0 if what == "calls" else 1]]
        return int(rule["seen"])

    def count(self, what: str) -> int:
        """How many calls or callbacks there were while it blew."""
        return self._counts.get(what) or self._count(what)

    def met(self) -> Counter[str]:
        """How often each fault was met, as the tracker has entered it."""
        entries = self._tracker.ledger.entries(f"{self._tracker.name}.request")
        return Counter(entry["fault"] for entry in entries if entry["fault"])
