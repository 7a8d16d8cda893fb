"""What enforcement points see of traffic: estimates, usage and log lines, each with what the log could not show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Self


@dataclass(frozen=True)
class Estimate:
    """Blast radius of a block before it stands; `coverage` says what the log could not show.

    Args:
        unknown_share: of the endpoint's requests, those of which the log cannot tell; all, where there is no log.
        nameless: denied requests of which the log cannot tell who sent them.
    """

    requests: int
    clients: int
    principals: int
    share_of_endpoint: float
    succeeded: int
    window: timedelta
    coverage: str = "complete"
    sample: tuple[dict[str, str], ...] = ()
    unknown_share: float = 0.0
    nameless: int = 0


@dataclass(frozen=True)
class Usage:
    """Traffic of one endpoint."""

    requests: int
    clients: int
    principals: int
    errors: int
    last_seen: datetime | None
    window: timedelta
    coverage: str = "complete"


@dataclass(frozen=True)
class Excerpt:
    """Log lines of an endpoint, redacted, newest first.

    Args:
        coverage: what is missing from them; it begins with "complete" only where nothing is.
    """

    lines: tuple[Mapping[str, str], ...] = ()
    coverage: str = "complete"

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, str]], *, limit: int, coverage: str) -> Self:
        """The newest of lines, which says so where there are more."""
        found = tuple(islice(lines, limit + 1))
        if len(found) > limit:
            coverage = f"partial: only the newest {limit} requests are kept; of the log: {coverage}"
        return cls(found[:limit], coverage)
