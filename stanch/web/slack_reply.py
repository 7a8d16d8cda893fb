"""Tells the person who clicked, and only them, what became of it: Slack shows answers sent to its own address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

SLACK_HOST = "hooks.slack.com"
TIMEOUT_SECONDS = 3.0


def reply_address(body: bytes, section: Mapping[str, Any]) -> str:
    """The address in a verified interaction, "" unless it is Slack's own (or the configured stand-in's on loopback).

    Args:
        body: the form body, already proven to be from Slack.
        section: settings of the chat system; a `base_url` on 127.0.0.1 names a stand-in.
    """
    try:
        address = str(json.loads(parse_qs(body.decode("ascii"))["payload"][0]).get("response_url") or "")
        wanted, standin = urlsplit(address), urlsplit(str(section.get("base_url", "")))
    except (ValueError, KeyError, AttributeError):
        return ""
    if (wanted.scheme, wanted.netloc) == ("https", SLACK_HOST):
        return address
    is_standin = standin.hostname == "127.0.0.1" and (wanted.scheme, wanted.netloc) == ("http", standin.netloc)
    return address if is_standin else ""


async def reply(address: str, answer: Mapping[str, Any]) -> None:
    """Post the answer; what became of the click does not depend on it, so nothing is tried again."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client:
            await client.post(address, json=dict(answer))
    except httpx.HTTPError:
        return
