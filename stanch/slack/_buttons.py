"""The token in a button: what the button decides, until when, under our own key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from stanch.errors import IntakeError

VERSION = "s1"
KEY_ID = "1"  # which of our own keys signs buttons
TOKEN_LIMIT = 2000  # Slack's limit for a button's value

_TOKEN = re.compile(rf"{VERSION}\.([A-Za-z0-9_-]{{1,32}})\.([A-Za-z0-9_-]{{1,1900}})\.([A-Za-z0-9_-]{{43}})", re.ASCII)


class Verdict(StrEnum):
    """What pressing the button says."""

    APPROVE = "approve"
    DENY = "deny"
    OPTION = "option"
    REVIEW = "review"  # decides nothing: shows all of it


@dataclass(frozen=True)
class Button:
    """What an authentic token says.

    Args:
        option: the answer chosen where the verdict is `option`; the page of a dialog where it is `review`.
        digest: of the request that the card showed; the case compares it with the request as it is at the click.
        look: digest of what the card said; "" where that cannot be compared at a click.
    """

    approval_id: str
    verdict: Verdict
    case_id: str
    expires_at: datetime
    option: str = ""
    digest: str = ""
    look: str = ""


def button_token(button: Button, *, key_id: str, secret: str) -> str:
    """The opaque value of a button, at most 2,000 ASCII characters.

    Args:
        button: what the button decides.
        key_id: which secret this is, 1 to 32 of `A-Z a-z 0-9 _ -`, so that secrets can be replaced.
        secret: the key of our own; never Slack's signing secret.
    """
    if not secret:
        raise ValueError("a button token needs a secret")
    payload = _encode(json.dumps(_claims(button), separators=(",", ":"), sort_keys=True).encode())
    signed = f"{VERSION}.{key_id}.{payload}"
    token = f"{signed}.{_mac(signed, secret=secret)}"
    if not _TOKEN.fullmatch(token) or len(token) > TOKEN_LIMIT:
        raise ValueError("the key id is malformed or the ids are too long for a button")
    return token


def read_button_token(token: str, *, secrets: Mapping[str, str], now: datetime) -> Button:
    """What the token says, once its key and expiry are proven.

    Args:
        token: the button's value as it came back.
        secrets: secret by key id, old and new while one replaces the other.
        now: the current time, with a time zone.

    Raises:
        IntakeError: status 401 for a token that is not ours, 410 for one that has expired.
    """
    match = _TOKEN.fullmatch(token)
    if match is None or len(token) > TOKEN_LIMIT:
        raise _refusal()
    key_id, payload, mac = match.groups()
    secret = secrets.get(key_id, "")
    # The MAC is compared as text: base64 has several spellings of the same bytes.
    genuine = hmac.compare_digest(_mac(f"{VERSION}.{key_id}.{payload}", secret=secret or "-"), mac)
    if not (secret and genuine):
        raise _refusal()
    button = _button(payload)
    if now >= button.expires_at:
        raise IntakeError("this button has expired", status=410, code="I422", hint="open the case for the current card")
    return button


def _claims(button: Button) -> dict[str, Any]:
    claims = {
        "a": button.approval_id,
        "c": button.case_id,
        "d": button.digest,
        "e": int(button.expires_at.timestamp()),
        "o": button.option,
        "v": button.verdict.value,
    }
    return claims | ({"l": button.look} if button.look else {})


def _button(payload: str) -> Button:
    """Our own claims back; only called once the MAC has proven that we wrote them."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Button(
            approval_id=str(claims["a"]),
            verdict=Verdict(claims["v"]),
            case_id=str(claims["c"]),
            expires_at=datetime.fromtimestamp(claims["e"], tz=UTC),
            option=str(claims["o"]),
            digest=str(claims.get("d", "")),
            look=str(claims.get("l", "")),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        raise _refusal() from None


def _mac(signed: str, *, secret: str) -> str:
    return _encode(hmac.new(secret.encode(), b"stanch-button:" + signed.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refusal() -> IntakeError:
    return IntakeError("this button is not one of ours", status=401, code="I421", hint="open the case for its card")
