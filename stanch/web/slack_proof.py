"""Proof that a request over HTTP came from Slack, now and for the first time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

from stanch.errors import DependencyError
from stanch.records import New
from stanch.secrets import SCHEME, resolve
from stanch.slack.signing import verify
from stanch.web.services import Services, now

REPLAYS = "slack"


async def proven(services: Services, body: bytes, headers: Mapping[str, str]) -> None:
    """Raise IntakeError (401) unless Slack has sent this, now and for the first time."""
    await asyncio.to_thread(_proven, services, body, headers)


def _proven(services: Services, body: bytes, headers: Mapping[str, str]) -> None:
    _, section = services.chat_section
    secrets = [resolve(item) if item.startswith(SCHEME) else item for item in section.get("signing_secrets", ())]
    verify(body, headers, secrets=secrets, now=now(), seen=lambda signature: _seen(services, signature))


def _seen(services: Services, signature: str) -> bool:
    """Whether this signature was used. While records are down it is let through: a vote sent twice counts once."""
    digest = hashlib.sha256(signature.encode()).hexdigest()
    try:
        return not isinstance(services.records.remember_delivery(REPLAYS, digest, digest, at=now()), New)
    except DependencyError:
        return False
