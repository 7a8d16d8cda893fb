"""Proof of who sent a delivery, over the exact bytes received; whatever is odd is refused, never raised."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from stanch.errors import ConfigError, IntakeError
from stanch.findings import Assurance

WINDOW = timedelta(minutes=5)
MAX_SIGNATURES = 16
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)


class Scheme(StrEnum):
    """How a sender proves itself."""

    STANDARD_WEBHOOKS = "standard_webhooks"  # standardwebhooks.com, version v1
    GITHUB = "github"  # X-Hub-Signature-256: sha256=<hex> over the body
    BEARER = "bearer"  # Authorization: Bearer <secret>
    BASIC = "basic"  # Authorization: Basic <base64 of the secret user:password>
    HEADER = "header"  # a header of your choice holds the secret
    NONE = "none"  # nothing: such findings may open tickets only


# A body signature without a time can be sent again under another delivery id: that is not "signed and fresh".
ASSURANCE: Mapping[Scheme, Assurance] = {
    Scheme.STANDARD_WEBHOOKS: Assurance.A,
    Scheme.GITHUB: Assurance.B,
    Scheme.BEARER: Assurance.B,
    Scheme.BASIC: Assurance.B,
    Scheme.HEADER: Assurance.B,
    Scheme.NONE: Assurance.C,
}


def unauthorized() -> IntakeError:
    """The one answer to an unknown source, a wrong secret and a stale signature: they must not be told apart."""
    hint = "check source name, secret and clock of the sender"
    return IntakeError("the delivery could not be authenticated", status=401, code="I020", hint=hint)


def verify(
    body: bytes,
    headers: Mapping[str, str],
    *,
    scheme: Scheme,
    secrets: Sequence[str],
    now: datetime,
    header: str = "",
) -> Assurance:
    """The assurance that a delivery earns.

    Args:
        body: the bytes as received, before any decoding.
        headers: names in any case.
        scheme: of the source.
        secrets: all active ones; a second one serves rotation.
        now: aware.
        header: the name, for `Scheme.HEADER`.

    Raises:
        IntakeError: (401) with the same words whatever was wrong.
    """
    given = {name.lower(): value for name, value in headers.items()}
    if scheme is Scheme.NONE:
        return ASSURANCE[scheme]
    if scheme is Scheme.STANDARD_WEBHOOKS:
        proven = _standard_webhook(body, given, secrets, now)
    elif scheme is Scheme.GITHUB:
        proven = _github(body, given.get("x-hub-signature-256", ""), secrets)
    else:
        proven = _static(given, scheme, secrets, header.lower())
    if not proven:
        raise unauthorized()
    return ASSURANCE[scheme]


def sign(body: bytes, *, secret: str, delivery_id: str, now: datetime) -> dict[str, str]:
    """The Standard Webhooks v1 headers for a body.

    Raises:
        ConfigError: the secret is not base64 (with or without `whsec_`).
    """
    key = _key(secret)
    if not key:
        raise ConfigError(
            "the secret is not a Standard Webhooks secret", code="I021", hint="it looks like whsec_ and base64"
        )
    seconds = str(int(now.timestamp()))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(_mac(key, delivery_id, seconds, body)).decode(),
    }


def dummy_check(body: bytes) -> None:
    """As much work as a real check, for sources that do not exist: the time of the answer tells nothing."""
    hmac.compare_digest(hmac.new(b"no such source", body, hashlib.sha256).digest(), bytes(32))


def usable(scheme: Scheme, secret: str) -> bool:
    """Whether a secret can serve a scheme at all, for `stanch doctor`."""
    return bool(_key(secret)) if scheme is Scheme.STANDARD_WEBHOOKS else len(secret) >= 16


def _standard_webhook(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> bool:
    message, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not _SECONDS.fullmatch(seconds):
        return False
    if abs(now.timestamp() - int(seconds)) > WINDOW.total_seconds():
        return False
    listed = headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    given = [found for entry in listed if entry.startswith("v1,") and (found := _decoded(entry[3:]))]
    wanted = [_mac(key, message, seconds, body) for secret in secrets if (key := _key(secret))]
    return _any_equal(wanted, given)


def _github(body: bytes, header: str, secrets: Sequence[str]) -> bool:
    if not header.lower().startswith("sha256="):
        return False
    given = header[7:].lower().encode("utf-8", "replace")
    wanted = [_hex(secret, body) for secret in secrets if secret]
    return _any_equal(wanted, [given])


def _hex(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode("utf-8", "replace"), body, hashlib.sha256).hexdigest().encode()


def _static(headers: Mapping[str, str], scheme: Scheme, secrets: Sequence[str], header: str) -> bool:
    if scheme is Scheme.HEADER:
        given = headers.get(header, "") if header else ""
        return _any_equal(_bytes(secrets), _bytes([given]))
    word, _, value = headers.get("authorization", "").partition(" ")
    if word.lower() != scheme.value:
        return False
    spelled: Callable[[str], str] = _basic if scheme is Scheme.BASIC else str
    return _any_equal(_bytes([spelled(secret) for secret in secrets if secret]), _bytes([value.strip()]))


def _basic(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


def _bytes(texts: Sequence[str]) -> list[bytes]:
    return [text.encode("utf-8", "replace") for text in texts if text]


def _any_equal(wanted: Sequence[bytes], given: Sequence[bytes]) -> bool:
    """All pairs are compared, each in constant time: neither position nor number of secrets shows."""
    equal = [hmac.compare_digest(one, other) for one in wanted for other in given]
    return any(equal)


def _mac(key: bytes, message: str, seconds: str, body: bytes) -> bytes:
    signed = message.encode("utf-8", "replace") + b"." + seconds.encode() + b"." + body
    return hmac.new(key, signed, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    """The bytes of `whsec_<base64>`; nothing for a key of another kind, which then matches no signature."""
    return _decoded(secret.strip().removeprefix("whsec_"))


def _decoded(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
