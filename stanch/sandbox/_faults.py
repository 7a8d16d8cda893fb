"""The faults of a stand-in: scripted one by one, or planned as rules with match, count, probability and seed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stanch.sandbox._fault_rules import CALLBACK, Fault, FaultRule, Sent, rule_of

__all__ = ["NAMED", "Fault", "FaultRule", "Faults", "Sent"]

# Every fault a rule may name; `seconds`, `status`, `retry_after` and `reason` may be set beside the name.
NAMED: Mapping[str, Fault] = MappingProxyType({
    # Nothing is done.
    "drop": Fault("drop_before"),
    "hang": Fault("hang", seconds=5),
    "rate_limited": Fault("status", status=429, retry_after="1"),
    "server_error": Fault("status", status=503),
    "unauthorized": Fault("status", status=401),
    "forbidden": Fault("status", status=403),
    "business_rule": Fault("business_rule"),
    "html": Fault("html"),
    "error_200": Fault("error_200"),
    # It is done, and the caller does not learn it.
    "commit_then_drop": Fault("drop_after"),
    "commit_then_hang": Fault("hang_after", seconds=5),
    "commit_then_server_error": Fault("status_after", status=500),
    "commit_then_html": Fault("html_after"),
    "commit_then_error_200": Fault("error_200_after"),
    "truncated": Fault("truncated"),
    # It is done and told, late or from an old index.
    "slow": Fault("delay", seconds=1),
    "search_lag": Fault("lag", seconds=2),
    # What the tracker tells by callback.
    "duplicate_callback": Fault("duplicate"),
    "late_callback": Fault("late", seconds=2),
    "reordered_callback": Fault("reorder", seconds=2),
    "lost_callback": Fault("lost"),
})  # fmt: skip


class Faults:
    """Faults waiting to happen.

    `script` puts single faults in a queue by operation name (`*` is any request); each is used up once.

    `plan` adds a rule, which is the form the control API takes as JSON:

        {"fault": "commit_then_drop", "match": {"operation": "create"}, "times": 2, "skip": 1}
        {"fault": ["html", {"name": "hang", "seconds": 2}], "match": {"kind": "write"}, "probability": 0.3, "seed": 7}

    fault: a name of NAMED, or an object of `name` and settings (seconds, status, retry_after, reason), or a list of
        them; beside a single name the settings may stand in the rule itself.
    match: operation, method, path, key, kind (read or write): text or list of texts, with globs; all must fit.
    times, skip: fires at most so often, after it let so many matching requests pass.
    probability, seed: decided for each matching request by a generator of the rule's own.

    Without `probability` a rule fires on each match, once unless `times` says more; with it, without end unless `times`
    says less. Of a list, one fault that fits the request is drawn: `search_lag` fits only searches, the four
    `..._callback` only callbacks (their operation is `callback`), all others only requests. The same seed and the same
    order of matching requests give the same faults. Scripted faults come before rules, and rules in their order.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[str, Fault]] = []
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()
        self._next = 1

    def script(self, operation: str, *faults: Fault) -> None:
        with self._lock:
            self._waiting += [(operation, fault) for fault in faults]

    def plan(self, order: Mapping[str, Any]) -> int:
        """Add a rule; returns its number.

        Raises:
            ValueError: with what is wrong in the order.
        """
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._rules.append(rule_of(order, number=number, named=NAMED))
            return number

    def take(self, operation: str) -> Fault | None:
        """The next scripted fault for the operation, or None."""
        with self._lock:
            for index, (name, _fault) in enumerate(self._waiting):
                if name == operation or (name == "*" and operation != CALLBACK):
                    return self._waiting.pop(index)[1]
        return None

    def draw(self, sent: Sent) -> Fault | None:
        """The fault that this request or callback meets, or None."""
        scripted = self.take(sent.operation)
        if scripted is not None:
            return scripted
        with self._lock:
            drawn = (rule.draw(sent) for rule in self._rules)
            return next((fault for fault in drawn if fault is not None), None)

    def rules(self) -> list[dict[str, Any]]:
        """What is planned, with how often each rule matched and fired."""
        with self._lock:
            return [rule.view() for rule in self._rules]

    def remove(self, number: int) -> None:
        """Take a rule back; raises KeyError where there is none of that number."""
        with self._lock:
            if not any(rule.number == number for rule in self._rules):
                raise KeyError(number)
            self._rules = [rule for rule in self._rules if rule.number != number]

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._rules.clear()
