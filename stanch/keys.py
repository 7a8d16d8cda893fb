"""The keys of a deployment, all derived from one secret: case ids, ledger heads, button tokens, digests of tokens."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from stanch.secrets import key_file, resolve
from stanch.settings import Settings

if TYPE_CHECKING:
    from stanch.sealing import MasterKeys


class Keys:
    """One secret, one key per purpose, so that no key ever serves two."""

    def __init__(self, settings: Settings) -> None:
        reference = settings.case_key
        secret = resolve(reference) if reference else key_file(settings.data_dir / "case.key")
        self._secret = secret.encode()
        self._seal_keys = (settings.seal_key, *settings.seal_key_previous)

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

    @property
    def sealing(self) -> MasterKeys:
        """The master keys of originals: of `seal_key` where it is set, else derived from the deployment's secret.

        Keys derived from it stay readable, so that `seal_key` can be introduced later.

        Raises:
            ConfigError: a reference names nothing.
        """
        from stanch.sealing import MasterKeys

        stated = [_master(resolve(reference).encode()) for reference in self._seal_keys if reference]
        current, *previous = [*stated, self._derive("sealing")]
        return MasterKeys(current, previous)


def _master(secret: bytes) -> bytes:
    return hmac.digest(secret, b"stanch/1/seal key", "sha256")
