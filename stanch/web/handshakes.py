"""How senders try an address: CloudEvents OPTIONS, Okta's challenge, pings, SNS subscriptions."""

from __future__ import annotations

import asyncio
import logging
import re

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask

from stanch.errors import IntakeError
from stanch.intake.config import SourceConfig
from stanch.intake.deliveries import Delivery, authenticate
from stanch.intake.fetching import Fetch, fetch
from stanch.intake.handshakes import HandshakeKind, confirm, handshake_of
from stanch.intake.requests import Request as Arrived
from stanch.secrets import resolve
from stanch.sinks.terminal import safe_text
from stanch.web.arrivals import arrived
from stanch.web.problems import WebError
from stanch.web.services import Given, now

ALLOWED = "OPTIONS, POST"
CHALLENGE = "x-okta-verification-challenge"
_CHALLENGE = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_RATE = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)
_LOG = logging.getLogger("stanch.intake")

router = APIRouter()


@router.options("/v1/findings/{source}")
async def offered(source: str, request: Request, services: Given) -> Response:
    """CloudEvents' handshake: whether an origin may send here; sources that do not exist answer like the others.

    The address in `WebHook-Request-Callback` is never visited.
    """
    config = services.policy.current.sources.get(source)
    asked = await arrived(request)
    return Response(status_code=200, headers={"allow": ALLOWED} | (_permission(config, asked) if config else {}))


@router.get("/v1/findings/{source}")
async def challenged(source: str, request: Request, services: Given) -> Response:
    """Okta's one-time challenge, given back to a sender that has proven itself."""
    asked = await arrived(request)
    sources = services.policy.current.sources
    await asyncio.to_thread(authenticate, source, asked, sources=sources, resolve=resolve, now=now())
    challenge = asked.header(CHALLENGE)
    if not challenge:
        raise WebError("findings are sent, not fetched", status=405, code="W005", hint="POST them here")
    if not _CHALLENGE.fullmatch(challenge):
        raise IntakeError("the challenge is not one that Okta sends", status=400, code="I025")
    return JSONResponse({"verification": challenge})


def answer(source: SourceConfig, asked: Arrived, delivery: Delivery, *, visit: Fetch = fetch) -> Response | None:
    """The answer to a proven handshake, given before the delivery is remembered; None where there are findings.

    A subscription is confirmed after the answer is on its way, in a thread.
    """
    found = handshake_of(source.auth, asked, delivery)
    if found is None:
        return None
    name = delivery.source_id
    later = None
    match found.kind:
        case HandshakeKind.CONFIRM:
            later = BackgroundTask(confirm, found, source=name, visit=visit)
        case HandshakeKind.WAIT:
            hint = "set confirm: true for this source, or confirm it in AWS"
            _LOG.warning("source %s: %s waits to be confirmed: %s", name, safe_text(found.topic), hint)
        case HandshakeKind.GONE:
            _LOG.warning("source %s: somebody ended the subscription to %s", name, safe_text(found.topic))
        case HandshakeKind.PING:
            pass
    return JSONResponse({"delivery_id": delivery.delivery_id, "handshake": found.kind.value}, 200, background=later)


def _permission(source: SourceConfig, asked: Arrived) -> dict[str, str]:
    """The headers that say yes; the origin is repeated as the operator wrote it, never as it was sent."""
    origin = asked.header("webhook-request-origin").lower()
    named = next((each for each in source.origins if each == "*" or each.lower() == origin), "") if origin else ""
    if not named:
        return {}
    wanted = asked.header("webhook-request-rate")
    rate = min(source.rate, int(wanted)) if _RATE.fullmatch(wanted) else source.rate
    return {"webhook-allowed-origin": named, "webhook-allowed-rate": str(rate)}
