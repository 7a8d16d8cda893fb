"""The keys of a deployment, all derived from one secret: case ids, ledger heads, button tokens, digests of tokens."""

from __future__ import annotations

import hashlib
import hmac

from stanch.secrets import key_file, resolve
from stanch.settings import Settings


class Keys:
    """One secret, one key per purpose, so that no key ever serves two."""

    def __init__(self, settings: Settings) -> None:
        reference = settings.case_key
        secret = resolve(reference) if reference else key_file(settings.data_dir / "case.key")
        self._secret = secret.encode()

    def _derive(self, purpose: str) -> bytes:
        return hmac.new(self._secret, b"stanch/1/" + purpose.encode(), hashlib.sha256).digest()

    @property
    def cases(self) -> bytes:
        return self._derive("case ids")

    @property
    def ledger(self) -> bytes:
        return self._derive("ledger")

    @property
    def buttons(self) -> str:
        return self._derive("buttons").hex()

    @property
    def redaction(self) -> bytes:
        return self._derive("redaction")

    @property
    def sessions(self) -> bytes:
        return self._derive("sessions")
