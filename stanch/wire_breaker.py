"""Messages about circuit breakers: what people are told when one opens, rests no longer, or closes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from stanch.leases import Wire


class Turn(StrEnum):
    """What a breaker has just done."""

    OPENED = "opened"
    TRYING = "trying"  # its rest is over: one change is tried, and one more failure opens it again
    CLOSED = "closed"


class BreakerNews(Wire):
    """One turn of one breaker, told once.

    Args:
        at: when it closed, or until when it rests: together with scope and turn it is the name of these news.
        code: of the failure that opened it, "" where it is not known any more.
    """

    scope: str
    turn: Turn
    at: datetime
    code: str = ""

    @property
    def name(self) -> str:
        """The same for the same turn, whoever tells of it."""
        return f"breaker-{self.turn.value}-{self.scope}-{self.at.timestamp():.6f}"
