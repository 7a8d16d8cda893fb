"""POST /v1/findings/{source}: proof, parsing and redaction, then each finding to its case; 202 once all is stored."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from stanch.contract import REPORT, FindingReport
from stanch.errors import IntakeError
from stanch.findings import ApiFacts, Finding, FindingStatus, case_id, view_of
from stanch.intake.deliveries import Delivery, extract_delivery, open_delivery
from stanch.intake.deliveries import Request as Arrived
from stanch.intake.redaction import Redactor
from stanch.records import Conflict, FindingRow, Quarantined, Repeat
from stanch.secrets import resolve
from stanch.settings import Settings
from stanch.sources import Extraction
from stanch.sources.envelopes import opened
from stanch.web.problems import WebError
from stanch.web.services import Given, Services, now
from stanch.web.temporal import report, signal_case

PARALLEL = 8
AT_ONCE = 64
KEPT_BODY = 64 * 1024

router = APIRouter()


class Inventory:
    """What the settings know of hosts, as findings are completed from it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def facts(self, *, host: str, method: str, path: str, resource: str) -> ApiFacts | None:
        entry = self._settings.inventory_of(host)
        if entry is None:
            return None
        return ApiFacts(host=host, criticality=entry.criticality, business_owner=entry.business_owner)


@router.post("/v1/findings/{source}", status_code=202)
async def receive(source: str, request: Request, services: Given) -> Response:
    """Take a delivery: one finding, an array, NDJSON or a tool's report."""
    arrived = Arrived(
        body=await request.body(), headers=dict(request.headers), remote=request.client.host if request.client else ""
    )
    busy = request.app.state.deliveries
    if len(busy) >= AT_ONCE:
        raise WebError("too many deliveries at once", status=429, code="W008")
    token = object()
    busy.add(token)
    try:
        return JSONResponse(await _take(services, source, arrived), 202)
    finally:
        busy.discard(token)


async def _take(services: Services, source: str, arrived: Arrived) -> dict[str, Any]:
    sources = services.policy.current.sources
    delivery = await asyncio.to_thread(open_delivery, source, arrived, sources=sources, resolve=resolve, now=now())
    before = await asyncio.to_thread(
        services.records.remember_delivery,
        source,
        delivery.delivery_id,
        delivery.body_digest,
        at=delivery.received,
    )
    if isinstance(before, Conflict):
        hint = "use a new delivery id for a new body"
        raise IntakeError("this delivery id was used for another body", status=409, code="I030", hint=hint)
    if isinstance(before, Repeat) and before.finished:
        return _repeated(before.result)
    return await _store(services, delivery)


def _repeated(result: dict[str, Any]) -> dict[str, Any]:
    """The first answer again, telling that nothing new was opened."""
    listed = [item | {"status": "repeat"} if item["status"] == "accepted" else item for item in result["results"]]
    return result | {"results": listed}


async def _store(services: Services, delivery: Delivery) -> dict[str, Any]:
    redactor = Redactor(services.keys.redaction)
    sources = services.policy.current.sources
    found = await asyncio.to_thread(extract_delivery, delivery, sources=sources, redactor=redactor)
    held = await asyncio.to_thread(_quarantine, services, delivery, found, redactor)
    gate = asyncio.Semaphore(PARALLEL)

    async def one(finding: Finding) -> dict[str, Any]:
        async with gate:
            return await _deliver(services, delivery, finding)

    accepted = await asyncio.gather(*(one(finding) for finding in found.findings))
    placed = [*zip(found.indexes, accepted, strict=True), *held]
    results = [item for _, item in sorted(placed, key=lambda pair: pair[0])]
    result: dict[str, Any] = {"delivery_id": delivery.delivery_id, "results": results}
    result |= {"ignored": dict(found.ignored)} if found.ignored else {}
    await asyncio.to_thread(services.records.finish_delivery, delivery.source_id, delivery.delivery_id, result=result)
    return result


async def _deliver(services: Services, delivery: Delivery, finding: Finding) -> dict[str, Any]:
    """Records first, Temporal second: a repeat after a crash in between changes nothing."""
    case = case_id(finding.identity, services.keys.cases)
    row = FindingRow(
        case_id=case,
        finding_id=finding.uid,
        source=delivery.source_id,
        at=delivery.received,
        body=finding.model_dump(mode="json"),
        delivery_id=delivery.delivery_id,
    )
    answer = {"case_id": case, "finding_id": finding.uid}
    if finding.status is FindingStatus.ARCHIVED:
        return answer | {"status": "ignored"}
    await asyncio.to_thread(services.records.add_finding, row)
    message = FindingReport(
        delivery_id=f"{delivery.delivery_id}/{finding.uid}",
        source=delivery.source_id,
        finding=view_of(finding, Inventory(services.settings)),
        status="resolved" if finding.status is FindingStatus.RESOLVED else "open",
        assurance=delivery.assurance.value,
    )
    is_stored = await _send(services, case, message)
    return answer | {"status": "accepted" if is_stored else "ignored"}


async def _send(services: Services, case: str, message: FindingReport) -> bool:
    """Word of a fix goes to a case that is there; it opens none."""
    if message.status == "open":
        await report(services.client, case, message)
        return True
    try:
        await signal_case(services.client, case, REPORT, message)
    except WebError as error:
        if error.status == 409:
            return False
        raise
    return True


def _quarantine(
    services: Services, delivery: Delivery, found: Extraction, redactor: Redactor
) -> list[tuple[int, dict[str, Any]]]:
    """Keep what could not be mapped, redacted, for a person to look at."""
    if not found.quarantined:
        return []
    documents = list(_documents(services, delivery))
    results: list[tuple[int, dict[str, Any]]] = []
    for number, item in enumerate(found.quarantined):
        text = json.dumps(documents[item.index]) if item.index < len(documents) else ""
        held = Quarantined(
            item_id=_item_id(delivery, number),
            source=delivery.source_id,
            at=delivery.received,
            code=item.reason.value,
            message=f"{item.message} ({item.place})" if item.place else item.message,
            body=redactor.text(text[:KEPT_BODY]),
            delivery_id=delivery.delivery_id,
        )
        services.records.quarantine(held)
        answer = {"status": "quarantined", "item_id": held.item_id, "reason": held.code, "message": held.message}
        results.append((item.index, answer))
    return results


def _documents(services: Services, delivery: Delivery) -> Iterator[Any]:
    envelopes = services.policy.current.sources.library.envelopes
    for outer in delivery.documents:
        yield from opened(outer, envelopes)


def _item_id(delivery: Delivery, number: int) -> str:
    parts = f"{delivery.source_id}\0{delivery.delivery_id}\0{delivery.body_digest}\0{number}"
    return "qrt-" + hashlib.sha256(parts.encode()).hexdigest()[:24]
