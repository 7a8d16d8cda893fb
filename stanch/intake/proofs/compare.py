"""Comparisons in constant time, and the same work whatever the outcome."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets as random
from collections.abc import Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)
ACTIVE_SECRETS = 2
SHORTEST_SECRET = 16
_NOBODY = random.token_bytes(32)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)


def digests(keys: Sequence[bytes], message: bytes) -> list[bytes]:
    """HMAC-SHA256 under each key; fewer keys, or none, take as long as two."""
    made = [hmac.digest(key, message, "sha256") for key in keys]
    for _ in range(len(keys), ACTIVE_SECRETS):
        hmac.digest(_NOBODY, message, "sha256")
    return made


def any_equal(wanted: Sequence[bytes], given: Sequence[bytes]) -> bool:
    """All pairs are compared, each in constant time: neither position nor number of secrets shows."""
    equal = [hmac.compare_digest(one, other) for one in wanted for other in given if one]
    return any(equal)


def raw(text: str) -> bytes:
    """The bytes of a header or a secret, whatever is in it."""
    return text.encode("utf-8", "replace")


def keys_of(secrets: Sequence[str]) -> list[bytes]:
    """Secrets that are used as they are written; an empty one opens nothing."""
    return [raw(secret) for secret in secrets if secret.strip()]


def is_fresh(seconds: str, now: datetime) -> bool:
    """Whether a Unix time in digits lies within the window, before or after now."""
    return bool(_SECONDS.fullmatch(seconds)) and abs(now.timestamp() - int(seconds)) <= WINDOW.total_seconds()


def from_base64(text: str) -> bytes:
    """The bytes of strict base64, with or without padding; nothing for anything else."""
    if not _BASE64.fullmatch(text):
        return b""
    plain = text.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def exact_base64(text: str) -> bytes:
    """The bytes of a signature in their one spelling: base64 has spare bits that would allow others."""
    found = from_base64(text)
    return found if base64.b64encode(found) == raw(text) else b""


def short(secret: str) -> str:
    """What is wrong with a secret that may be any text."""
    return "" if len(secret) >= SHORTEST_SECRET else f"it has fewer than {SHORTEST_SECRET} characters"
