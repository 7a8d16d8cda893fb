"""The one event that Slack tells us of: a person has opened our home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from stanch.slack import _parts as parts
from stanch.web.services import Services
from stanch.web.slack_home import show_home
from stanch.web.slack_people import Account


class _Opened(parts.Part):
    type: str
    user: parts.UserId
    tab: str = ""


class _Event(parts.Part):
    team_id: parts.TeamId
    enterprise_id: parts.TeamId | None = None
    api_app_id: parts.AppId | None = None
    event: _Opened


async def hear_event(services: Services, payload: Mapping[str, Any]) -> None:
    """Show the home to whoever has opened it; every other event is none of ours."""
    try:
        told = _Event.model_validate(payload)
    except ValidationError:
        return
    if told.event.type == "app_home_opened" and told.event.tab in ("", "home"):
        account = Account(told.event.user, told.team_id, told.enterprise_id or "", told.api_app_id or "")
        await show_home(services, account)
