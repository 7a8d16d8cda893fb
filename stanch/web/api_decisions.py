"""POST /v1/decisions: one answer about several like requests, each named by the digest that the person saw."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from pydantic import Field

from stanch.approvals.requests import Answer as OneOf
from stanch.web.api_cases import Body, ClickId, Text
from stanch.web.auth import By
from stanch.web.decisions import Answer, Ballot, Fate
from stanch.web.many import Item, cast_all, in_short
from stanch.web.services import Given

router = APIRouter(prefix="/v1")


class ItemBody(Body):
    """One request of the group."""

    case_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
    approval_id: Annotated[str, Field(max_length=300)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DecisionsBody(Body):
    """What was shown, and the answer to all of it; what came later is not in here and is not decided."""

    items: Annotated[list[ItemBody], Field(max_length=200)]
    verdict: OneOf
    reason: Text = ""


@router.post("/decisions")
async def decide_all(body: DecisionsBody, services: Given, caller: By, click: ClickId = "") -> dict[str, Any]:
    """Vote about like requests; each has its own result, and a refusal of one does not stop the others."""
    ballot = Ballot(
        case_id="",
        approval_id="",
        digest="",
        verdict=body.verdict,
        via=caller.via,
        click=click or uuid4().hex,
        reason=body.reason,
    )
    items = [Item(item.case_id, item.approval_id, item.digest) for item in body.items]
    answers = await cast_all(services, items, ballot, principal=caller.person())
    return {"status": _status(answers), "message": in_short(answers), "results": [_told(*pair) for pair in answers]}


def _status(answers: list[tuple[Item, Answer]]) -> str:
    fates = {answer.fate for _, answer in answers}
    return fates.pop().value if len(fates) == 1 else "partial"


def _told(item: Item, answer: Answer) -> dict[str, Any]:
    named = {"case_id": item.case_id, "approval_id": item.approval_id, "status": answer.fate.value}
    said = {"code": answer.code, "message": answer.message}
    settled = jsonable_encoder(answer.settled) if answer.fate is Fate.COUNTED else None
    return named | said | {"settled": settled}
