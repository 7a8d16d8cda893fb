"""POST /v1/slack/commands: `/stanch` from a person of our directory; only they see the answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from stanch.errors import StanchError
from stanch.sinks.slack import escape
from stanch.slack.signing import SlashCommand, parse_command
from stanch.web.refusals import note_refusal
from stanch.web.services import Given, Services
from stanch.web.slack_people import Account, who_is
from stanch.web.slack_proof import proven
from stanch.web.slack_reply import said
from stanch.web.slack_words import USAGE, carry_out

router = APIRouter()


@router.post("/v1/slack/commands")
async def command(request: Request, services: Given) -> dict[str, Any]:
    """Take a slash command; whatever comes of it is said in the answer, since Slack shows no error of ours."""
    body = await request.body()
    await proven(services, body, dict(request.headers))
    return await answer(services, parse_command(body))


async def answer(services: Services, given: SlashCommand) -> dict[str, Any]:
    """What the person is shown, whichever way the command came."""
    words = await _words(services, given)
    return said(words if words is USAGE else escape(words))


async def _words(services: Services, given: SlashCommand) -> str:
    account = Account(given.user_id, given.team_id, given.enterprise_id, given.app_id)
    who = await who_is(services, account)
    if who.refusal:
        await note_refusal(services, account, who, button=None)
        return who.refusal
    try:
        return await carry_out(services, given, who.principal)
    except StanchError as error:
        return " ".join(_sentence(text) for text in (error.message, error.hint) if text)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}" + ("" if text.endswith("?") else ".")
