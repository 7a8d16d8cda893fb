"""What people do in a stand-in workspace: they press buttons and send dialogs, and Slack signs what it forwards."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import httpx

from stanch.sandbox import _slack_blocks as rules
from stanch.sandbox._server import Ledger
from stanch.sandbox._slack_workspace import Person, Workspace
from stanch.slack_signing import sign

ACK_SECONDS = 3.0  # Slack shows a warning to the person when the app takes longer
NO_ANSWER = 0


class Forgery(StrEnum):
    """Ways in which a request can be less than genuine."""

    BAD_SIGNATURE = "bad_signature"
    UNSIGNED = "unsigned"
    OLD = "old"
    REPLAY = "replay"  # the last genuine request once more, byte for byte


class People:
    """Sends interactions to the app's request URL, as Slack does."""

    def __init__(self, workspace: Workspace, ledger: Ledger) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.request_url = ""
        self._last: tuple[bytes, dict[str, str]] | None = None

    def press(self, person_id: str, *, button: str, channel: str, ts: str, forgery: Forgery | None = None) -> int:
        """Press a button of a message; the HTTP status of the app, or 0 where it did not answer within 3 s."""
        with self.workspace.lock:
            person = self.workspace.people[person_id]
            message = self.workspace.messages[channel, ts]
            payload = self._click(person, message=message, channel=channel, button=button)
        status = self._send(payload, forgery=forgery)
        seen = {"user": person_id, "channel": channel, "ts": ts, "button": button, "forgery": forgery or ""}
        self.ledger.append("slack.pressed", {**seen, "status": status})
        return status

    def submit(self, person_id: str, *, view: Mapping[str, Any], answers: Mapping[str, str]) -> int:
        """Send a dialog with texts by action id."""
        person = self.workspace.people[person_id]
        values = {
            f"block-{name}": {name: {"type": "plain_text_input", "value": text}} for name, text in answers.items()
        }
        shown = {**view, "state": {"values": values}}
        status = self._send({**self._envelope(person), "type": "view_submission", "view": shown}, forgery=None)
        self.ledger.append("slack.submitted", {"user": person_id, "status": status})
        return status

    def _click(self, person: Person, *, message: dict[str, Any], channel: str, button: str) -> dict[str, Any]:
        element = _find(message, button)
        action = {**element, "block_id": "actions", "action_ts": self.workspace.next_ts()}
        place = {"type": "message", "message_ts": message["ts"], "channel_id": channel, "is_ephemeral": False}
        return {
            **self._envelope(person),
            "type": "block_actions",
            "container": place,
            "channel": {"id": channel, "name": self.workspace.channels[channel].name},
            "message": message,
            "state": {"values": {}},
            "response_url": "https://hooks.slack.example/actions/none",
            "actions": [action],
        }

    def _envelope(self, person: Person) -> dict[str, Any]:
        app = self.workspace.app
        home = person.team_id or app.team_id
        return {
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": home},
            "api_app_id": app.app_id,
            "token": "deprecated",
            "trigger_id": self.workspace.trigger(),
            "team": {"id": app.team_id, "domain": "sandbox"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _send(self, payload: dict[str, Any], *, forgery: Forgery | None) -> int:
        body, headers = self._signed(payload, forgery=forgery)
        try:
            with httpx.Client(trust_env=False, timeout=ACK_SECONDS) as client:
                return client.post(self.request_url, content=body, headers=headers).status_code
        except httpx.TransportError:
            return NO_ANSWER

    def _signed(self, payload: dict[str, Any], *, forgery: Forgery | None) -> tuple[bytes, dict[str, str]]:
        if forgery is Forgery.REPLAY:
            if self._last is None:
                raise ValueError("nothing was sent that could be replayed")
            return self._last
        body = urlencode({"payload": json.dumps(payload)}).encode()
        age = 301 if forgery is Forgery.OLD else 0
        headers = self._headers(body, timestamp=str(int(time.time()) - age), forgery=forgery)
        if forgery is None:
            self._last = (body, headers)
        return body, headers

    def _headers(self, body: bytes, *, timestamp: str, forgery: Forgery | None) -> dict[str, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": timestamp}
        if forgery is Forgery.UNSIGNED:
            return headers
        secret = "not-the-secret" if forgery is Forgery.BAD_SIGNATURE else self.workspace.app.signing_secret
        return {**headers, "X-Slack-Signature": sign(body, timestamp=timestamp, secret=secret)}


def has_button(message: Mapping[str, Any], button: str) -> bool:
    """True where a button of the message has this action id or label."""
    return any(_is(element, button) for element in rules.elements(message["blocks"]))


def _find(message: Mapping[str, Any], button: str) -> dict[str, Any]:
    for element in rules.elements(message["blocks"]):
        if _is(element, button):
            return element
    raise LookupError(f"the message has no button {button!r}")


def _is(element: Mapping[str, Any], button: str) -> bool:
    return button in (element["action_id"], element["text"]["text"])
