"""Proof that a request came from Slack, and that a button is one that we made."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from stanch.errors import IntakeError
from stanch.slack._buttons import KEY_ID, Button, Verdict, button_token, read_button_token
from stanch.slack._command import SlashCommand, parse_command, read_command
from stanch.slack._interaction import Interaction, parse_interaction, read_interaction

__all__ = [
    "KEY_ID",
    "Button",
    "Interaction",
    "SlashCommand",
    "Verdict",
    "button_token",
    "parse_command",
    "parse_interaction",
    "read_button_token",
    "read_command",
    "read_interaction",
    "sign",
    "verify",
]

WINDOW = timedelta(minutes=5)
TIMESTAMP_HEADER = "x-slack-request-timestamp"
SIGNATURE_HEADER = "x-slack-signature"

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def sign(raw_body: bytes, *, timestamp: str, secret: str) -> str:
    """Slack's `v0` signature of a body (docs.slack.dev, "Verifying requests from Slack")."""
    base = b"v0:" + timestamp.encode() + b":" + raw_body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def verify(
    raw_body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Sequence[str],
    now: datetime,
    seen: Callable[[str], bool],
) -> None:
    """Accept a request that Slack signed with one of our secrets, at most five minutes ago, for the first time.

    Args:
        raw_body: the bytes as received, before any parsing.
        headers: request headers, in any case.
        secrets: the signing secret, or two of them while one replaces the other; none refuses everything.
        now: the current time, with a time zone.
        seen: remembers a signature and tells whether it was there before. It is asked only about authentic requests
            and must remember for longer than ten minutes (a timestamp may be five minutes ahead).

    Raises:
        IntakeError: status 401, always with the same words; the request must not be processed.
    """
    timestamp = _only(headers, TIMESTAMP_HEADER)
    signature = _only(headers, SIGNATURE_HEADER)
    if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
        raise _refusal()
    if abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise _refusal()
    expected = [sign(raw_body, timestamp=timestamp, secret=secret) for secret in secrets if secret.strip()]
    matches = [hmac.compare_digest(candidate, signature) for candidate in expected]
    if not any(matches) or seen(signature):
        raise _refusal()


def _only(headers: Mapping[str, str], name: str) -> str:
    """The header's value; "" where it is missing or sent twice, since two readers may pick different ones."""
    values = [value for key, value in headers.items() if key.lower() == name]
    return values[0] if len(values) == 1 else ""


def _refusal() -> IntakeError:
    return IntakeError(
        "the request is not authentic",
        status=401,
        code="I420",
        hint="check the signing secret and the clock; repeated and old requests are refused",
    )
