"""Proof that a request over HTTP came from Slack, now and for the first time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from functools import partial

from stanch.errors import DependencyError
from stanch.records import New
from stanch.secrets import SCHEME, resolve
from stanch.slack.signing import verify
from stanch.web.services import Services, now

REPLAYS = "slack"
SECONDS = 0.2


async def proven(services: Services, body: bytes, headers: Mapping[str, str]) -> None:
    """Raise IntakeError (401) unless Slack has sent this, now and for the first time."""
    _, section = services.chat_section
    given = section.get("signing_secrets", ())
    secrets = [await asyncio.to_thread(resolve, item) if item.startswith(SCHEME) else item for item in given]
    check = partial(verify, body, headers, secrets=secrets, now=now())
    genuine: list[str] = []

    def keep(signature: str) -> bool:
        genuine.append(signature)
        return False

    check(seen=keep)
    if await _seen(services, genuine[0]):
        check(seen=lambda _: True)


async def _seen(services: Services, signature: str) -> bool:
    """Whether this signature was used.

    While records are down, or take the time that the vote needs, it is let through: a vote sent twice counts once.
    """
    digest = hashlib.sha256(signature.encode()).hexdigest()
    try:
        async with asyncio.timeout(SECONDS):
            known = await asyncio.to_thread(services.records.remember_delivery, REPLAYS, digest, digest, at=now())
    except (TimeoutError, DependencyError):
        return False
    return not isinstance(known, New)
