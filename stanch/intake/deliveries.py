"""From one HTTP delivery to its findings: proof first, then size, then form, then meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from stanch.errors import ConfigError, IntakeError, StanchError
from stanch.findings import Assurance, Origin
from stanch.intake.auth import Auth
from stanch.intake.bodies import Limits, decompress, parse_documents
from stanch.intake.config import SourceConfig, Sources, SourceState
from stanch.intake.proofs import CERTIFICATES, Certificates, Claim, Scheme, dummy_check, prove, unauthorized
from stanch.intake.proofs.timestamped import slack_time, stripe_time
from stanch.intake.redaction import Redactor
from stanch.intake.requests import Request
from stanch.shapes import is_dict
from stanch.sources.extract import Setting, extract_documents
from stanch.sources.results import Collected, Extraction, Reason

__all__ = [
    "Delivery",
    "Request",
    "authenticate",
    "delivery_id",
    "extract_delivery",
    "limits_of",
    "may_wait",
    "open_delivery",
]

MAX_ID = 128
_EXPANSION = 6  # characters of JSON that one byte of a body may be written as (\u00e9 are three for one, 1e15 four)
_BUCKET_SECONDS = 600
_SIGNED_TIME = frozenset({Scheme.SLACK, Scheme.STRIPE})
_ID_HEADERS = ("webhook-id", "x-github-delivery", "x-snyk-transport-id", "idempotency-key")


@dataclass(frozen=True)
class Delivery:
    """An authenticated, parsed delivery. Its documents are not redacted: never store them.

    Args:
        size: bytes of the body without its content encoding.
    """

    source_id: str
    delivery_id: str
    body_digest: str
    assurance: Assurance
    received: datetime
    documents: tuple[Any, ...] = field(repr=False)
    size: int = 0


def open_delivery(
    name: str,
    request: Request,
    *,
    sources: Sources,
    resolve: Callable[[str], str],
    now: datetime,
    certificates: Certificates = CERTIFICATES,
) -> Delivery:
    """Authenticate and parse a delivery.

    Args:
        name: of the source, from the URL.
        request: what arrived.
        sources: of this deployment.
        resolve: gives the secret behind a `secret://` reference.
        now: aware.
        certificates: where those of Amazon SNS come from.

    Raises:
        IntakeError: 401 (whatever could not be proven), 403, 410, 413, 415, 400, or 503 (I024).
        ConfigError: I026 (503), none of the source's secrets can be had.
    """
    source, assurance = authenticate(
        name, request, sources=sources, resolve=resolve, now=now, certificates=certificates
    )
    limits = limits_of(source)
    body = decompress(request.body, request.header("content-encoding"), limits)
    documents = parse_documents(body, request.header("content-type"), limits)
    return Delivery(
        source_id=name,
        delivery_id=_proven_id(source.auth, request, documents) or delivery_id(request, documents, now=now),
        body_digest=hashlib.sha256(request.body).hexdigest(),
        assurance=assurance,
        received=now,
        documents=tuple(documents),
        size=len(body),
    )


def may_wait(name: str, *, sources: Sources) -> bool:
    """Whether opening a delivery of this source may wait for the network: such work belongs into a thread."""
    source = sources.get(name)
    return source is not None and source.auth.scheme is Scheme.SNS


def authenticate(
    name: str,
    request: Request,
    *,
    sources: Sources,
    resolve: Callable[[str], str],
    now: datetime,
    certificates: Certificates = CERTIFICATES,
) -> tuple[SourceConfig, Assurance]:
    """The source that a request comes from, and what its proof earns; the body is not looked into.

    Raises:
        IntakeError: 401 (whatever could not be proven), 403, 410, or 503 (I024).
        ConfigError: I026 (503), none of the source's secrets can be had.
    """
    source = sources.get(name)
    if source is None or not source.admits(request.remote):
        dummy_check(request.body)
        raise unauthorized()
    terms = source.auth.terms(_resolved(source.auth.secrets, resolve))
    assurance = prove(Claim(request=request, terms=terms, now=now, certificates=certificates))
    if source.state is not SourceState.ACTIVE:
        status = 410 if source.state is SourceState.RETIRED else 403
        raise IntakeError(f"this source is {source.state}", status=status, code="I022")
    return source, max(assurance, source.assurance)  # A < B < C: the weaker of what is proven and what is allowed


def extract_delivery(
    delivery: Delivery, *, sources: Sources, redactor: Redactor, start: int = 0, stop: int | None = None
) -> Extraction:
    """The canonical, redacted findings of a delivery, and what else was in it.

    Args:
        delivery: opened before.
        sources: of this deployment.
        redactor: with the deployment's key.
        start: first document, where a large delivery is worked in slices.
        stop: document after the last one.
    """
    source = sources.by_name[delivery.source_id]
    origin = Origin(
        source_id=delivery.source_id,
        delivery_id=delivery.delivery_id,
        received=delivery.received,
        assurance=delivery.assurance,
    )
    longest = _EXPANSION * delivery.size
    setting = Setting(sources.library, redactor, limits_of(source), origin, longest)
    documents = delivery.documents[start:stop]
    found = extract_documents(documents, adapter=source.adapter, setting=setting, first=start)
    return _allowed(found, source) if source.kinds else found


def limits_of(source: SourceConfig) -> Limits:
    """The limits of one source."""
    return _limits(source.max_bytes, source.max_finding_bytes)


@lru_cache(maxsize=256)
def _limits(delivery: int, finding: int) -> Limits:
    return Limits(delivery=delivery, finding=finding)


def delivery_id(request: Request, documents: Sequence[Any], *, now: datetime) -> str:
    """The sender's id of this delivery; without one, the body's digest within ten minutes."""
    stated = next((value for name in _ID_HEADERS if (value := request.header(name))), "")
    if not stated and request.header("ce-id"):
        stated = f"{request.header('ce-source')}#{request.header('ce-id')}"
    stated = stated or (_id_inside(documents[0]) if len(documents) == 1 else "")
    if stated:
        return _bounded(stated)
    digest = hashlib.sha256(request.body).hexdigest()
    return f"body-{digest[:48]}-{int(now.timestamp()) // _BUCKET_SECONDS}"


def _id_inside(document: Any) -> str:
    """The id that SNS, CloudEvents and EventBridge put into the body."""
    if not is_dict(document):
        return ""
    if document.get("TopicArn") and document.get("MessageId"):
        return f"sns-{document['MessageId']}"
    if document.get("specversion") and document.get("id"):
        return f"{document.get('source', '')}#{document['id']}"
    if document.get("detail-type") and document.get("id"):
        return f"eventbridge-{document['id']}"
    return ""


def _bounded(text: str) -> str:
    plain = len(text) <= MAX_ID and text.isascii() and text.isprintable() and " " not in text
    return text if plain else "id-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _proven_id(auth: Auth, request: Request, documents: Sequence[Any]) -> str:
    """The id that the proof covers, where another id of the same request could be changed to send it again."""
    if auth.scheme is Scheme.SNS:
        return _bounded(_id_inside(documents[0]))
    if auth.scheme not in _SIGNED_TIME:
        return ""
    moment = slack_time(request) if auth.scheme is Scheme.SLACK else stripe_time(request, auth.header.lower())
    return "signed-" + hashlib.sha256(moment.encode() + b"." + request.body).hexdigest()


def _resolved(references: Sequence[str], resolve: Callable[[str], str]) -> list[str]:
    """The secrets that can be had; while one is being replaced the other must go on working."""
    found: list[str] = []
    for reference in references:
        try:
            found.append(resolve(reference))
        except StanchError:  # its words name the place of the secret, and the caller is a stranger
            continue
    if references and not found:
        hint = "the operator finds out more with `stanch doctor`; send it again later"
        raise ConfigError("this source cannot check its senders just now", code="I026", hint=hint)
    return found


def _allowed(found: Extraction, source: SourceConfig) -> Extraction:
    kept = Collected(quarantined=list(found.quarantined))
    kept.ignored.update(found.ignored)
    kept.warnings.update(found.warnings)
    for finding, index in zip(found.findings, found.indexes, strict=True):
        if finding.kind in source.kinds:
            kept.add(finding, index)
        else:
            kept.refuse(Reason.NOT_ALLOWED, f"this source may not report '{finding.kind}'", index)
    return kept.done(found.documents)
