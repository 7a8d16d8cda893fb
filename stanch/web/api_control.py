"""The API of leases, halts, quarantine and the policy in use."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.encoders import jsonable_encoder
from pydantic import AfterValidator, Field

from stanch.web.actions import halt, lift, no_lease, resume
from stanch.web.api_cases import Body, Text
from stanch.web.auth import By
from stanch.web.halting import doubt, scope_of
from stanch.web.lifting import news_of
from stanch.web.problems import WebError
from stanch.web.services import Given, Services

Scope = Annotated[str, AfterValidator(scope_of), Field(max_length=300)]
LeaseId = Annotated[str, Path(max_length=200)]

router = APIRouter(prefix="/v1")


class LiftBody(Body):
    reason: Text = ""


class HaltBody(Body):
    """`freeze` stops lifts too."""

    scope: Scope = "all"
    reason: Text = ""
    freeze: bool = False


class ResumeBody(Body):
    scope: Scope = "all"


@router.get("/leases")
async def leases(
    services: Given,
    live: bool = True,
    case_id: Annotated[str, Query(max_length=80)] = "",
    point: Annotated[str, Query(max_length=80)] = "",
) -> dict[str, Any]:
    """Blocks with their holder and end, soonest end first."""
    found = await asyncio.to_thread(services.records.leases, live=live, case_id=case_id, point=point)
    return {"leases": jsonable_encoder(found)}


@router.get("/leases/{lease_id}")
async def show_lease(lease_id: LeaseId, services: Given) -> dict[str, Any]:
    """One lease, live or ended."""
    found = await asyncio.to_thread(services.records.lease, lease_id)
    if found is None:
        raise no_lease()
    shown: dict[str, Any] = jsonable_encoder(found)
    return shown


@router.post("/leases/{lease_id}/lift", status_code=202)
async def lift_lease(lease_id: LeaseId, body: LiftBody, services: Given, caller: By) -> dict[str, Any]:
    """Ask for a block to be lifted now; the lease list shows when it is, `news` what may keep it standing."""
    row = await lift(services, lease_id, by=caller.name, reason=body.reason)
    news = await news_of(services, row)
    return {"status": "accepted", "lease_id": lease_id, "case_id": row.lease.case_id, "news": list(news)}


@router.get("/halt")
async def halts(services: Given) -> dict[str, Any]:
    """What is stopped now."""
    return {"halts": jsonable_encoder(await asyncio.to_thread(services.records.halts))}


@router.post("/halt")
async def set_halt(body: HaltBody, services: Given, caller: By) -> dict[str, Any]:
    """Stop new changes at once; `warning` says where nothing here has the name of the scope."""
    generation = await halt(services, scope=body.scope, by=caller.name, reason=body.reason, freeze=body.freeze)
    warning = doubt(services, body.scope)
    answer = {"status": "halted", "scope": body.scope, "generation": generation}
    return answer | ({"warning": warning} if warning else {})


@router.post("/resume")
async def lift_halt(body: ResumeBody, services: Given, caller: By) -> dict[str, Any]:
    """Allow changes again; `still` names the scopes that are halted all the same."""
    was_halted = await resume(services, scope=body.scope, by=caller.name)
    still = [item.scope for item in await asyncio.to_thread(services.records.halts)]
    return {"status": "resumed" if was_halted else "not_halted", "scope": body.scope, "still": still}


@router.get("/policy")
async def policy(services: Given) -> dict[str, Any]:
    """Which policy each process uses, why a newer edit is not in use, and what people should know of that."""
    return {"uses": jsonable_encoder(services.policy_uses()), "warnings": list(services.policy_warnings)}


@router.get("/quarantine")
async def quarantine(services: Given, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
    """Deliveries that could not be mapped, newest first; bodies are redacted."""
    found = await asyncio.to_thread(services.records.quarantined, limit=limit)
    return {"items": jsonable_encoder(found)}


@router.get("/deliveries/{delivery_id}")
async def delivery(delivery_id: str, services: Given) -> dict[str, Any]:
    """What became of a delivery; where several sources used the id, name one of them."""
    found = await asyncio.to_thread(services.records.deliveries, delivery_id)
    if len(found) > 1:
        hint = f"ask for /v1/deliveries/SOURCE/{delivery_id}"
        raise WebError("several sources have a delivery with this id", status=409, code="W011", hint=hint)
    return await _delivery(next(iter(found), ""), delivery_id, services)


@router.get("/deliveries/{source}/{delivery_id}")
async def delivery_of_source(source: str, delivery_id: str, services: Given) -> dict[str, Any]:
    """What became of a delivery of this source."""
    return await _delivery(source, delivery_id, services)


async def _delivery(source: str, delivery_id: str, services: Services) -> dict[str, Any]:
    records = services.records
    found = await asyncio.to_thread(records.delivery, delivery_id, source=source)
    if found is None:
        hint = "the answer to the delivery has its id; what could not be mapped is in quarantine"
        raise WebError("there is no such delivery", status=404, code="W005", hint=hint)
    told: dict[str, Any] = {"delivery_id": delivery_id, "source": source, "finished": found.finished}
    progress = await asyncio.to_thread(records.progress, source, delivery_id)
    if progress is not None:
        told["progress"] = {"total": progress.total, "done": progress.done, "failed": list(progress.failed)}
    return told | {"result": found.result}
