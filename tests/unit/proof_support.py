"""What tests of proofs share: a delivery judged by the scheme of its source, without a file of sources."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding as Form
from cryptography.x509.oid import NameOID

from stanch.errors import IntakeError
from stanch.findings import Assurance
from stanch.intake.proofs import CertificateCache, Claim, Terms, prove
from stanch.intake.requests import Pairs, Request

WEBHOOKS = Path(__file__).parent.parent / "data" / "webhooks"
SNS = WEBHOOKS / "sns"
VECTORS: list[dict[str, Any]] = json.loads((WEBHOOKS / "hmac_vectors.json").read_text())
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
SENT = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:111122223333:guardduty-findings"
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-testkeydev.pem"


class Web:
    """The world outside: it has what it is given, and remembers what was asked."""

    def __init__(self, pages: dict[str, bytes] | None = None) -> None:
        self.pages = pages if pages is not None else {CERTIFICATE_URL: (SNS / "signing_cert.pem").read_bytes()}
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return self.pages.get(url, b"")


def judged(
    terms: Terms,
    body: bytes,
    headers: Pairs,
    *,
    now: datetime = NOW,
    query: Pairs = (),
    peer: str = "",
    web: Web | None = None,
) -> Assurance | None:
    """What a delivery earns; None for the one refusal. Any other exception is the test's failure."""
    request = Request(body, headers, query=query, peer=peer, remote="198.51.100.7")
    try:
        return prove(Claim(request, terms, now, CertificateCache(web or Web({}))))
    except IntakeError as error:
        if (error.status, error.code) != (401, "I020"):
            raise
        return None


def make_certificate(*, since: datetime, days: int = 365, bits: int = 2048) -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key and its certificate as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
    builder = builder.serial_number(7).not_valid_before(since).not_valid_after(since + timedelta(days=days))
    return key, builder.sign(key, hashes.SHA256()).public_bytes(Form.PEM)
