"""The page of one case: facts, the decision it waits for, live blocks, timeline, and what a person may say to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stanch.approvals import Code
from stanch.contract import ApprovalView
from stanch.durations import parse_duration
from stanch.endings import PUTS_AWAY, RESOLUTIONS
from stanch.web.api_cases import CaseId
from stanch.web.assigning import candidates
from stanch.web.auth import By, is_loopback, same
from stanch.web.console.forms import Fields, done
from stanch.web.console.render import page
from stanch.web.console.story import story
from stanch.web.decisions import Ballot, Fate, cast
from stanch.web.looking import CaseLook, look, standing_of
from stanch.web.people import sentence, shown_name
from stanch.web.problems import WebError
from stanch.web.saying import Said, Word, say
from stanch.web.services import Given, Services

_DONE = {
    "comment": "Comment added.",
    "assign": "Asked to give it to them.",
    "attest": "Noted that it is fixed, in your name.",
    "close": "Asked to close; what the case has changed is taken back first.",
    "reopen": "Asked to open the case again.",
    "cancel": "Asked to stop; what the case has changed is taken back.",
}

router = APIRouter()


@router.get("/cases/{case_id}")
async def case_page(case_id: CaseId, request: Request, services: Given) -> Response:
    return page(request, "case.html", _context(services, await look(services, case_id)))


@router.get("/cases/{case_id}/live")
async def live(case_id: CaseId, request: Request, services: Given) -> Response:
    """What moves on a case's page."""
    return page(request, "_case_live.html", _context(services, await look(services, case_id)))


@router.get("/cases/{case_id}/asked")
async def asked(case_id: CaseId, request: Request, services: Given, seen: str = "") -> Response:
    """The decisions a case waits for; nothing while they are as seen, so that half a sentence is never lost."""
    context = _context(services, await look(services, case_id))
    if context["version"] == seen:
        return Response(status_code=204)
    return page(request, "_case_asked.html", context)


def _context(services: Services, seen: CaseLook) -> dict[str, Any]:
    summary = seen.live.summary if seen.live is not None else None
    return {
        "look": seen,
        "case_id": seen.case_id,
        "summary": summary or seen.row,
        "live": seen.live,
        "importance": {seen.case_id: standing_of(services, seen.row, seen.live)},
        "story": story(seen.timeline),
        "version": _version(seen.approvals),
        "approvals": seen.approvals,
        "click": uuid4().hex,
        "resolutions": RESOLUTIONS,
        "takers": _takers(services),
        "back": f"/cases/{seen.case_id}",
        "standing": [row for row in seen.leases if row.state.value in ("requested", "held")],
        "ended": [row for row in seen.leases if row.state.value not in ("requested", "held")],
    }


def _takers(services: Services) -> list[tuple[str, str]]:
    """Who can take a case, as (id, name to read)."""
    people = services.policy.current.routes.people
    return [(name, shown_name(people, name)) for name in candidates(people)]


def _version(approvals: Sequence[ApprovalView]) -> str:
    parts = [(item.request.digest, len(item.votes)) for item in approvals]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@router.post("/cases/{case_id}/decide")
async def decide(case_id: CaseId, request: Request, services: Given, caller: By, fields: Fields) -> Response:
    """One click on Approve or Deny; the form carries the digest of what was shown.

    A token typed in beside the answer proves once more who decides, as signing in again a moment ago does; one that is
    wrong decides nothing.
    """
    back = "/approvals" if fields.get("back") == "/approvals" else f"/cases/{case_id}"
    token = fields.get("token", "").strip()
    if token and not (is_loopback(request) and same(token, services.api_token)):
        return done(services, back, "That token is not valid, so nothing was decided.", bad=True)
    ballot = Ballot(
        case_id=case_id,
        approval_id=fields.get("approval_id", ""),
        digest=fields.get("digest", ""),
        verdict=fields.get("verdict", ""),
        via="console",
        click=fields.get("click", "") or uuid4().hex,
        reason=fields.get("reason", ""),
        step_up=bool(token) or caller.fresh,
    )
    answer = await cast(services, ballot, principal=caller.person())
    if answer.code == Code.NEEDS_STEP_UP:
        return done(services, f"/step-up?next={back}", f"Not decided: {answer.message}.", bad=True)
    words = sentence(services.policy.current.routes.people, answer.message)
    return done(services, back, words, bad=answer.fate in (Fate.REFUSED, Fate.LOST))


@router.post("/cases/{case_id}/{kind}")
async def tell(
    case_id: CaseId,
    kind: Said,
    services: Given,
    caller: By,
    fields: Fields,
) -> Response:
    """Say something to a case."""
    back = f"/cases/{case_id}"
    is_close = kind == "close"
    word = Word(
        kind=kind,
        text=fields.get("text", ""),
        to=fields.get("to", "") if kind == "assign" else "",
        resolution=fields.get("as", "") if is_close else "",
        lasts=_lasts(fields.get("until", "")) if is_close and fields.get("as") in PUTS_AWAY else None,
        command_id=f"{fields.get('click', '')}:{kind}" + (f":{fields.get('to', '')}" if kind == "assign" else ""),
    )
    try:
        await say(services, case_id, word, caller=caller)
    except WebError as error:
        if error.status not in (409, 422) and error.code != "W013":
            raise
        return done(services, back, f"{error.message[:1].upper()}{error.message[1:]}.", bad=True)
    return done(services, back, _DONE[kind])


def _lasts(text: str) -> timedelta | None:
    """How long, as chosen in the form."""
    try:
        return parse_duration(text) if text else None
    except ValueError:
        raise WebError("that is no duration", status=422, code="W006", place="until") from None
