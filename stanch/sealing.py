"""Envelopes of originals: AES-256-GCM with a random nonce, bound to what they belong to, under a named key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stanch.errors import ConfigError, IntakeError

KEY_BYTES = 32
KEY_ID_BYTES = 8
MAX_SEALED = 8 * 1024 * 1024
KEEP = timedelta(days=30)
_NONCE_BYTES = 12
_VERSION = b"\x01"


@dataclass(frozen=True)
class Original:
    """The body of one delivery as it arrived.

    Args:
        body: the raw bytes, still encoded where the sender encoded them.
        media_type: as the sender declared it.
        at: when it arrived.
        case_ids: the cases it concerns; a delivery without any is kept under its source.
    """

    source: str
    delivery_id: str
    body: bytes = field(repr=False)
    media_type: str
    at: datetime
    case_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SealedOriginal:
    """An encrypted body and the key to it, which is kept only as wrapped for each holder.

    Args:
        sealed: the envelope, or None where the body is too large to be kept; digest and size are kept anyway.
        holders: case ids, or `quarantine:SOURCE`.
    """

    source: str
    delivery_id: str
    body_digest: str
    size: int
    media_type: str
    at: datetime
    expires: datetime
    sealed: bytes | None = field(repr=False)
    data_key: bytes = field(repr=False)
    holders: tuple[str, ...]


class MasterKeys:
    """Wraps the keys of cases: what is new under the current key, what is old can be read under the previous one.

    Args:
        current: 32 random bytes.
        previous: keys that were current before, while anything is still wrapped under them.
    """

    def __init__(self, current: bytes, previous: Iterable[bytes] = ()) -> None:
        self.current_id = key_id(current)
        self._current = current
        self._keys = {key_id(key): key for key in (*previous, current)}

    def wrap(self, case_id: str, case_key: bytes) -> bytes:
        """A case's key as it is stored."""
        return self.current_id + seal(self._current, case_key, _bound("case key", case_id))

    def unwrap(self, case_id: str, wrapped: bytes) -> bytes:
        """A case's key as it was.

        Raises:
            ConfigError: C306, the master key it was wrapped under is not here.
            IntakeError: I042, it was changed.
        """
        key = self._keys.get(wrapped[:KEY_ID_BYTES])
        if key is None:
            hint = "name the key it was made with as `seal_key` or in `seal_key_previous`"
            raise ConfigError("a case's key is wrapped under another master key", code="C306", hint=hint)
        return unseal(key, wrapped[KEY_ID_BYTES:], _bound("case key", case_id))


def key_id(key: bytes) -> bytes:
    """Names a key without telling anything of it."""
    return hmac.digest(key, b"stanch key id", "sha256")[:KEY_ID_BYTES]


def seal_original(original: Original, *, keep: timedelta = KEEP) -> SealedOriginal:
    """Compress and encrypt a body under a new key of its own. Pure: nothing is stored.

    Args:
        original: what arrived.
        keep: how long it may be opened.
    """
    digest = hashlib.sha256(original.body).hexdigest()
    key = secrets.token_bytes(KEY_BYTES)
    packed = zlib.compress(original.body, 1)
    bound = _bound("body", original.source, original.delivery_id, digest)
    return SealedOriginal(
        source=original.source,
        delivery_id=original.delivery_id,
        body_digest=digest,
        size=len(original.body),
        media_type=original.media_type[:128],
        at=original.at,
        expires=original.at + keep,
        sealed=seal(key, packed, bound) if len(packed) <= MAX_SEALED else None,
        data_key=key,
        holders=tuple(dict.fromkeys(original.case_ids)) or (quarantine_of(original.source),),
    )


def seal_originals(originals: Iterable[Original], *, keep: timedelta) -> list[SealedOriginal]:
    """Bodies sealed for `keep` (the setting `keep_originals`); none where it is zero."""
    return [seal_original(item, keep=keep) for item in originals] if keep else []


def quarantine_of(source: str) -> str:
    """Who holds the originals of a source that became no case."""
    return f"quarantine:{source}"


def open_body(sealed: bytes, *, data_key: bytes, source: str, delivery_id: str, digest: str, size: int) -> bytes:
    """The body as it arrived.

    Raises:
        IntakeError: I042, it is not what was sealed.
    """
    packed = unseal(data_key, sealed, _bound("body", source, delivery_id, digest))
    body = zlib.decompressobj().decompress(packed, max(size, 1))
    if len(body) != size or hashlib.sha256(body).hexdigest() != digest:
        raise _changed()
    return body


def wrap_data_key(case_key: bytes, data_key: bytes, *, case_id: str, source: str, delivery_id: str) -> bytes:
    """A body's key as one case holds it."""
    return seal(case_key, data_key, _bound("data key", case_id, source, delivery_id))


def unwrap_data_key(case_key: bytes, wrapped: bytes, *, case_id: str, source: str, delivery_id: str) -> bytes:
    """A body's key from what one case holds.

    Raises:
        IntakeError: I042, it was changed or belongs to another delivery.
    """
    return unseal(case_key, wrapped, _bound("data key", case_id, source, delivery_id))


def seal(key: bytes, data: bytes, bound: bytes) -> bytes:
    """Version, key id, nonce and ciphertext with its tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + key_id(key) + nonce + AESGCM(key).encrypt(nonce, data, bound)


def unseal(key: bytes, envelope: bytes, bound: bytes) -> bytes:
    """What an envelope holds.

    Raises:
        IntakeError: I042.
    """
    start = 1 + KEY_ID_BYTES
    if envelope[:start] != _VERSION + key_id(key):
        raise _changed()
    try:
        return AESGCM(key).decrypt(envelope[start : start + _NONCE_BYTES], envelope[start + _NONCE_BYTES :], bound)
    except (InvalidTag, ValueError):
        raise _changed() from None


def _bound(*parts: str) -> bytes:
    """Parts with their lengths: none can pretend to be two."""
    raw = [part.encode("utf-8", "surrogatepass") for part in ("stanch/1", *parts)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def _changed() -> IntakeError:
    hint = "compare the database with a backup; digest and size in the ledger of the case tell what it was"
    return IntakeError("the kept original is not what was sealed", status=409, code="I042", hint=hint)
