"""POST /v1/slack/commands: `/stanch assign CASE TO [why]` from a person of our directory; only they see the answer."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request

from stanch.errors import StanchError
from stanch.routing import People
from stanch.sinks.slack import escape
from stanch.slack_signing import SlashCommand, parse_command
from stanch.web.assigning import Hand, assign
from stanch.web.people import shown_name
from stanch.web.problems import WebError
from stanch.web.services import Given, Services
from stanch.web.slack import person_of, proven, said

USAGE = "Write `/stanch assign CASE TO [why]`; TO is user:NAME, team:NAME or an @mention of somebody in the directory."
_CASE = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_ACCOUNT = re.compile(r"@([UW][A-Z0-9]{1,30})", re.ASCII)

router = APIRouter()


@router.post("/v1/slack/commands")
async def command(request: Request, services: Given) -> dict[str, Any]:
    """Take a slash command; whatever comes of it is said in the answer, since Slack shows no error of ours."""
    body = await request.body()
    await proven(services, body, dict(request.headers))
    given = parse_command(body)
    try:
        return said(escape(await _answer(services, given)))
    except StanchError as error:
        return said(escape(" ".join(_sentence(text) for text in (error.message, error.hint) if text)))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}" + ("" if text.endswith("?") else ".")


async def _answer(services: Services, given: SlashCommand) -> str:
    words = given.words
    if len(words) < 3 or words[0] != "assign" or not _CASE.fullmatch(words[1]):
        return USAGE
    refusal, principal = await person_of(services, given.user_id, given.team_id)
    if refusal:
        return refusal
    case_id, reason = words[1], " ".join(words[3:])
    people = services.policy.current.routes.people
    to = _taker(services, people, words[2])
    hand = Hand(to, principal, "slack", reason=reason, command_id=f"slack:{given.trigger_id}")
    await assign(services, case_id, hand)
    return _sentence(f"case {case_id} goes to {shown_name(people, to)}")


def _taker(services: Services, people: People, word: str) -> str:
    """A name of the directory; a mention is looked up by its account.

    Raises:
        WebError: W006, nobody in the directory has this account.
    """
    mention = _ACCOUNT.fullmatch(word)
    if mention is None:
        return word
    name, section = services.chat_section
    found = people.who(str(section.get("kind", name)), mention[1])
    if not found:
        raise WebError("whom you mention is not in the directory of Stanch", status=422, code="W006", place="to")
    return found
