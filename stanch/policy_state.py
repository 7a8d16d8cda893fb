"""Which policy each process uses, and what people are told when that is not the newest or not the same everywhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SETTLE = timedelta(seconds=60)  # so long processes may differ after an edit


@dataclass(frozen=True)
class PolicyState:
    """What one process uses.

    Args:
        digest: of names and content of the files in use.
        problem: why a newer edit is not in use; empty where there is none.
        failures: edits that were refused since this process has started.
        strangers: whom playbooks ask and the directory does not have, with the place.
    """

    digest: str
    loaded_at: datetime
    problem: str = ""
    failures: int = 0
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyUse:
    """What a process has said of itself.

    Args:
        process: its name, such as `worker@host-1:4711`.
        at: when it has said so.
    """

    process: str
    digest: str
    problem: str
    loaded_at: datetime
    at: datetime

    @property
    def shown(self) -> str:
        """The process without its number, which says nothing to people."""
        return self.process.rpartition(":")[0] or self.process


def process_name(role: str) -> str:
    """The name of this process among those of its deployment."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def warnings_of(uses: Iterable[PolicyUse], now: datetime) -> tuple[str, ...]:
    """What people should know: edits that are not in use, and processes that differ for longer than edits take."""
    known = sorted(uses, key=lambda use: use.process)
    return tuple(dict.fromkeys((*_stale(known), *_different(known, now))))


def _stale(uses: Iterable[PolicyUse]) -> Iterator[str]:
    for use in uses:
        if use.problem:
            since = f"{use.loaded_at:%Y-%m-%d %H:%M} UTC"
            yield f"{use.shown}: the newest edit of the policy is not in use, that of {since} is: {use.problem}"


def _different(uses: list[PolicyUse], now: datetime) -> Iterator[str]:
    digests = {use.digest for use in uses}
    if len(digests) > 1 and all(now - use.loaded_at > SETTLE for use in uses) and not any(use.problem for use in uses):
        parts = dict.fromkeys(f"{use.shown} {use.digest[:12]}" for use in uses)
        yield f"not every process uses the same policy: {', '.join(parts)}"
