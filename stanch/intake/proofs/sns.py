"""Amazon SNS: RSA over named fields, by a certificate of Amazon's, from a topic that the source lists.

docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages". Anybody can have Amazon sign a message of
a topic of their own, so the list of topics decides; the address of the certificate is not signed, so it is checked
letter by letter before anything is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate

from stanch.errors import IntakeError
from stanch.intake.bodies import Limits, parse_documents
from stanch.intake.proofs.claim import Claim
from stanch.intake.proofs.compare import WINDOW, exact_base64
from stanch.shapes import is_dict

MAX_AGE = timedelta(hours=1)
NOTIFICATION, SUBSCRIBE, UNSUBSCRIBE = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
_LARGEST = 512 * 1024  # SNS sends at most 256 KiB, which JSON may spell longer
_SMALLEST_KEY = 2048
_HOST = r"https://sns\.[a-z]{2,3}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?(?::443)?"
_CERTIFICATE = re.compile(_HOST + r"/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,120}\.pem", re.ASCII)
_CONFIRM = re.compile(_HOST + r"/?\?[A-Za-z0-9_.:=&%-]{1,2000}", re.ASCII)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}

Message = Mapping[str, Any]


def proven(claim: Claim) -> bool:
    """Whether Amazon signed this message, lately, for a topic that may send."""
    message = _message(claim)
    if message is None or message.get("TopicArn") not in claim.terms.topics:
        return False
    signed, algorithm = canonical(message), _algorithm(message, allow_sha1=claim.terms.allow_sha1)
    if signed is None or algorithm is None or not _is_recent(message.get("Timestamp"), claim.now):
        return False
    if message["Type"] != NOTIFICATION and not subscribe_url(message):
        return False
    address = message.get("SigningCertURL")
    if not isinstance(address, str) or not _CERTIFICATE.fullmatch(address):
        return False
    certificate = claim.certificates.get(address)
    signature = exact_base64(str(message.get("Signature")))
    return certificate is not None and _is_signed(certificate, signature, signed, algorithm, claim.now)


def canonical(message: Message) -> bytes | None:
    """What SNS signs: name and value of the fields of this type, each on a line; None where one is missing."""
    parts: list[str] = []
    for name in _SIGNED.get(str(message.get("Type")), ()):
        value = message.get(name)
        if name == "Subject" and value is None:
            continue
        if not isinstance(value, str):
            return None
        parts += [name, value]
    return "".join(f"{part}\n" for part in parts).encode("utf-8", "replace") if parts else None


def subscribe_url(message: Message) -> str:
    """The address that confirms a subscription; "" unless it is Amazon's, and about this topic and token."""
    url = message.get("SubscribeURL")
    if not isinstance(url, str) or not _CONFIRM.fullmatch(url):
        return ""
    asked = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    wanted = {"Action": "ConfirmSubscription", "TopicArn": message.get("TopicArn"), "Token": message.get("Token")}
    return url if dict(asked) == wanted and len(asked) == len(wanted) else ""


def _message(claim: Claim) -> Message | None:
    """The body as an object, read as strictly as everything else; None for raw delivery, which nobody signs."""
    request = claim.request
    if request.header("x-amz-sns-rawdelivery").strip().lower() not in ("", "false") or len(request.body) > _LARGEST:
        return None
    try:
        found = parse_documents(request.body, limits=Limits(delivery=_LARGEST))
    except IntakeError:
        return None
    return found[0] if len(found) == 1 and is_dict(found[0]) else None


def _algorithm(message: Message, *, allow_sha1: bool) -> hashes.HashAlgorithm | None:
    version = message.get("SignatureVersion")
    if version == "2":
        return hashes.SHA256()
    return hashes.SHA1() if version == "1" and allow_sha1 else None  # noqa: S303 - only where the operator insists


def _is_recent(stamp: object, now: datetime) -> bool:
    if not isinstance(stamp, str) or not _STAMP.fullmatch(stamp):
        return False
    try:
        age = now - datetime.fromisoformat(stamp)
    except ValueError:
        return False
    return -WINDOW <= age <= MAX_AGE


def _is_signed(
    certificate: Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm, now: datetime
) -> bool:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY:
            return False
        key.verify(signature, signed, PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
