"""Makes of an authenticated delivery what records take in: findings with their identities, quarantine, sealed body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from stanch.findings import Finding, FindingStatus, case_id, complete
from stanch.intake.deliveries import Delivery, extract_delivery
from stanch.intake.redaction import CleanTexts, Redactor
from stanch.intake.reports import SCOPE_HEADER, Scope, scope_of
from stanch.intake.requests import Request as Arrived
from stanch.records import Arrival, FindingRow, Item, Names, Quarantined
from stanch.records.arriving import PUT_AWAY
from stanch.records.columns import Encoded
from stanch.records.places import place_of
from stanch.sealing import Original
from stanch.sources import Extraction
from stanch.sources.envelopes import opened
from stanch.web.services import Services

KEPT_BODY = 64 * 1024


@dataclass(frozen=True)
class Prepared:
    """A delivery with what came out of it. `findings` and the items of `arrival` go in pairs."""

    delivery: Delivery
    found: Extraction
    findings: tuple[Finding, ...]
    arrival: Arrival


class Preparation:
    """Prepares deliveries with the policy of the moment; works on nothing but what it is given.

    Args:
        services: policy, settings and keys of this process.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._case_key = services.keys.cases
        self._redaction = services.keys.redaction
        self._clean = CleanTexts()

    def prepare(self, delivery: Delivery, arrived: Arrived) -> Prepared:
        """Everything that can be done with a delivery without asking anybody."""
        sources = self._services.policy.current.sources
        redactor = Redactor(self._redaction, clean=self._clean)
        found = extract_delivery(delivery, sources=sources, redactor=redactor)
        inventory = self._services.policy.current.inventory
        findings = tuple([complete(finding, inventory) for finding in found.findings])
        arrival = Arrival(
            source=delivery.source_id,
            delivery_id=delivery.delivery_id,
            body_digest=delivery.body_digest,
            at=delivery.received,
            items=tuple([self._item(delivery, finding) for finding in findings]),
            quarantined=tuple(self._quarantined(delivery, found, redactor)) if found.quarantined else (),
            original=self._original(delivery, arrived),
            scope=self._scope(delivery, arrived, found),
            storm_limit=sources.by_name[delivery.source_id].storm_limit,
        )
        return Prepared(delivery, found, findings, arrival)

    def _item(self, delivery: Delivery, finding: Finding) -> Item:
        row = FindingRow(
            case_id=self._own_case(finding),
            finding_id=finding.uid,
            source=delivery.source_id,
            at=delivery.received,
            body=_encoded(finding),  # type: ignore[arg-type]
            delivery_id=delivery.delivery_id,
        )
        status = finding.status
        return Item(
            row,
            names=Names.of(finding),
            content=finding.fingerprints.content,
            status=PUT_AWAY if status is FindingStatus.ARCHIVED else asks(finding),
            kind=finding.kind,
            place=place_of(finding, case_id=row.case_id, at=row.at),
            count=finding.count,
            opens=status is FindingStatus.OPEN,
        )

    def _scope(self, delivery: Delivery, arrived: Arrived, found: Extraction) -> Scope | None:
        """What a full report covers; None for every other delivery."""
        full = self._services.policy.current.sources.by_name[delivery.source_id].full_report
        if full is None:
            return None
        headers = {SCOPE_HEADER: arrived.header(SCOPE_HEADER)}
        documents = list(self._documents(delivery))
        return scope_of(full, headers, documents, quarantined=len(found.quarantined), received=delivery.received)

    def _original(self, delivery: Delivery, arrived: Arrived) -> Original | None:
        """The body as it came, to be sealed with the keys of its cases."""
        if not self._services.settings.keep_originals:
            return None
        body, media = arrived.body, arrived.header("content-type")
        return Original(delivery.source_id, delivery.delivery_id, body, media, delivery.received)

    def _quarantined(self, delivery: Delivery, found: Extraction, redactor: Redactor) -> Iterator[Quarantined]:
        """What could not be mapped, redacted, for a person to look at."""
        documents = list(self._documents(delivery))
        for number, item in enumerate(found.quarantined):
            document = documents[item.index] if item.index < len(documents) else ""
            yield Quarantined(
                item_id=_item_id(delivery, number),
                source=delivery.source_id,
                at=delivery.received,
                code=item.reason.value,
                message=f"{item.message} ({item.place})" if item.place else item.message,
                body=redactor.document(document, limit=KEPT_BODY),
                delivery_id=delivery.delivery_id,
            )

    def _documents(self, delivery: Delivery) -> Iterator[Any]:
        envelopes = self._services.policy.current.sources.library.envelopes
        for outer in delivery.documents:
            yield from opened(outer, envelopes)

    def _own_case(self, finding: Finding) -> str:
        return case_id(finding.identity, self._case_key)


def asks(finding: Finding) -> Literal["open", "resolved"]:
    """What a finding asks of its case."""
    return "resolved" if finding.status is FindingStatus.RESOLVED else "open"


def _encoded(finding: Finding) -> Encoded:
    """The finding as ASCII; escapes are asked for only where they are needed, since that takes half as long again."""
    text = finding.model_dump_json()
    return Encoded(text if text.isascii() else finding.model_dump_json(ensure_ascii=True))


def _item_id(delivery: Delivery, number: int) -> str:
    parts = f"{delivery.source_id}\0{delivery.delivery_id}\0{delivery.body_digest}\0{number}"
    return "qrt-" + hashlib.sha256(parts.encode()).hexdigest()[:24]
