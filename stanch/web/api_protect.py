"""The API of the never-block list: what guards.yaml says, and what was added at run time."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from pydantic import Field

from stanch.errors import DependencyError
from stanch.guards.listed import Kind, protecting, touch_of_entry
from stanch.guards.model import GuardPolicy, GuardState
from stanch.records import Protected
from stanch.records.chain import Entry
from stanch.web.actions import CONTROL
from stanch.web.api_cases import Body, Text
from stanch.web.auth import By
from stanch.web.problems import WebError
from stanch.web.services import Given, Services, now

Value = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]

router = APIRouter(prefix="/v1/protect")


class ItemBody(Body):
    """An address or network, a user, client or token, a host (`*.domain`), or a path."""

    kind: Kind
    value: Value


class ProtectBody(ItemBody):
    reason: Text = ""


@router.get("")
async def listed(services: Given) -> dict[str, Any]:
    """The whole list; entries of guards.yaml are changed there."""
    policy = services.policy.current.guards
    view = await asyncio.to_thread(services.records.guard_view)
    never = jsonable_encoder(policy.never_block) if policy is not None else None
    return {"guards": never, "added": jsonable_encoder(view.protected), "generation": view.generation}


@router.post("")
async def add(body: ProtectBody, services: Given, caller: By) -> dict[str, Any]:
    """Protect something from the next call on; a block that stands is not lifted by it."""
    _readable(body)
    item = Protected(body.kind, body.value, by=caller.name, reason=body.reason, at=now())
    generation = await asyncio.to_thread(services.records.protect, item)
    await _note(services, "protect.added", body, by=caller.name, reason=body.reason)
    return {"status": "protected", "kind": body.kind, "value": body.value, "generation": generation}


@router.post("/check")
async def check(body: ItemBody, services: Given) -> dict[str, Any]:
    """Whether a block of this would be refused, and by which entry."""
    _readable(body)
    view = await asyncio.to_thread(services.records.guard_view)
    state = GuardState(protected=tuple((item.kind, item.value) for item in view.protected))
    found = protecting(body.kind, body.value, policy=_policy(services), state=state)
    by = [{"code": item.code, "message": item.message} for item in found]
    return {"protected": bool(found), "by": by}


@router.post("/remove")
async def remove(body: ProtectBody, services: Given, caller: By) -> dict[str, Any]:
    """Take off what was added at run time; a person must say so."""
    by = caller.person()
    was_there = await asyncio.to_thread(services.records.unprotect, body.kind, body.value)
    if was_there:
        await _note(services, "protect.removed", body, by=by, reason=body.reason)
    return {"status": "removed" if was_there else "not_listed", "kind": body.kind, "value": body.value}


def _readable(body: ItemBody) -> None:
    try:
        touch_of_entry(body.kind, body.value)
    except ValueError:
        hint = "one that cannot be read would refuse every change"
        raise WebError(f"this is no {body.kind}", status=422, code="W020", hint=hint) from None


def _policy(services: Services) -> GuardPolicy:
    policy = services.policy.current.guards
    if policy is None:
        raise DependencyError("the guard policy cannot be read", code="G101", hint="see `stanch doctor`")
    return policy


async def _note(services: Services, event: str, body: ItemBody, *, by: str, reason: str) -> None:
    data = {"kind": body.kind, "value": body.value, "reason": reason}
    line = Entry(case_id=CONTROL, episode=CONTROL, key=uuid4().hex, time=now(), actor=by, event=event, data=data)
    await asyncio.to_thread(services.records.append, [line])
