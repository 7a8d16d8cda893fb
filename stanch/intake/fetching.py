"""Fetches a small document from an address that was checked before: no redirect, bounded in time and size."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stanch.errors import DependencyError

if TYPE_CHECKING:
    import httpx

SECONDS = 5.0
LIMIT = 16 * 1024

Fetch = Callable[[str], bytes]


def fetch(url: str) -> bytes:
    """The body of a 200 answer; nothing for any other answer, and for one that is too long.

    Raises:
        DependencyError: D017, the other side cannot be reached, is broken or too slow.
    """
    import httpx  # most processes never fetch

    deadline = time.monotonic() + SECONDS
    try:
        plain = {"accept-encoding": "identity"}
        with httpx.stream("GET", url, headers=plain, timeout=SECONDS, follow_redirects=False) as answer:
            if answer.status_code >= 500:
                raise _unreachable()
            return _read(answer, deadline) if answer.status_code == 200 else b""
    except httpx.HTTPError:
        raise _unreachable() from None


def _read(answer: httpx.Response, deadline: float) -> bytes:
    parts: list[bytes] = []
    for part in answer.iter_raw():
        parts.append(part)
        if sum(map(len, parts)) > LIMIT:
            return b""
        if time.monotonic() > deadline:
            raise _unreachable()
    return b"".join(parts)


def _unreachable() -> DependencyError:
    hint = "let this machine reach sns.<region>.amazonaws.com by HTTPS (HTTPS_PROXY is followed)"
    return DependencyError("Amazon SNS cannot be reached", code="D017", hint=hint)
