"""From one HTTP delivery to its findings: proof first, then size, then form, then meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stanch.errors import IntakeError, StanchError
from stanch.findings import Assurance, Origin
from stanch.intake.bodies import Limits, decompress, parse_documents
from stanch.intake.config import SourceConfig, Sources, SourceState
from stanch.intake.redaction import Redactor
from stanch.intake.signatures import dummy_check, unauthorized, verify
from stanch.shapes import is_dict
from stanch.sources.extract import Setting, extract_documents
from stanch.sources.results import Collected, Extraction, Reason

MAX_ID = 128
_BUCKET_SECONDS = 600
_ID_HEADERS = ("webhook-id", "x-github-delivery", "x-snyk-transport-id", "idempotency-key")


@dataclass(frozen=True)
class Request:
    """What arrived: the bytes are exactly those received."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    remote: str = ""

    def header(self, name: str) -> str:
        """A header by its name in any case."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


@dataclass(frozen=True)
class Delivery:
    """An authenticated, parsed delivery. Its documents are not redacted: never store them."""

    source_id: str
    delivery_id: str
    body_digest: str
    assurance: Assurance
    received: datetime
    documents: tuple[Any, ...] = field(repr=False)


def open_delivery(
    name: str, request: Request, *, sources: Sources, resolve: Callable[[str], str], now: datetime
) -> Delivery:
    """Authenticate and parse a delivery.

    Args:
        name: of the source, from the URL.
        request: what arrived.
        sources: of this deployment.
        resolve: gives the secret behind a `secret://` reference.
        now: aware.

    Raises:
        IntakeError: 401 (whatever could not be proven), 403, 410, 413, 415 or 400.
    """
    source = sources.get(name)
    if source is None:
        dummy_check(request.body)
        raise unauthorized()
    assurance = _authenticated(source, request, resolve, now)
    if source.state is not SourceState.ACTIVE:
        status = 410 if source.state is SourceState.RETIRED else 403
        raise IntakeError(f"this source is {source.state}", status=status, code="I022")
    limits = limits_of(source)
    body = decompress(request.body, request.header("content-encoding"), limits)
    documents = parse_documents(body, request.header("content-type"), limits)
    return Delivery(
        source_id=name,
        delivery_id=delivery_id(request, documents, now=now),
        body_digest=hashlib.sha256(request.body).hexdigest(),
        assurance=max(assurance, source.assurance),  # A < B < C: the weaker of what is proven and what is allowed
        received=now,
        documents=tuple(documents),
    )


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
    setting = Setting(sources.library, redactor, limits_of(source), origin)
    documents = delivery.documents[start:stop]
    found = extract_documents(documents, adapter=source.adapter, setting=setting, first=start)
    return _allowed(found, source) if source.kinds else found


def limits_of(source: SourceConfig) -> Limits:
    """The limits of one source."""
    return Limits(delivery=source.max_bytes, finding=source.max_finding_bytes)


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


def _authenticated(source: SourceConfig, request: Request, resolve: Callable[[str], str], now: datetime) -> Assurance:
    if not source.admits(request.remote):
        dummy_check(request.body)
        raise unauthorized()
    secrets = _resolved(source.auth.secrets, resolve)
    auth = source.auth
    return verify(request.body, request.headers, scheme=auth.scheme, secrets=secrets, now=now, header=auth.header)


def _resolved(references: Sequence[str], resolve: Callable[[str], str]) -> list[str]:
    """The secrets that can be had; while one is being replaced the other must go on working."""
    found: list[str] = []
    failure: StanchError | None = None
    for reference in references:
        try:
            found.append(resolve(reference))
        except StanchError as error:
            failure = error
    if failure and not found:
        raise failure
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
