"""The Web API methods of dialogs, home and Socket Mode that a stand-in workspace answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from stanch.sandbox._server import Ledger
from stanch.sandbox._slack import blocks as rules
from stanch.sandbox._slack.errors import SlackError, structure
from stanch.sandbox._slack.link import Link
from stanch.sandbox._slack.workspace import Shown, Workspace

Answer = dict[str, Any]
TRIGGER_SECONDS = 3.0
DEEPEST = 3


class ViewApi:
    """Views: shown, pushed on top, changed; and the address of a line."""

    def __init__(self, workspace: Workspace, ledger: Ledger, link: Link) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.link = link
        self.base = ""
        self.methods: dict[str, tuple[str, Callable[[Mapping[str, Any]], Answer]]] = {
            "views.open": ("", self._open),
            "views.push": ("", self._push),
            "views.update": ("", self._update),
            "views.publish": ("", self._publish),
        }

    def connect(self, token: str) -> Answer:
        """apps.connections.open, which takes the token of the app and no other."""
        if not token:
            raise SlackError("not_authed")
        if token == self.workspace.app.token:
            raise SlackError("not_allowed_token_type")
        if not self.workspace.app.app_token or token != self.workspace.app.app_token or self.workspace.revoked:
            raise SlackError("invalid_auth")
        if self.link.disabled:
            raise SlackError("forbidden_team")
        return {"url": self.link.address(self.base)}

    def _open(self, params: Mapping[str, Any]) -> Answer:
        user = self._trigger(params)
        return self._show("slack.view_opened", _modal(params), user=user, trigger=str(params["trigger_id"]))

    def _push(self, params: Mapping[str, Any]) -> Answer:
        user = self._trigger(params)
        if sum(one.user == user and not one.closed for one in self.workspace.views.values()) >= DEEPEST:
            raise SlackError("push_limit_reached")
        return self._show("slack.view_pushed", _modal(params), user=user, trigger=str(params["trigger_id"]))

    def _show(self, event: str, view: dict[str, Any], *, user: str, trigger: str) -> Answer:
        shown = Shown(id="V" + trigger.split(".")[0].zfill(6), user=user, view=view, hash=self.workspace.next_ts())
        self.workspace.views[shown.id] = shown
        self.ledger.append(event, {"view": view, "trigger_id": trigger, "user": user, "view_id": shown.id})
        return {"view": shown.whole()}

    def _update(self, params: Mapping[str, Any]) -> Answer:
        shown = self.workspace.views.get(str(params.get("view_id", "")))
        if shown is None or shown.closed:
            raise SlackError("not_found")
        if params.get("hash") and params["hash"] != shown.hash:
            raise SlackError("hash_conflict")
        self.change(shown, _modal(params))
        return {"view": shown.whole()}

    def change(self, shown: Shown, view: dict[str, Any]) -> None:
        """Another content for a view that stands."""
        shown.view, shown.hash = view, self.workspace.next_ts()
        self.ledger.append("slack.view_changed", {"view": view, "view_id": shown.id, "user": shown.user})

    def _publish(self, params: Mapping[str, Any]) -> Answer:
        user, view = str(params.get("user_id", "")), structure(params.get("view"))
        if user not in self.workspace.people:
            raise SlackError("user_not_found")
        if problems := rules.home_mistakes(view):
            raise SlackError("invalid_arguments", response_metadata={"messages": problems})
        shown = Shown(id="V0HOME" + user[1:], user=user, view=view, hash=self.workspace.next_ts())
        self.workspace.homes[user] = shown
        self.ledger.append("slack.home_published", {"view": view, "user": user})
        return {"view": shown.whole()}

    def _trigger(self, params: Mapping[str, Any]) -> str:
        """Who used the trigger; each is good once, for three seconds."""
        trigger = str(params.get("trigger_id", ""))
        if not trigger:
            raise SlackError("invalid_arguments")
        if trigger not in self.workspace.triggers:
            raise SlackError("exchanged_trigger_id")
        made, user = self.workspace.triggers.pop(trigger)
        if time.monotonic() - made > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        return user


def _modal(params: Mapping[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = structure(params.get("view"))
    if problems := rules.view_mistakes(view):
        raise SlackError("invalid_arguments", response_metadata={"messages": problems})
    return view
