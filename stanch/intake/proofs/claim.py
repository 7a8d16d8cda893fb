"""The words that all proofs share: the scheme, what a source is proven against, and the delivery that claims it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography.x509 import Certificate

from stanch.findings import Assurance
from stanch.intake.requests import Request

FINGERPRINT_HEADER = "x-forwarded-client-cert"


class Scheme(StrEnum):
    """How a sender proves itself."""

    STANDARD_WEBHOOKS = "standard_webhooks"  # standardwebhooks.com, v1 (HMAC) and v1a (ed25519)
    SLACK = "slack"  # X-Slack-Signature: v0=<hex> over time and body
    STRIPE = "stripe"  # Stripe-Signature: t=<time>,v1=<hex> over time and body
    SNS = "sns"  # Amazon SNS: signed with a certificate of Amazon's, from topics that are listed
    GITHUB = "github"  # X-Hub-Signature-256: sha256=<hex> over the body
    HMAC = "hmac"  # the same under a header, a prefix and an encoding of your choice
    BEARER = "bearer"  # Authorization: Bearer <secret>
    BASIC = "basic"  # Authorization: Basic <base64 of the secret user:password>
    HEADER = "header"  # a header of your choice holds the secret
    MTLS = "mtls"  # a trusted proxy names the client certificate in a header
    URL_TOKEN = "url_token"  # noqa: S105 - the name of the scheme; ?token=<secret>, for senders that set no header
    NONE = "none"  # nothing: such findings may open tickets only


class Encoding(StrEnum):
    """How the bytes of a body's HMAC are written."""

    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True)
class Terms:
    """What a delivery of one source is proven against.

    Args:
        secrets: all active ones; a second one serves rotation.
        header: lower-case name, where the scheme leaves it open.
        topics: ARNs that may send, for SNS.
        proxies: networks of the proxies whose word about a certificate counts.
        subjects: identities of certificates that may send.
    """

    scheme: Scheme
    secrets: tuple[str, ...] = field(default=(), repr=False)
    header: str = ""
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    topics: tuple[str, ...] = ()
    allow_sha1: bool = False
    proxies: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class Certificates(Protocol):
    """Gives the certificate behind an address that was checked before; None where there is none."""

    def get(self, url: str) -> Certificate | None:
        """The certificate.

        Raises:
            IntakeError: (503) it cannot be had just now.
        """
        ...


@dataclass(frozen=True)
class Claim:
    """A delivery that says it comes from a source."""

    request: Request
    terms: Terms
    now: datetime
    certificates: Certificates


@dataclass(frozen=True)
class Check:
    """How a scheme is checked.

    Args:
        assurance: what the proof earns.
        proven: whether the delivery is the source's; raises nothing but IntakeError, whatever the bytes.
        flaw: what is wrong with a secret, in words; "" for a usable one.
        hashes: a refusal has cost a pass over the body, so that its time says nothing about the reason.
    """

    assurance: Assurance
    proven: Callable[[Claim], bool]
    flaw: Callable[[str], str]
    hashes: bool = False
