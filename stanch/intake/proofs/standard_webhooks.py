"""Standard Webhooks: id, time and body under HMAC-SHA256 (v1) or ed25519 (v1a); standardwebhooks.com."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stanch.errors import ConfigError
from stanch.intake.proofs.claim import Claim
from stanch.intake.proofs.compare import any_equal, digests, exact_base64, from_base64, is_fresh, raw

MAX_SIGNATURES = 16
MAX_PUBLIC = 4  # each costs a pass over the body
_SHARED, _PUBLIC = "whsec_", "whpk_"
_SHORTEST_KEY = 24
_PUBLIC_KEY, _SIGNATURE = 32, 64


def proven(claim: Claim) -> bool:
    """Whether one listed signature is right under one of the secrets."""
    request, secrets = claim.request, claim.terms.secrets
    name, seconds = request.header("webhook-id"), request.header("webhook-timestamp")
    signed = _signed(request.body, name, seconds)
    listed = request.header("webhook-signature").split(" ")
    made = digests([key for secret in secrets if (key := _key(secret))], signed)
    wanted = [base64.b64encode(each) for each in made]
    given = [raw(entry[3:]) for entry in listed[:MAX_SIGNATURES] if entry.startswith("v1,")]
    equal = any_equal(wanted, given) or _any_signed(listed, secrets, signed)
    sound = bool(name) and name.isascii() and name.isprintable() and "" not in listed
    return equal and sound and is_fresh(seconds, claim.now)


def sign(body: bytes, *, secret: str, delivery_id: str, now: datetime) -> dict[str, str]:
    """The v1 headers for a body.

    Raises:
        ConfigError: the secret is not base64 (with or without `whsec_`).
    """
    key = _key(secret)
    if not key:
        hint = "it looks like whsec_ and base64"
        raise ConfigError("the secret is not a Standard Webhooks secret", code="I021", hint=hint)
    seconds = str(int(now.timestamp()))
    (made,) = digests([key], _signed(body, delivery_id, seconds))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(made).decode(),
    }


def flaw(secret: str) -> str:
    """What is wrong with a secret."""
    if secret.startswith(_PUBLIC):
        return "" if _public_key(secret) else "whpk_ must be followed by the base64 of 32 bytes"
    return "" if len(_key(secret)) >= _SHORTEST_KEY else "it must be whsec_ and the base64 of at least 24 bytes"


def _signed(body: bytes, name: str, seconds: str) -> bytes:
    return raw(name) + b"." + raw(seconds) + b"." + body


def _key(secret: str) -> bytes:
    """The bytes of `whsec_<base64>`; nothing for a public key, under which anybody could make an HMAC."""
    return from_base64(secret.strip().removeprefix(_SHARED))


def _public_key(secret: str) -> Ed25519PublicKey | None:
    found = from_base64(secret.strip().removeprefix(_PUBLIC)) if secret.strip().startswith(_PUBLIC) else b""
    return Ed25519PublicKey.from_public_bytes(found) if len(found) == _PUBLIC_KEY else None


def _any_signed(listed: Sequence[str], secrets: Sequence[str], signed: bytes) -> bool:
    if not any(entry.startswith("v1a,") for entry in listed):
        return False
    keys = [key for secret in secrets if (key := _public_key(secret))]
    found = [exact_base64(entry[4:]) for entry in listed[:MAX_SIGNATURES] if entry.startswith("v1a,")]
    given = [signature for signature in found if len(signature) == _SIGNATURE][:MAX_PUBLIC]
    return any(_is_signed(key, signature, signed) for key in keys for signature in given)


def _is_signed(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
