"""POST /v1/findings/{source}: proof first, then reception; 202 once everything in the delivery is stored."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import State

from stanch.intake.deliveries import Delivery, may_wait, open_delivery
from stanch.intake.requests import Request as Arrived
from stanch.secrets import resolve
from stanch.web import handshakes
from stanch.web.arrivals import arrived
from stanch.web.problems import WebError
from stanch.web.reception import INLINE, Reception
from stanch.web.services import Given, Services, now

AT_ONCE = 512  # deliveries; their bytes are bounded by the shield

router = APIRouter()


@router.post("/v1/findings/{source}", status_code=202)
async def receive(source: str, request: Request, services: Given) -> Response:
    """Take a delivery: one finding, an array, NDJSON or a tool's report."""
    return await take(source, await arrived(request), request.app.state, services)


async def take(source: str, came: Arrived, state: State, services: Services) -> Response:
    """The answer to what came for a source."""
    busy: set[object] = state.deliveries
    if len(busy) >= AT_ONCE:
        raise WebError("too many deliveries at once", status=503, code="W008", hint="send it again")
    token = object()
    busy.add(token)
    try:
        return await _taken(source, came, state.reception, services)
    finally:
        busy.discard(token)


async def _taken(source: str, came: Arrived, reception: Reception, services: Services) -> Response:
    delivery = await _opened(services, source, came)
    config = services.policy.current.sources.by_name[source]
    greeting = handshakes.answer(config, came, delivery)
    return greeting or Response(await reception.receive(delivery, came), 202, media_type="application/json")


async def _opened(services: Services, source: str, came: Arrived) -> Delivery:
    sources = services.policy.current.sources
    if len(came.body) <= INLINE and not may_wait(source, sources=sources):
        return open_delivery(source, came, sources=sources, resolve=resolve, now=now())
    return await asyncio.to_thread(open_delivery, source, came, sources=sources, resolve=resolve, now=now())
