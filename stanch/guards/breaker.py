"""The circuit breaker: after too many failed changes nothing goes on alone until one works or time has passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from stanch.documents import Duration
from stanch.guards.part import Part
from stanch.leases import Wire

MOST = timedelta(days=1)


class BreakerRules(Part):
    """`breaker` of guards.yaml.

    Args:
        failures: so many failed changes open it.
        within: the time in which they count.
        rest: how long it stays open; afterwards one more failure opens it again at once.
    """

    failures: int = Field(default=5, ge=1, le=100)
    within: Annotated[Duration, Field(gt=timedelta(0), le=MOST)] = timedelta(minutes=10)
    rest: Annotated[Duration, Field(gt=timedelta(0), le=MOST)] = timedelta(minutes=30)


class Breaker(Wire):
    """The breaker of one scope; `until` is set once it has opened, and stays until a change works.

    Args:
        causes: what failed, and when it was counted; its repetitions are not.
    """

    failures: tuple[datetime, ...] = ()
    causes: dict[str, datetime] = Field(default_factory=dict[str, datetime])
    until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Nothing of this scope goes on without consent."""
        return self.until is not None and now < self.until


def failed(breaker: Breaker, now: datetime, rules: BreakerRules, cause: str = "") -> Breaker:
    """After one more failure; while it is open nothing is added, so that it closes at its time."""
    causes = {name: at for name, at in breaker.causes.items() if at > now - rules.within}
    if breaker.is_open(now) or cause in causes:
        return breaker
    recent = (*(at for at in breaker.failures if at > now - rules.within), now)
    if breaker.until is not None or len(recent) >= rules.failures:
        return Breaker(until=now + rules.rest)
    return Breaker(failures=recent, causes=causes | ({cause: now} if cause else {}))


def open_scopes(breakers: Sequence[tuple[str, Breaker]], now: datetime) -> tuple[str, ...]:
    """Scopes whose breaker is open."""
    return tuple(scope for scope, breaker in breakers if breaker.is_open(now))
