"""Slack beyond messages: dialogs, app home, user groups, and Socket Mode."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator
from slack_sdk import WebClient

from activities._slack.outcomes import perform, unclear
from activities._slack.pace import Pace
from activities._slack.socket import SocketLine
from stanch.chat_surface import Acknowledge, Heard, Line, View

GROUP_SECONDS = 300.0
LOOPBACK = "127.0.0.1"
_MEMBER = re.compile(r"[UW][A-Z0-9]{1,30}", re.ASCII)
_Secrets = Annotated[tuple[SecretStr, ...], Field(max_length=2)]


class SlackConfig(BaseModel):
    """The connector's section of stanch.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr
    app_token: SecretStr | None = None
    signing_secrets: _Secrets = ()
    team_id: Annotated[str, StringConstraints(pattern=r"\A[TE][A-Z0-9]{1,30}\z")]
    app_id: Annotated[str, StringConstraints(pattern=r"\A(?:A[A-Z0-9]{1,30})?\z")] = ""
    deciders: Annotated[str, StringConstraints(pattern=r"\A(?:S[A-Z0-9]{1,30})?\z")] = ""
    connections: Annotated[int, Field(ge=1, le=10)] = 1
    pace: Annotated[float, Field(ge=0, le=60)] = 1.0
    base_url: str = "https://slack.com/api/"
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0

    @field_validator("base_url")
    @classmethod
    def _protected(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", LOOPBACK):
            raise ValueError("must be https (http only for 127.0.0.1)")
        return url

    @model_validator(mode="after")
    def _has_a_way_in(self) -> SlackConfig:
        if self.app_token is None and not self.signing_secrets:
            raise ValueError("app_token (Socket Mode) or signing_secrets (HTTP) is needed")
        return self


class Surface:
    """`stanch.chat_surface.ChatSurface` over the Web API."""

    def __init__(self, config: SlackConfig) -> None:
        self.config = config
        self._client = web_client(config)
        self._pace = Pace(config.pace)
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def open_view(self, trigger_id: str, view: View) -> None:
        """Show a dialog; Slack takes a trigger once, within three seconds."""
        perform(lambda: self._client.views_open(trigger_id=trigger_id, view=dict(view)), writes=True)

    def change_view(self, view_id: str, view: View, *, seen: str) -> None:
        """Replace a dialog; Slack refuses it where the person has since seen another state."""
        known = {"hash": seen} if seen else {}
        perform(lambda: self._client.views_update(view_id=view_id, view=dict(view), **known), writes=True)

    def publish_home(self, user_id: str, view: View) -> None:
        perform(lambda: self._client.views_publish(user_id=user_id, view=dict(view)), writes=True)

    def members(self, group_id: str) -> frozenset[str]:
        """Who is in a user group; remembered for five minutes, and never longer when Slack cannot say."""
        now = time.monotonic()
        with self._lock:
            known = self._groups.get(group_id)
        if known is not None and now - known[0] < GROUP_SECONDS:
            return known[1]
        answer = perform(lambda: self._client.usergroups_users_list(usergroup=group_id), writes=False)
        users = answer.get("users")
        if not isinstance(users, list):
            raise unclear(writes=False)
        found = frozenset(user for user in users if isinstance(user, str) and _MEMBER.fullmatch(user))
        with self._lock:
            self._groups[group_id] = (now, found)
        return found

    def listen(self, heard: Callable[[Heard, Acknowledge], None]) -> Line | None:
        """Socket Mode, where an app token is configured."""
        if self.config.app_token is None:
            return None
        return SocketLine(self._client, app_token=self.config.app_token.get_secret_value(), heard=heard)


def web_client(config: SlackConfig) -> WebClient:
    """A client without retries of its own, and without words in our log."""
    client = WebClient(
        token=config.token.get_secret_value(),
        base_url=config.base_url,
        timeout=config.timeout,  # type: ignore[arg-type]  # declared int, and passed on to urlopen, which takes both
        retry_handlers=[],
        logger=muted(),
    )
    # urllib reads the proxy variables by scheme; the library would use HTTPS_PROXY for http addresses too.
    client.proxy = None
    return client


def muted() -> Any:
    """A logger of its own that says nothing: the library logs bodies and exception texts."""
    logger = logging.Logger("stanch.slack")
    logger.disabled = True
    return logger
