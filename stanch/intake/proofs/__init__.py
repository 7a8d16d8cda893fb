"""Proof of who sent a delivery: one table of schemes, one module for each kind, one answer for whatever is unproven."""

from __future__ import annotations

from collections.abc import Mapping

from stanch.errors import IntakeError
from stanch.findings import Assurance
from stanch.intake.proofs import body_hmac, mtls, sns, standard_webhooks, static, timestamped
from stanch.intake.proofs.certificates import CertificateCache
from stanch.intake.proofs.claim import Certificates, Check, Claim, Encoding, Scheme, Terms
from stanch.intake.proofs.compare import WINDOW, digests, short
from stanch.intake.proofs.standard_webhooks import sign

__all__ = [
    "CERTIFICATES",
    "CHECKS",
    "WINDOW",
    "CertificateCache",
    "Certificates",
    "Claim",
    "Encoding",
    "Scheme",
    "Terms",
    "dummy_check",
    "prove",
    "sign",
    "unauthorized",
]

# A is signed and fresh. A body signature without a time can be sent again under another delivery id: B, as what is
# only shown. A token in a URL is written into the logs of whatever is on the way: C, as nothing at all.
A, B, C = Assurance.A, Assurance.B, Assurance.C
CHECKS: Mapping[Scheme, Check] = {
    Scheme.STANDARD_WEBHOOKS: Check(A, standard_webhooks.proven, standard_webhooks.flaw, hashes=True),
    Scheme.SLACK: Check(A, timestamped.proven_slack, short, hashes=True),
    Scheme.STRIPE: Check(A, timestamped.proven_stripe, short, hashes=True),
    Scheme.SNS: Check(A, sns.proven, short),
    Scheme.GITHUB: Check(B, body_hmac.proven_github, short, hashes=True),
    Scheme.HMAC: Check(B, body_hmac.proven, short, hashes=True),
    Scheme.BEARER: Check(B, static.proven_bearer, static.flaw),
    Scheme.BASIC: Check(B, static.proven_basic, static.basic_flaw),
    Scheme.HEADER: Check(B, static.proven_header, static.flaw),
    Scheme.MTLS: Check(B, mtls.proven, mtls.flaw),
    Scheme.URL_TOKEN: Check(C, static.proven_url, static.flaw),
    Scheme.NONE: Check(C, lambda claim: True, short),
}

CERTIFICATES = CertificateCache()


def prove(claim: Claim) -> Assurance:
    """The assurance that a delivery earns.

    Raises:
        IntakeError: I020 (401) with the same words whatever was wrong; I024 (503) where a certificate cannot be had.
    """
    check = CHECKS[claim.terms.scheme]
    if not check.proven(claim):
        if not check.hashes:
            dummy_check(claim.request.body)
        raise unauthorized()
    return check.assurance


def unauthorized() -> IntakeError:
    """The one answer to an unknown source, a wrong secret and a stale signature: they must not be told apart."""
    hint = "check source name, secret and clock of the sender"
    return IntakeError("the delivery could not be authenticated", status=401, code="I020", hint=hint)


def dummy_check(body: bytes) -> None:
    """As much work as a real check, where there is nothing to check: the time of the answer tells nothing."""
    digests((), body)
