"""What a person typed behind a slash command, read strictly from its form body; run only after `verify`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from stanch.errors import IntakeError

BODY_LIMIT = 64 * 1024
MAX_TEXT = 4000
_IDS = {
    "user_id": re.compile(r"[UW][A-Z0-9]{1,30}", re.ASCII),
    "team_id": re.compile(r"[TE][A-Z0-9]{1,30}", re.ASCII),
    "command": re.compile(r"/[a-z0-9_-]{1,32}", re.ASCII),
    "trigger_id": re.compile(r"[0-9a-f.]{1,200}", re.ASCII),
}
_APP = re.compile(r"A[A-Z0-9]{1,30}", re.ASCII)
MENTION = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^<>]*)?>", re.ASCII)


@dataclass(frozen=True)
class SlashCommand:
    """One command of one person.

    Args:
        team_id, enterprise_id: the workspace it was typed in, and its organisation where it has one.
        text: what stands behind the command, with Slack's three entities resolved.
        trigger_id: names this use of the command.
        app_id: the app that it belongs to; "" where Slack does not say.
    """

    command: str
    text: str
    user_id: str
    team_id: str
    trigger_id: str
    enterprise_id: str = ""
    app_id: str = ""

    @property
    def words(self) -> list[str]:
        return self.text.split()


def parse_command(body: bytes) -> SlashCommand:
    """The command in a verified form body (docs.slack.dev, "Implementing slash commands").

    Raises:
        IntakeError: status 400 (413 when too large) for anything that Slack does not send.
    """
    if len(body) > BODY_LIMIT:
        raise IntakeError("the command is too large", status=413, code="I424")
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, keep_blank_values=True, errors="strict")
    except ValueError:
        raise _malformed("body") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed("body")
    return read_command(fields)


def read_command(fields: Mapping[str, Any]) -> SlashCommand:
    """The command in the fields that Slack has sent, by whichever way.

    Raises:
        IntakeError: status 400 for anything that Slack does not send.
    """
    for name, pattern in _IDS.items():
        if not pattern.fullmatch(str(fields.get(name, ""))):
            raise _malformed(name)
    text, organisation = fields.get("text", ""), str(fields.get("enterprise_id") or "")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise _malformed("text")
    app = str(fields.get("api_app_id") or "")
    if app and not _APP.fullmatch(app):
        raise _malformed("api_app_id")
    if organisation and not _IDS["team_id"].fullmatch(organisation):
        raise _malformed("enterprise_id")
    named = {name: str(fields[name]) for name in _IDS}
    return SlashCommand(text=_plain(text), enterprise_id=organisation, app_id=app, **named)


def _plain(text: str) -> str:
    """Slack writes `&`, `<` and `>` of people as entities; mentions stay in angle brackets."""
    return MENTION.sub(r"@\1", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _malformed(place: str) -> IntakeError:
    return IntakeError("the command is not one that Slack sends", status=400, code="I423", place=place)
