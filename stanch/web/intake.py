"""POST /v1/findings/{source}: proof first, then reception; 202 once everything in the delivery is stored."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from stanch.intake.deliveries import Delivery, open_delivery
from stanch.intake.deliveries import Request as Arrived
from stanch.secrets import resolve
from stanch.web.problems import WebError
from stanch.web.reception import INLINE, Reception
from stanch.web.services import Given, Services, now

AT_ONCE = 512  # deliveries; their bytes are bounded by the shield

router = APIRouter()


@router.post("/v1/findings/{source}", status_code=202)
async def receive(source: str, request: Request, services: Given) -> Response:
    """Take a delivery: one finding, an array, NDJSON or a tool's report."""
    busy: set[object] = request.app.state.deliveries
    if len(busy) >= AT_ONCE:
        raise WebError("too many deliveries at once", status=503, code="W008", hint="send it again")
    token = object()
    busy.add(token)
    try:
        return JSONResponse(await _receive(source, request, services), 202)
    finally:
        busy.discard(token)


async def _receive(source: str, request: Request, services: Services) -> dict[str, Any]:
    arrived = Arrived(
        body=await request.body(), headers=dict(request.headers), remote=request.client.host if request.client else ""
    )
    reception: Reception = request.app.state.reception
    return await reception.receive(await _opened(services, source, arrived), size=len(arrived.body))


async def _opened(services: Services, source: str, arrived: Arrived) -> Delivery:
    sources = services.policy.current.sources
    if len(arrived.body) <= INLINE:
        return open_delivery(source, arrived, sources=sources, resolve=resolve, now=now())
    return await asyncio.to_thread(open_delivery, source, arrived, sources=sources, resolve=resolve, now=now())
