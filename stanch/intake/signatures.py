"""Signing and checking one delivery with plain arguments, for tools and tests; sources go through `proofs`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from stanch.findings import Assurance
from stanch.intake.proofs import (
    CERTIFICATES,
    CHECKS,
    WINDOW,
    Claim,
    Scheme,
    Terms,
    dummy_check,
    prove,
    sign,
    unauthorized,
)
from stanch.intake.requests import Pairs, Request

__all__ = ["WINDOW", "Scheme", "dummy_check", "sign", "unauthorized", "usable", "verify"]


def verify(
    body: bytes, headers: Pairs, *, scheme: Scheme, secrets: Sequence[str], now: datetime, header: str = ""
) -> Assurance:
    """The assurance that a delivery earns.

    Args:
        body: the bytes as received, before any decoding.
        headers: names in any case.
        scheme: of the source.
        secrets: all active ones; a second one serves rotation.
        now: aware.
        header: the name, where the scheme leaves it open.

    Raises:
        IntakeError: (401) with the same words whatever was wrong.
    """
    terms = Terms(scheme=scheme, secrets=tuple(secrets), header=header.lower())
    return prove(Claim(request=Request(body, headers), terms=terms, now=now, certificates=CERTIFICATES))


def usable(scheme: Scheme, secret: str) -> bool:
    """Whether a secret can serve a scheme at all."""
    return not CHECKS[scheme].flaw(secret)
