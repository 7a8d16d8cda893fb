"""A dialog whose answer takes longer than Slack waits: it says so in time, and shows the result when there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from stanch.chat_surface import ChatSurface
from stanch.errors import StanchError
from stanch.slack.views import View, told
from stanch.web.chat_calls import chat_call
from stanch.web.services import Services

TITLE = "Decision"
GOES_ON = "This takes longer than usual. It goes on, and the result follows here."
UNKNOWN = "What became of this is not known. The case shows whether your decision was taken."
AGAIN = "Press Review again to answer."


def meanwhile(kind: object) -> dict[str, Any]:
    """What Slack's request is answered with at its time; an empty answer would close a dialog without a word.

    Args:
        kind: of the deed, as Slack calls it.
    """
    return {"response_action": "update", "view": told(TITLE, GOES_ON)} if kind == "view_submission" else {}


async def follow(services: Services, view_id: str, answer: Mapping[str, Any]) -> None:
    """Show in the dialog what would have been the answer; where Slack does not take that, the card shows the end."""
    surface = services.registry.chat()
    if not view_id or not isinstance(surface, ChatSurface):
        return
    with contextlib.suppress(StanchError):
        await chat_call(lambda: surface.change_view(view_id, _view(answer), seen=""))


def _view(answer: Mapping[str, Any]) -> View:
    if answer.get("response_action") == "update":
        view: View = answer["view"]
        return view
    wrong = " ".join(answer.get("errors", {}).values())
    return told(TITLE, f"{wrong} {AGAIN}" if wrong else UNKNOWN)
