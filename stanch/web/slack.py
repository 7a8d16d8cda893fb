"""POST /v1/slack/interactions and /v1/slack/events: what Slack sends over HTTP, signed; answered in time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request

from stanch.errors import IntakeError
from stanch.shapes import is_dict
from stanch.sinks.slack import escape
from stanch.slack.signing import Interaction, parse_interaction
from stanch.web.services import Given, Services
from stanch.web.slack_clicks import ACK_SECONDS, Taken, take
from stanch.web.slack_events import hear_event
from stanch.web.slack_late import follow, meanwhile
from stanch.web.slack_proof import proven
from stanch.web.slack_reply import said, tell

MAX_CHALLENGE = 500

router = APIRouter()


@router.post("/v1/slack/interactions")
async def interaction(request: Request, services: Given, later: BackgroundTasks) -> dict[str, Any]:
    """Take a click or a dialog; what became of a click is also posted to the address that Slack gave for that."""
    body = await request.body()
    await proven(services, body, dict(request.headers))
    deed = parse_interaction(body)
    work = asyncio.ensure_future(take(services, deed))
    done, _ = await asyncio.wait({work}, timeout=ACK_SECONDS)
    later.add_task(_say, services, deed, work, late=not done)
    if not done:
        return meanwhile(deed.kind)
    taken = work.result()
    return said(escape(taken.text)) if taken.text else dict(taken.answer)


async def _say(services: Services, deed: Interaction, work: asyncio.Future[Taken], *, late: bool) -> None:
    taken = await work
    if taken.text:
        await tell(services, deed, taken.text)
    elif late and deed.kind == "view_submission":
        await follow(services, deed.view_id, taken.answer)


@router.post("/v1/slack/events")
async def event(request: Request, services: Given, later: BackgroundTasks) -> dict[str, Any]:
    """Take an event: somebody has opened our home in Slack. Slack's own check of this address is answered too."""
    body = await request.body()
    await proven(services, body, dict(request.headers))
    payload = _payload(body)
    if payload.get("type") == "url_verification":
        return {"challenge": str(payload.get("challenge", ""))[:MAX_CHALLENGE]}
    later.add_task(hear_event, services, payload)
    return {}


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload: object = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not is_dict(payload):
        raise IntakeError("the event is not one that Slack sends", status=400, code="I423", place="body")
    return payload
