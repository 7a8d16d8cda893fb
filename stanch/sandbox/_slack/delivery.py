"""How a stand-in workspace brings things to the app: over its lines where it has any, else signed over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import httpx

from stanch.sandbox._slack.link import ACK_SECONDS, Link
from stanch.sandbox._slack.workspace import Workspace
from stanch.shapes import is_dict
from stanch.slack.signing import sign

NO_ANSWER = 0
FORM = "application/x-www-form-urlencoded"


class Forgery(StrEnum):
    """Ways in which a request can be less than genuine."""

    BAD_SIGNATURE = "bad_signature"
    UNSIGNED = "unsigned"
    OLD = "old"
    REPLAY = "replay"  # the last genuine request once more, byte for byte


@dataclass(frozen=True)
class Delivered:
    """How the app answered: an HTTP status, 200 for an acknowledged envelope, 0 for nothing within three seconds."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seconds: float = 0.0


class Delivery:
    """Sends to `request_url` and its neighbours, or over the link while the app has a line."""

    def __init__(self, workspace: Workspace, link: Link) -> None:
        self.workspace = workspace
        self.link = link
        self.request_url = ""
        self._last: tuple[bytes, dict[str, str]] | None = None

    def interaction(self, payload: Mapping[str, Any], *, forgery: Forgery | None = None) -> Delivered:
        if self.link.open and forgery is None:
            return self._over_the_link("interactive", payload)
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self._post(self.request_url, body, kind=FORM, forgery=forgery)

    def command(self, fields: Mapping[str, str]) -> Delivered:
        if self.link.open:
            return self._over_the_link("slash_commands", fields)
        return self._post(self._beside("commands"), urlencode(fields).encode(), kind=FORM)

    def event(self, payload: Mapping[str, Any]) -> Delivered:
        if self.link.open:
            return self._over_the_link("events_api", payload)
        return self._post(self._beside("events"), json.dumps(payload).encode(), kind="application/json")

    def _over_the_link(self, kind: str, payload: Mapping[str, Any]) -> Delivered:
        envelope = self.link.send(kind, payload)
        if envelope.seconds is None:
            return Delivered(NO_ANSWER, seconds=ACK_SECONDS)
        return Delivered(200, envelope.answer, envelope.seconds)

    def _beside(self, name: str) -> str:
        """The other addresses of an app stand beside the one for interactions."""
        return f"{self.request_url.rpartition('/')[0]}/{name}"

    def _post(self, url: str, body: bytes, *, kind: str, forgery: Forgery | None = None) -> Delivered:
        body, headers = self._signed(body, kind=kind, forgery=forgery)
        begun = time.monotonic()
        try:
            with httpx.Client(trust_env=False, timeout=ACK_SECONDS) as client:
                answer = client.post(url, content=body, headers=headers)
        except httpx.TransportError:
            return Delivered(NO_ANSWER, seconds=time.monotonic() - begun)
        return Delivered(answer.status_code, _object(answer), time.monotonic() - begun)

    def _signed(self, body: bytes, *, kind: str, forgery: Forgery | None) -> tuple[bytes, dict[str, str]]:
        if forgery is Forgery.REPLAY:
            if self._last is None:
                raise ValueError("nothing was sent that could be replayed")
            return self._last
        age = 301 if forgery is Forgery.OLD else 0
        headers = {"Content-Type": kind, **self._proof(body, timestamp=str(int(time.time()) - age), forgery=forgery)}
        if forgery is None:
            self._last = (body, headers)
        return body, headers

    def _proof(self, body: bytes, *, timestamp: str, forgery: Forgery | None) -> dict[str, str]:
        headers = {"X-Slack-Request-Timestamp": timestamp}
        if forgery is Forgery.UNSIGNED:
            return headers
        secret = "not-the-secret" if forgery is Forgery.BAD_SIGNATURE else self.workspace.app.signing_secret
        return {**headers, "X-Slack-Signature": sign(body, timestamp=timestamp, secret=secret)}


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body: object = answer.json()
    except ValueError:
        return {}
    return body if is_dict(body) else {}
