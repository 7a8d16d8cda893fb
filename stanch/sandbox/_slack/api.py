"""The Web API methods that a stand-in workspace answers, with Slack's own error codes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from stanch.sandbox._server import Ledger
from stanch.sandbox._slack import blocks as rules
from stanch.sandbox._slack.errors import SlackError, structure
from stanch.sandbox._slack.link import Link
from stanch.sandbox._slack.view_api import ViewApi
from stanch.sandbox._slack.workspace import Channel, Person, Workspace

Answer = dict[str, Any]


class WebApi:
    """Answers one method call at a time from the workspace."""

    def __init__(self, workspace: Workspace, ledger: Ledger, link: Link) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.views = ViewApi(workspace, ledger, link)
        self._methods: dict[str, tuple[str, Callable[[Mapping[str, Any]], Answer]]] = {
            "auth.test": ("", self._auth_test),
            "chat.postMessage": ("chat:write", self._post),
            "chat.update": ("chat:write", self._update),
            "chat.postEphemeral": ("chat:write", self._post_ephemeral),
            "users.info": ("users:read", self._user),
            "usergroups.users.list": ("usergroups:read", self._group),
            "conversations.open": ("im:write", self._open),
            **self.views.methods,
        }

    def call(self, method: str, *, token: str, params: Mapping[str, Any]) -> Answer:
        """The answer of a method.

        Raises:
            SlackError: the app calls too often.
        """
        with self.workspace.lock:
            try:
                if method == "apps.connections.open":
                    return {"ok": True, **self.views.connect(token)}
                return {"ok": True, **self._allowed(method, token=token)(params)}
            except SlackError as error:
                if error.retry_after:
                    raise
                return error.answer

    def _allowed(self, method: str, *, token: str) -> Callable[[Mapping[str, Any]], Answer]:
        if not token:
            raise SlackError("not_authed")
        if token != self.workspace.app.token:
            raise SlackError("invalid_auth")
        if self.workspace.revoked:
            raise SlackError("token_revoked")
        if method not in self._methods:
            raise SlackError("unknown_method", req_method=method)
        scope, handler = self._methods[method]
        if scope and scope not in self.workspace.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(self.workspace.scopes))
        return handler

    def _auth_test(self, _params: Mapping[str, Any]) -> Answer:
        app = self.workspace.app
        names = {"team": "Sandbox", "user": "stanch", "url": "https://sandbox.slack.example/"}
        return {**names, "team_id": app.team_id, "user_id": app.bot_user, "bot_id": app.bot_id}

    def _post(self, params: Mapping[str, Any]) -> Answer:
        channel = self._channel(params)
        message = self._message(params)
        self._keep_pace(channel)
        ts = self.workspace.next_ts()
        message = {**message, "ts": ts, **_present(params, "thread_ts", "metadata")}
        self.workspace.messages[channel.id, ts] = message
        self._record("slack.posted", channel, {**message, **_options(params)})
        return {"channel": channel.id, "ts": ts, "message": message}

    def _keep_pace(self, channel: Channel) -> None:
        """Slack takes about one message a second in one channel."""
        now, last = time.monotonic(), self.workspace.last_post.get(channel.id)
        if self.workspace.pace and last is not None and now - last < self.workspace.pace:
            self.ledger.append("slack.rate_limited", {"channel": channel.id})
            raise SlackError("ratelimited", retry_after=max(1, math.ceil(self.workspace.pace - (now - last))))
        self.workspace.last_post[channel.id] = now

    def _update(self, params: Mapping[str, Any]) -> Answer:
        channel = self._channel(params)
        ts = str(params.get("ts", ""))
        before = self.workspace.messages.get((channel.id, ts))
        if before is None:
            raise SlackError("message_not_found")
        message = {**before, **self._message(params), **_present(params, "metadata"), "edited": {"ts": ts}}
        self.workspace.messages[channel.id, ts] = message
        self._record("slack.updated", channel, {**message, **_options(params)})
        return {"channel": channel.id, "ts": ts, "text": message["text"], "message": message}

    def _post_ephemeral(self, params: Mapping[str, Any]) -> Answer:
        channel = self._channel(params)
        person = self._person(params, missing="user_not_in_channel")
        message = {**self._message(params), "ts": self.workspace.next_ts()}
        self._record("slack.ephemeral", channel, {**message, "to": person.id})
        return {"message_ts": message["ts"]}

    def _user(self, params: Mapping[str, Any]) -> Answer:
        person = self._person(params, missing="user_not_found")
        return {"user": _profile(person, self.workspace)}

    def _group(self, params: Mapping[str, Any]) -> Answer:
        members = self.workspace.groups.get(str(params.get("usergroup", "")))
        if members is None:
            raise SlackError("no_such_subteam")
        return {"users": list(members)}

    def _open(self, params: Mapping[str, Any]) -> Answer:
        person = self.workspace.people.get(str(params.get("users", "")))
        if person is None:
            raise SlackError("user_not_found")
        if person.deleted:
            raise SlackError("user_disabled")
        return {"channel": {"id": self.workspace.direct_message(person.id).id}}

    def _channel(self, params: Mapping[str, Any]) -> Channel:
        wanted = str(params.get("channel", ""))
        if wanted in self.workspace.people:
            return self.workspace.direct_message(wanted)
        channel = self.workspace.channels.get(wanted)
        if channel is None:
            raise SlackError("channel_not_found")
        if channel.archived:
            raise SlackError("is_archived")
        if not channel.member:
            raise SlackError("not_in_channel")
        return channel

    def _person(self, params: Mapping[str, Any], *, missing: str) -> Person:
        person = self.workspace.people.get(str(params.get("user", "")))
        if person is None:
            raise SlackError(missing)
        return person

    def _message(self, params: Mapping[str, Any]) -> dict[str, Any]:
        text, blocks = str(params.get("text") or ""), structure(params.get("blocks"))
        if not text and not blocks:
            raise SlackError("no_text")
        if len(text) > rules.TEXT:
            raise SlackError("msg_too_long")
        if problems := rules.mistakes(blocks or []):
            raise SlackError("invalid_blocks", errors=problems, response_metadata={"messages": problems})
        app = self.workspace.app
        origin = {"type": "message", "user": app.bot_user, "bot_id": app.bot_id, "app_id": app.app_id}
        return {**origin, "text": text, "blocks": blocks or []}

    def _record(self, event: str, channel: Channel, message: Mapping[str, Any]) -> None:
        self.ledger.append(event, {"channel": channel.id, **message})


def _present(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: structure(params[name]) for name in names if params.get(name)}


def _options(params: Mapping[str, Any]) -> dict[str, Any]:
    """How Slack was told to treat the text: names, links and previews."""
    names = ("link_names", "parse", "unfurl_links", "unfurl_media")
    return {"options": {name: params[name] for name in names if name in params}}


def _profile(person: Person, workspace: Workspace) -> dict[str, Any]:
    team = person.team_id or workspace.app.team_id
    email = {"email": person.email} if "users:read.email" in workspace.scopes else {}
    return {
        "id": person.id,
        "team_id": team,
        "name": person.name,
        "real_name": person.name,
        "deleted": person.deleted,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "is_restricted": person.is_guest,
        "is_ultra_restricted": False,
        **({"is_stranger": True} if person.is_stranger else {}),
        **_organisation(person),
        "profile": {"real_name": person.name, "display_name": person.name, "team": team, **email},
    }


def _organisation(person: Person) -> dict[str, Any]:
    if not person.enterprise_id:
        return {}
    own = {"id": person.id, "enterprise_id": person.enterprise_id, "enterprise_name": "Org", "teams": [*person.teams]}
    return {"enterprise_user": {**own, "is_admin": False, "is_owner": False}}
