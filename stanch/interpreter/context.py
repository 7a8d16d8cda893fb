"""What a run is about and never changes: plan, views, people, mode. Not part of the state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from stanch.plan import Mode, Plan

LINGERS = 2  # the form of requests (`asks`) from which on their end rings later than it comes


class Evaluator(Protocol):
    """Evaluates one checked expression; raises `ExpressionFailed` on any error (fail closed)."""

    def evaluate(self, source: str, values: Mapping[str, Any]) -> Any: ...


@dataclass(frozen=True)
class RunContext:
    """The fixed part of a run.

    Args:
        finding, route: the views as JSON-like dictionaries (datetimes and timedeltas as such).
        people: approver name -> user ids, resolved when the plan was pinned (`team:appsec` -> `user:tom`, ...).
        mode: the lowest of playbook, environment, source assurance and limits.
        round: 0, then +1 each time the case is reopened in its verify window.
        asks: the form of its requests, pinned like the plan: what was asked must come out the same when it is replayed.
    """

    plan: Plan
    finding: Mapping[str, Any]
    route: Mapping[str, Any]
    case_id: str
    episode: str
    evaluator: Evaluator
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    mode: Mode = Mode.AUTO
    round: int = 0
    requested_by: str = ""
    asks: int = 2

    def key(self, path: str, occurrence: int) -> str:
        """Idempotency key of an effect: case, episode, plan, step and how often it has run."""
        text = "\x1f".join((self.case_id, self.episode, self.plan.digest, path, str(self.round), str(occurrence)))
        return hashlib.sha256(text.encode()).hexdigest()[:32]
