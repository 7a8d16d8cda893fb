"""The API of cases: look, decide, comment, assign, close, reopen, cancel."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Header, Path, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from stanch.approvals.requests import Answer as OneOf
from stanch.cases import CaseStatus
from stanch.contract import ApprovalView
from stanch.durations import Duration
from stanch.records import CaseFilter
from stanch.views import Severity
from stanch.web.actions import MAX_TEXT
from stanch.web.auth import By
from stanch.web.decisions import Answer, Ballot, Fate, cast
from stanch.web.looking import look, no_case, pending
from stanch.web.many import groups_of
from stanch.web.problems import WebError
from stanch.web.saying import Said, Word, say
from stanch.web.services import Given

CaseId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
ClickId = Annotated[str, Header(alias="idempotency-key", max_length=200)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]

router = APIRouter(prefix="/v1")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DecisionBody(Body):
    """A decision about one request, named by the digest that the person saw."""

    approval_id: Annotated[str, Field(max_length=300)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    verdict: OneOf
    reason: Text = ""


class WordBody(Body):
    """What a person says while doing something.

    Args:
        to: of an assign, `user:` or `team:` of the directory.
        as_: of a close: fixed, false_positive, risk_accepted or duplicate. until: how long it holds, such as `90d`.
    """

    text: Text = ""
    to: Annotated[str, Field(max_length=200)] = ""
    as_: Annotated[str, Field(alias="as", max_length=40)] = ""
    until: Duration | None = None


class Listing(Body):
    """Which cases; several values of one field are alternatives."""

    state: list[CaseStatus] = Field(default_factory=list[CaseStatus])
    severity: list[Severity] = Field(default_factory=list[Severity])
    owner: str = ""
    assignee: str = ""
    source: str = ""
    host: str = ""
    playbook: str = ""
    q: Text = ""
    open: bool | None = None
    before: datetime | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    def filter(self) -> CaseFilter:
        return CaseFilter(
            states=tuple(state.value for state in self.state),
            severities=tuple(self.severity),
            owner=self.owner,
            assignee=self.assignee,
            source=self.source,
            host=self.host,
            playbook=self.playbook,
            text=self.q,
            open=self.open,
            updated_before=self.before,
        )


@router.get("/cases")
async def list_cases(services: Given, query: Annotated[Listing, Query()]) -> dict[str, Any]:
    """Cases, newest change first; `next` goes into `before` for more."""
    if query.before is not None and query.before.tzinfo is None:
        raise WebError("a time needs its zone", status=422, code="W006", place="query.before")
    found = await asyncio.to_thread(services.records.cases, query.filter(), limit=query.limit)
    more = found[-1].updated if len(found) == query.limit else None
    noise = await asyncio.to_thread(services.records.noise_of, [row.case_id for row in found])
    return {"cases": jsonable_encoder(found), "noise": jsonable_encoder(noise), "next": jsonable_encoder(more)}


@router.get("/cases/{case_id}")
async def show_case(case_id: CaseId, services: Given) -> dict[str, Any]:
    """A case: how it was last recorded, how its workflow sees it now, its leases and open approvals."""
    seen = await look(services, case_id)
    return {
        "links": jsonable_encoder(seen.links),
        "suppression": jsonable_encoder(seen.suppression),
        "noise": jsonable_encoder(seen.noise),
        "members": jsonable_encoder(seen.members),
        "case_id": case_id,
        "case": jsonable_encoder(seen.row),
        "live": jsonable_encoder(seen.live),
        "leases": jsonable_encoder(seen.leases),
        "approvals": [approval(item) for item in seen.approvals],
    }


@router.get("/cases/{case_id}/timeline")
async def timeline(case_id: CaseId, services: Given) -> dict[str, Any]:
    """The ledger of a case, oldest first."""
    found = await asyncio.to_thread(services.records.timeline, case_id)
    if not found and await asyncio.to_thread(services.records.case, case_id) is None:
        raise no_case()
    return {"case_id": case_id, "entries": jsonable_encoder(found)}


@router.get("/approvals")
async def approvals(services: Given, case_id: Annotated[str, Query(max_length=80)] = "") -> dict[str, Any]:
    """Requests that wait for people, soonest end first; those with one `group` may be decided about together."""
    found = await pending(services, case_id=case_id)
    groups = await asyncio.to_thread(groups_of, services, found)
    names = {request.approval_id: group.group_id for group in groups for request in group.requests}
    return {"approvals": [approval(item) | {"group": names[item.request.approval_id]} for item in found]}


def approval(item: ApprovalView) -> dict[str, Any]:
    """An approval with the digest that a decision about it must name."""
    shown = item.model_dump(mode="json")
    shown["request"] |= {"digest": item.request.digest, "verdicts": list(item.request.verdicts)}
    return shown


@router.post("/cases/{case_id}/decisions")
async def decide(case_id: CaseId, body: DecisionBody, services: Given, caller: By, click: ClickId = "") -> Response:
    """Vote. 200 counted, 202 stored until the case can count it, 409 refused with the reason."""
    ballot = Ballot(
        case_id=case_id,
        approval_id=body.approval_id,
        digest=body.digest,
        verdict=body.verdict,
        via=caller.via,
        click=click or uuid4().hex,
        reason=body.reason,
    )
    return _told(await cast(services, ballot, principal=caller.person()))


def _told(answer: Answer) -> Response:
    if answer.fate is Fate.REFUSED:
        raise WebError(answer.message, status=409, code=answer.code)
    if answer.fate is Fate.LOST:
        raise WebError(answer.message, status=503, code=answer.code)
    body = {"status": answer.fate.value, "code": answer.code, "message": answer.message}
    body |= {"settled": jsonable_encoder(answer.settled)}
    return JSONResponse(body, 200 if answer.fate is Fate.COUNTED else 202)


@router.post("/cases/{case_id}/{kind}", status_code=202)
async def tell(
    case_id: CaseId,
    kind: Said,
    body: WordBody,
    services: Given,
    caller: By,
    click: ClickId = "",
) -> dict[str, str]:
    """Say something to a case; `close` before the end undoes what the case has changed."""
    word = Word(kind=kind, text=body.text, to=body.to, resolution=body.as_, lasts=body.until, command_id=click)
    await say(services, case_id, word, caller=caller)
    return {"status": "accepted", "case_id": case_id}
