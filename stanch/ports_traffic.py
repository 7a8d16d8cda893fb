"""What some enforcement points can do besides: answer guards at once, count without denying, compare any claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from stanch.leases import BlockSpec, Lease
from stanch.ports import Estimate


@dataclass(frozen=True)
class Exposure:
    """What guards ask of traffic right before a block.

    Args:
        principals: seen behind the addresses of the block, anywhere at the point; 0 where it names somebody.
        unknown: share of the requests in question of which the log cannot tell whom the block would hit.
        share: of the host's requests that a block for everybody would hit; None for others.
        why: what the log lacks.
    """

    principals: int = 0
    unknown: float = 1.0
    share: float | None = None
    why: str = ""


@runtime_checkable
class SeesTraffic(Protocol):
    """A point that answers what guards ask at once, however many blocks come; others are asked for an estimate."""

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure: ...


@runtime_checkable
class Counts(Protocol):
    """A point that can count what a block would deny (`effect` "count") and deny nothing."""

    def observed(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """What a counted block would have denied in the window, by the point's own verdict."""
        ...


@runtime_checkable
class TellsEffect(Protocol):
    """A point where a block can be listed and stop nothing, because somebody has taken apart what it hangs on."""

    def without_effect(self, leases: Sequence[Lease]) -> frozenset[str]:
        """Targets among these leases that stop nothing."""
        ...


@runtime_checkable
class LogsLate(Protocol):
    """A point with a log that lines reach late."""

    @property
    def log_seconds(self) -> float:
        """How long a proof may wait for a line; 0 where there is no log."""
        ...

    def passed(self, spec: BlockSpec, *, since: datetime, until: datetime | None = None) -> tuple[int, int | None]:
        """Requests since a time: (denied by us, let through).

        The second is None where the log cannot tell, also as long as nothing is logged that happened after `until`.
        """
        ...


@dataclass(frozen=True)
class Trace:
    """What would still answer for a block that is not listed any more.

    Args:
        headers: makes those that its rule denies; None where others hold that rule, too, and a denial is no news of it.
        target: as a log names the block.
        rule: how the names of the rule begin that it shared with others, "" where it had one of its own.
        left: what it denied is still in the rule, and nobody is listed for it.
    """

    headers: Callable[[], Mapping[str, str]] | None
    target: str
    rule: str = ""
    left: bool = False

    def denied(self, by: str) -> bool:
        """Whether who denied a probe, by the log, is this block."""
        return by == self.target or bool(self.rule and by.startswith(self.rule))


@runtime_checkable
class SharesRules(Protocol):
    """A point where blocks share a rule, which answers to another probe than each of them."""

    def trace(self, spec: BlockSpec) -> Trace: ...
