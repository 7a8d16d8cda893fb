"""What a simulated run did, in the order it did it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from stanch.durations import format_duration
from stanch.shapes import is_dict, is_items


@dataclass(frozen=True)
class EffectLine:
    """An action that the run caused; `at` counts from the start.

    Args:
        purpose: do, verify, undo, renewed, reminder, escalation, rescan or reopen.
    """

    at: timedelta
    action: str
    step: str
    purpose: str
    effect: str
    params: dict[str, Any]
    outputs: dict[str, Any]
    ok: bool = True
    reason: str = ""

    @property
    def told(self) -> bool:
        """True for what tests list: what the playbook itself records, notifies, changes or preserves."""
        return self.purpose in ("do", "undo", "renewed", "reopen") and (
            self.effect != "read" or self.action.startswith("evidence.")
        )


@dataclass(frozen=True)
class Line:
    """One line of the story."""

    at: timedelta
    what: str
    step: str = ""


@dataclass(frozen=True)
class ApprovalLine:
    step: str
    question: str
    who: tuple[str, ...]
    outcome: str  # open, approved, rejected, chosen, expired
    choice: str = ""
    by: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Refused:
    """A vote that did not count, and why."""

    at: timedelta
    by: str
    code: str
    reason: str


@dataclass(frozen=True)
class ChangeLine:
    """A change that stands at the end, with the way to take it back."""

    step: str
    action: str
    undo: str
    params: dict[str, Any]
    state: str = "open"


@dataclass(frozen=True)
class Report:
    """The end of a simulated run.

    Args:
        status: running where it waits for somebody or something, else done, failed or cancelled.
        waiting_on: steps that it waits on.
        ticket: none, open or closed, as this run left it.
        counted: what would be counted for rule suggestions.
        checks: mismatches found by the `check` words of the timeline.
    """

    playbook: str
    status: str
    reason: str
    effects: tuple[EffectLine, ...]
    timeline: tuple[Line, ...]
    approvals: tuple[ApprovalLine, ...]
    open_changes: tuple[ChangeLine, ...]
    waiting_on: tuple[str, ...]
    steps: dict[str, dict[str, Any]]
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    ticket: str = "none"
    counted: dict[str, Any] = field(default_factory=dict[str, Any])
    refused: tuple[Refused, ...] = ()
    problems: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    elapsed: timedelta = timedelta(0)

    @property
    def told(self) -> tuple[str, ...]:
        """The actions that tests list, in order."""
        return tuple(effect.action for effect in self.effects if effect.told and effect.ok)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; times as people write them."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if is_dict(value):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_items(value):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
