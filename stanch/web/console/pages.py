"""The lists: cases, approvals that wait, quarantine."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stanch.approvals.grouping import MIN_ALIKE
from stanch.cases import CaseStatus
from stanch.records import CaseFilter
from stanch.seats import may_vote
from stanch.views import SEVERITIES
from stanch.web.auth import By
from stanch.web.console.forms import Fields, done
from stanch.web.console.render import is_fragment, page
from stanch.web.decisions import Ballot, Fate
from stanch.web.looking import MOST_PENDING, pending, standings
from stanch.web.many import Item, cast_all, groups_of, in_short
from stanch.web.people import in_words
from stanch.web.problems import WebError
from stanch.web.services import Given, Services, now

PAGE_SIZE = 100
MAX_WORD = 200

router = APIRouter()


@router.get("/")
async def cases(request: Request, services: Given) -> Response:
    """Cases, newest change first, filtered by the query."""
    wanted = {name: request.query_params.get(name, "")[:MAX_WORD] for name in ("state", "severity", "owner", "q")}
    context = await asyncio.to_thread(_listed, services, wanted)
    if is_fragment(request):
        return page(request, "_cases.html", context)
    return page(request, "cases.html", context)


def _listed(services: Services, wanted: dict[str, str]) -> dict[str, Any]:
    records = services.records
    by_state = records.count_cases("state")
    found = records.cases(_filter(wanted), limit=PAGE_SIZE)
    return {
        "cases": found,
        "noise": records.noise_of([row.case_id for row in found]),
        "wanted": wanted,
        "by_state": by_state,
        "total": sum(by_state.values()),
        "cut": len(found) == PAGE_SIZE,
        "owners": sorted(filter(None, records.count_cases("owner"))),
        "states": [state.value for state in CaseStatus],
        "severities": list(reversed(SEVERITIES)),
        "halts": records.halts(),
    }


def _filter(wanted: dict[str, str]) -> CaseFilter:
    state, severity = wanted["state"], wanted["severity"]
    return CaseFilter(
        states=(state,) if state else (),
        severities=(severity,) if severity else (),
        owner=wanted["owner"],
        text=wanted["q"],
    )


@router.get("/approvals")
async def approvals(request: Request, services: Given) -> Response:
    """Requests that wait; those that the caller may answer come first, and like ones stand together."""
    found = await pending(services)
    me = request.state.caller.principal
    people, at = services.policy.current.routes.people, now()
    ordered = sorted(found, key=lambda item: not may_vote(people, item, me, at))
    groups = await asyncio.to_thread(groups_of, services, ordered)
    context: dict[str, Any] = {"approvals": ordered, "click": uuid4().hex, "back": "/approvals"}
    by_id = {view.request.approval_id: view for view in ordered}
    context["groups"] = [[by_id[asked.approval_id] for asked in group.requests] for group in groups]
    context["cut"] = MOST_PENDING if len(found) >= MOST_PENDING else 0
    context["min_alike"] = MIN_ALIKE
    context["importance"] = await asyncio.to_thread(standings, services, ordered)
    return page(request, "approvals.html", context)


@router.post("/approvals")
async def decide_together(services: Given, caller: By, fields: Fields) -> Response:
    """One answer about the like requests that were shown and left ticked; each case hears its own."""
    ballot = Ballot(
        case_id="",
        approval_id="",
        digest="",
        verdict=fields.get("verdict", ""),
        via="console",
        click=fields.get("click", "") or uuid4().hex,
        reason=fields.get("reason", ""),
    )
    named = [value.split(" ") for name, value in fields.items() if name.startswith("item.")]
    items = [Item(*parts) for parts in named if len(parts) == 3]
    try:
        answers = await cast_all(services, items, ballot, principal=caller.person())
    except WebError as error:
        if error.status != 422:
            raise
        return done(services, "/approvals", f"{error.message[:1].upper()}{error.message[1:]}.", bad=True)
    words = in_words(services.policy.current.routes.people, in_short(answers))
    failed = any(answer.fate in (Fate.REFUSED, Fate.LOST) for _, answer in answers)
    return done(services, "/approvals", words.removesuffix(".") + ".", bad=failed)


@router.get("/quarantine")
async def quarantine(request: Request, services: Given) -> Response:
    """Deliveries that nobody could map, as redacted text."""
    found = await asyncio.to_thread(services.records.quarantined)
    return page(request, "quarantine.html", {"items": found})
