"""Reminders that a person does not want to hear for a while: said in the ledger, and looked up before one is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

SNOOZED = "reminders.snoozed"
REMINDER = "reminder"  # the template of messages that may be silenced; escalations to others always go
LONGEST = timedelta(hours=24)


class Line(Protocol):
    """A line of a case's ledger."""

    @property
    def event(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def silent_until(lines: Sequence[Line], person: str, now: datetime) -> datetime | None:
    """Until when this person hears no reminders of the case; None where they do."""
    spans = [_until(line) for line in lines if line.event == SNOOZED and line.actor == person]
    ends = [end for end in spans if end is not None and now < end <= now + LONGEST]
    return max(ends, default=None)


def _until(line: Line) -> datetime | None:
    try:
        end = datetime.fromisoformat(str(line.data.get("until", "")))
    except ValueError:
        return None
    return end if end.tzinfo is not None else None
