"""The page of blocks that stand, with their end and a way to lift each; and the halt switch."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stanch.records import LeaseRow
from stanch.web.actions import halt, lift, resume
from stanch.web.api_control import LeaseId
from stanch.web.auth import By
from stanch.web.console.forms import Fields, done
from stanch.web.console.render import is_fragment, page
from stanch.web.lifting import news_of
from stanch.web.services import Given, Services

router = APIRouter()


@router.get("/leases")
async def leases(request: Request, services: Given) -> Response:
    context = await asyncio.to_thread(_standing, services)
    return page(request, "_leases.html" if is_fragment(request) else "leases.html", context)


def _standing(services: Services) -> dict[str, Any]:
    standing: list[LeaseRow] = services.records.leases()
    return {"standing": standing, "ended": [], "back": "/leases", "halts": services.records.halts()}


@router.post("/leases/{lease_id}/lift")
async def lift_lease(lease_id: LeaseId, services: Given, caller: By, fields: Fields) -> Response:
    row = await lift(services, lease_id, by=caller.person(), reason=fields.get("reason", ""))
    back = "/leases" if fields.get("back") == "/leases" else f"/cases/{row.lease.case_id}"
    news = "".join(f" But {words}." for words in await news_of(services, row))
    return done(services, back, f"Asked to lift; it stays in the list until the point confirms.{news}")


@router.post("/halt")
async def set_halt(services: Given, caller: By, fields: Fields) -> Response:
    reason = fields.get("reason", "").strip()
    if not reason:
        return done(services, "/leases", "A halt needs a reason.", bad=True)
    freeze = fields.get("freeze") == "yes"
    await halt(services, scope="all", by=caller.person(), reason=reason, freeze=freeze)
    lifts = "Nothing is lifted either." if freeze else "Lifts go on."
    return done(services, "/leases", f"Halted: no new change is made until somebody resumes. {lifts}")


@router.post("/resume")
async def lift_halt(services: Given, caller: By, fields: Fields) -> Response:
    scope = fields.get("scope", "all")
    was_halted = await resume(services, scope=scope, by=caller.person())
    return done(services, "/leases", f"Resumed {scope}." if was_halted else f"{scope} was not halted.")
