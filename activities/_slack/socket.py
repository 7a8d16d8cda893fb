"""Socket Mode: a line that Slack sends over, kept up, with each thing heard once and acknowledged by its id."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from activities._slack.outcomes import perform, unclear
from stanch.chat_surface import Acknowledge, Heard, LineState
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe

REMEMBERED = 200  # envelopes that Slack may send again, with what it was answered, which may be a whole dialog
LOOK_SECONDS = 2.0  # how often a lost line is noticed
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LINK_DISABLED = "link_disabled"  # the reason in the last word before Slack hangs up for good
_OFF = "Socket Mode was switched off for this app"
_TURN_ON = "switch it on in the app's settings, or take app_token out of stanch.toml"


class _Client(SocketModeClient):
    """The library's client; asking for an address tells apart what passes from what never will."""

    def __init__(self, line: SocketLine, *, web: WebClient, app_token: str) -> None:
        self._line = line
        # The library reads HTTPS_PROXY for addresses on this machine too.
        super().__init__(app_token, logger=web._logger, web_client=web, ping_interval=LOOK_SECONDS)
        if _is_here(web.base_url):
            self.proxy = None

    def issue_new_wss_url(self) -> str:
        return self._line.address()


class SocketLine:
    """`stanch.chat_surface.Line`; connecting again after a loss is the library's work, the first time it is ours."""

    def __init__(self, web: WebClient, *, app_token: str, heard: Callable[[Heard, Acknowledge], None]) -> None:
        self._web = web
        self._app_token = app_token
        self._heard = heard
        self._state = LineState()
        self._seen: OrderedDict[str, Mapping[str, Any] | None] = OrderedDict()  # None: not answered yet
        self._overlap = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client = _Client(self, web=web, app_token=app_token)
        self._client.message_listeners.append(self._greeted)
        self._client.on_message_listeners.append(self._last_word)
        self._client.socket_mode_request_listeners.append(self._take)
        self._thread = threading.Thread(target=self._connect, name="slack-line", daemon=True)
        self._thread.start()

    def state(self) -> LineState:
        """How the line is now."""
        up = not self._closed.is_set() and not self._state.problem and self._client.is_connected()
        return replace(self._state, connected=up)

    def close(self) -> None:
        """Hang up; what is being answered may still be acknowledged for a moment."""
        self._closed.set()
        self._thread.join(timeout=5)
        with contextlib.suppress(OSError, SlackClientError):
            self._client.close()

    def address(self) -> str:
        """A new address from Slack, good for one connection.

        Raises:
            ConnectorError: there is none; after AuthBlocked and Rejected the line is given up.
        """
        if self._state.problem or self._closed.is_set():
            raise AuthBlocked(self._state.problem or "the line is closed", code="V213")
        try:
            answer = perform(lambda: self._web.apps_connections_open(app_token=self._app_token), writes=False)
        except (AuthBlocked, Rejected) as error:
            self._give_up(error.message, error.hint)
            raise
        self._overlap = int(self._client.is_connected())  # the library hangs up only once the next line stands
        url = str(answer.get("url") or "")
        if urlsplit(url).scheme != "wss" and not (_is_here(url) and _is_here(self._web.base_url)):
            raise unclear(writes=False)
        return url

    def _connect(self) -> None:
        wait = FIRST_WAIT
        while not self._closed.is_set() and not self._state.problem:
            try:
                self._client.connect()
                return
            except RetrySafe as error:
                wait = error.retry_after or wait
            except (ConnectorError, SlackClientError, OSError, ValueError):
                pass
            self._closed.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _give_up(self, problem: str, hint: str) -> None:
        self._client.auto_reconnect_enabled = self._client.default_auto_reconnect_enabled = False
        self._state = replace(self._state, problem=problem, hint=hint)

    def _greeted(self, _client: BaseSocketModeClient, message: dict[str, Any], _raw: str | None) -> None:
        count = message.get("num_connections")
        if message.get("type") == "hello" and isinstance(count, int):
            self._state = replace(self._state, connections=max(0, count - self._overlap))

    def _last_word(self, raw: str) -> None:
        if LINK_DISABLED not in raw or '"envelope_id"' in raw:
            return
        with contextlib.suppress(ValueError, AttributeError):
            if json.loads(raw).get("reason") == LINK_DISABLED:
                self._give_up(_OFF, _TURN_ON)

    def _take(self, _client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Hear it once. What comes again has the first one's answer: another would close a dialog without a word.

        The answer names the envelope and is for each time that it has come until then.
        """
        name = request.envelope_id
        with self._lock:
            is_new, answer = name not in self._seen, self._seen.get(name)
            if is_new:
                self._remember(name, None)
        if is_new:
            self._heard(Heard(kind=request.type, payload=request.payload), partial(self._answer, name))
        elif answer is not None:
            self._send(name, answer)

    def _answer(self, name: str, payload: Mapping[str, Any]) -> None:
        with self._lock:
            self._remember(name, payload)
        self._send(name, payload)

    def _send(self, name: str, payload: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError, SlackClientError):  # Slack sends it again over the next connection
            self._client.send_socket_mode_response(SocketModeResponse(name, dict(payload) or None))

    def _remember(self, name: str, answer: Mapping[str, Any] | None) -> None:
        self._seen[name] = answer
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname == "127.0.0.1"
