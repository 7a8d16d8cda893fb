"""Tells the person who clicked, and only them, what became of it: Slack shows answers sent to its own address."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from stanch.chat_surface import ChatSurface
from stanch.errors import StanchError
from stanch.sinks.slack import escape
from stanch.slack.signing import Interaction
from stanch.slack.views import told
from stanch.web.chat_calls import chat_call
from stanch.web.services import Services

SLACK_HOST = "hooks.slack.com"
TIMEOUT_SECONDS = 10.0
TRIES = 2
BUSY, FAILED = 429, 500


def said(text: str) -> dict[str, Any]:
    """An answer that only the person who clicked sees."""
    return {"response_type": "ephemeral", "replace_original": False, "text": text}


async def tell(services: Services, deed: Interaction, text: str) -> None:
    """Say to the person what became of their click: below the card, or in a dialog where they were in none."""
    address = allowed(deed.response_url, services.chat_section[1])
    port = services.registry.chat()
    if address:
        await reply(address, said(escape(text)))
    elif deed.view_id and isinstance(port, ChatSurface):
        with contextlib.suppress(StanchError):
            await chat_call(lambda: port.open_view(deed.trigger_id, told("Stanch", text)))


def allowed(address: str, section: Mapping[str, Any]) -> str:
    """The address, "" unless it is Slack's own (or the configured stand-in's on loopback).

    Args:
        address: from something that is proven to be from Slack.
        section: settings of the chat system; a `base_url` on 127.0.0.1 names a stand-in.
    """
    try:
        wanted, standin = urlsplit(address), urlsplit(str(section.get("base_url", "")))
    except ValueError:
        return ""
    if (wanted.scheme, wanted.netloc) == ("https", SLACK_HOST):
        return address
    is_standin = standin.hostname == "127.0.0.1" and (wanted.scheme, wanted.netloc) == ("http", standin.netloc)
    return address if is_standin else ""


async def reply(address: str, answer: Mapping[str, Any]) -> None:
    """Post the answer, once more where it may not have come: to be told twice is better than not at all."""
    for _ in range(TRIES):
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client:
                response = await client.post(address, json=dict(answer))
        except httpx.HTTPError:
            continue
        if response.status_code < FAILED and response.status_code != BUSY:
            return
