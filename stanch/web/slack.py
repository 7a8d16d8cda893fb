"""POST /v1/slack/interactions: a signed click, from a person of our directory, becomes a vote; answered in time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request

from stanch.errors import DependencyError, IntakeError
from stanch.ports import ChatPort, ChatUser
from stanch.records import New
from stanch.secrets import SCHEME, resolve
from stanch.slack_signing import Button, Interaction, parse_interaction, read_button_token, verify
from stanch.web.decisions import Ballot, cast
from stanch.web.people import in_words
from stanch.web.problems import unreachable
from stanch.web.services import Given, Services, now
from stanch.web.slack_reply import reply, reply_address

KEY_ID = "1"
LOOKUP_SECONDS = 1.0
REPLAYS = "slack"

router = APIRouter()


@router.post("/v1/slack/interactions")
async def interaction(request: Request, services: Given, later: BackgroundTasks) -> dict[str, Any]:
    """Take a click on a card; what became of it is also posted to the address that Slack gave for that."""
    body = await request.body()
    await proven(services, body, dict(request.headers))
    click = parse_interaction(body)
    if click.kind != "block_actions" or not click.action_id.startswith("stanch."):
        return {}
    answer = said(await _explained(services, click))
    address = reply_address(body, services.chat_section[1])
    if address:
        later.add_task(reply, address, answer)
    return answer


async def _explained(services: Services, click: Interaction) -> str:
    try:
        return await _vote(services, click)
    except IntakeError as error:
        return f"{error.message[:1].upper()}{error.message[1:]}. {error.hint[:1].upper()}{error.hint[1:]}."


def said(text: str) -> dict[str, Any]:
    """An answer that only the person who clicked sees."""
    return {"response_type": "ephemeral", "replace_original": False, "text": text}


async def proven(services: Services, body: bytes, headers: Mapping[str, str]) -> None:
    """Raise IntakeError (401) unless Slack has sent this, now and for the first time."""
    await asyncio.to_thread(_proven, services, body, headers)


def _proven(services: Services, body: bytes, headers: Mapping[str, str]) -> None:
    _, section = services.chat_section
    secrets = [resolve(item) if item.startswith(SCHEME) else item for item in section.get("signing_secrets", ())]
    verify(body, headers, secrets=secrets, now=now(), seen=lambda signature: _seen(services, signature))


def _seen(services: Services, signature: str) -> bool:
    """Whether this signature was used. While records are down it is let through: a vote sent twice counts once."""
    digest = hashlib.sha256(signature.encode()).hexdigest()
    try:
        return not isinstance(services.records.remember_delivery(REPLAYS, digest, digest, at=now()), New)
    except DependencyError:
        return False


async def _vote(services: Services, click: Interaction) -> str:
    button = read_button_token(click.value, secrets={KEY_ID: services.keys.buttons}, now=now())
    refusal, principal = await person_of(services, click.user_id, click.team_id)
    if refusal:
        return refusal
    ballot = Ballot(
        case_id=button.case_id,
        approval_id=button.approval_id,
        digest=button.digest,
        verdict=_verdict(button),
        via="slack",
        click=f"{click.user_id}:{click.message_ts}:{click.action_ts}",
    )
    answer = await cast(services, ballot, principal=principal)
    words = in_words(services.policy.current.routes.people, answer.message)
    return words[:1].upper() + words[1:].removesuffix(".") + "."


def _verdict(button: Button) -> str:
    return button.option or button.verdict.value


async def person_of(services: Services, user_id: str, team_id: str) -> tuple[str, str]:
    """Why the person may not decide, or who it is: an account of our own workspace that the directory knows."""
    port = services.registry.chat()
    name, section = services.chat_section
    if port is None:
        return "Slack is not configured here.", ""
    team = str(section.get("team_id", ""))
    if team and team_id != team:
        return "This belongs to another workspace.", ""
    user = await _account(port, user_id)
    if _foreign(user, team or team_id):
        return "Only members of this workspace may decide; guests, apps and other workspaces may not.", ""
    principal = services.policy.current.routes.people.who(str(section.get("kind", name)), user_id)
    return ("" if principal else "You are not in the directory of Stanch, so you cannot decide."), principal


async def _account(port: ChatPort, user_id: str) -> ChatUser:
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            return await asyncio.to_thread(port.user, user_id)
    except TimeoutError:
        raise unreachable() from None


def _foreign(user: ChatUser, team: str) -> bool:
    return user.is_bot or user.is_guest or user.deleted or user.team != team
