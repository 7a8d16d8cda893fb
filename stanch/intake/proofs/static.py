"""Secrets that are sent as they are: a bearer token, a password, a header, a token in the URL."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from stanch.intake.proofs.claim import Claim
from stanch.intake.proofs.compare import any_equal, keys_of, raw, short

PARAMETER = "token"


def proven_bearer(claim: Claim) -> bool:
    """`Authorization: Bearer <secret>`."""
    word, _, value = claim.request.header("authorization").partition(" ")
    return any_equal(keys_of(claim.terms.secrets), [raw(value)]) and word.lower() == "bearer"


def proven_basic(claim: Claim) -> bool:
    """`Authorization: Basic <base64>`; the secret is `user:password`."""
    word, _, value = claim.request.header("authorization").partition(" ")
    return any_equal(_encoded(claim.terms.secrets), [raw(value)]) and word.lower() == "basic"


def proven_header(claim: Claim) -> bool:
    """The header that the source names."""
    return any_equal(keys_of(claim.terms.secrets), [raw(claim.request.header(claim.terms.header))])


def proven_url(claim: Claim) -> bool:
    """`?token=<secret>`, which proxies on the way may write down: it never earns more than C."""
    return any_equal(keys_of(claim.terms.secrets), [raw(claim.request.parameter(PARAMETER))])


def flaw(secret: str) -> str:
    """What is wrong with a secret that is sent as it is."""
    return short(secret) if secret.isascii() else "it has letters beyond ASCII, which headers do not carry safely"


def basic_flaw(secret: str) -> str:
    """What is wrong with a secret for `basic`."""
    return short(secret) if ":" in secret else "it must be user:password"


def _encoded(secrets: Sequence[str]) -> list[bytes]:
    return [base64.b64encode(key) for key in keys_of(secrets)]
