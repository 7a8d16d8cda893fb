"""Signing certificates by address: fetched one at a time, kept in bounded number, failures remembered for a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TypeVar

from cryptography import x509

from stanch.errors import DependencyError, IntakeError
from stanch.intake.fetching import Fetch, fetch

T = TypeVar("T")
KEPT = 32
KEPT_SECONDS = 24 * 3600.0
FAILED_SECONDS = 60.0
AWAY_SECONDS = 10.0
PATIENCE_SECONDS = 1.0


class CertificateCache:
    """Safe to share between threads. A stranger's address costs one fetch, and only after all cheaper checks.

    While Amazon cannot be reached one thread at a time finds that out; the others go on with other senders.
    """

    def __init__(self, source: Fetch = fetch) -> None:
        self._fetch = source
        self._lock = threading.Lock()
        self._fetching = threading.Lock()
        self._kept: OrderedDict[str, tuple[x509.Certificate, float]] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._away = 0.0

    def get(self, url: str) -> x509.Certificate | None:
        """The certificate at an address; None where there is none.

        Raises:
            IntakeError: I024 (503), it cannot be had just now; SNS tries again.
        """
        kept, known = self._look(url)
        if known:
            return kept
        if not self._fetching.acquire(timeout=PATIENCE_SECONDS):
            raise _later()
        try:
            kept, known = self._look(url)
            if not known and time.monotonic() < self._away:
                raise _later()
            return kept if known else self._fetched(url)
        finally:
            self._fetching.release()

    def _look(self, url: str) -> tuple[x509.Certificate | None, bool]:
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(url)
            if kept and kept[1] > now:
                self._kept.move_to_end(url)
                return kept[0], True
            return None, self._failed.get(url, 0.0) > now

    def _fetched(self, url: str) -> x509.Certificate | None:
        try:
            found = _certificate(self._fetch(url))
        except DependencyError:
            self._away = time.monotonic() + AWAY_SECONDS
            raise _later() from None
        with self._lock:
            if found is None:
                _keep(self._failed, url, time.monotonic() + FAILED_SECONDS)
            else:
                _keep(self._kept, url, (found, time.monotonic() + KEPT_SECONDS))
        return found


def _keep(kept: OrderedDict[str, T], url: str, value: T) -> None:
    kept[url] = value
    kept.move_to_end(url)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _certificate(pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _later() -> IntakeError:
    hint = "the sender tries again; `stanch doctor` tells whether Amazon SNS can be reached"
    return IntakeError("the signing certificate cannot be fetched just now", status=503, code="I024", hint=hint)
