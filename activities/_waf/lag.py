"""Reads that are behind our own writes: AWS shows a change seconds later, and until then what stood before."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

WINDOW = 60.0  # seconds after which what a read shows is how it is: somebody has put it back, or deleted it
_PATIENCE = 8.0  # seconds of one read
_PAUSE = 0.25


class Recent:
    """What one process wrote within the last minute, by lock token and ARN; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._old: dict[str, float] = {}  # lock tokens that we have replaced
        self._new: dict[str, float] = {}  # ARNs of what we have made

    def made(self, arn: str) -> None:
        with self._lock:
            self._new[arn] = time.monotonic() + WINDOW

    def replaced(self, token: str, by: str) -> None:
        if token != by:  # else it says nothing of what is behind
            with self._lock:
                self._old[token] = time.monotonic() + WINDOW

    def forget(self, arn: str) -> None:
        """It is deleted, or may be."""
        with self._lock:
            self._new.pop(arn, None)

    def tries(self) -> Iterator[None]:
        """Reads until patience ends, with pauses between."""
        end = time.monotonic() + _PATIENCE
        yield
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            yield

    def shown(self, tokens: Mapping[str, str]) -> bool:
        """Whether a read of these (ARN to lock token) shows all of it."""
        now = time.monotonic()
        with self._lock:
            self._old = {token: until for token, until in self._old.items() if until > now}
            self._new = {arn: until for arn, until in self._new.items() if until > now and arn not in tokens}
            return not self._new and not (self._old.keys() & set(tokens.values()))
