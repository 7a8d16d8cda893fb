"""From an authenticated delivery to its answer: findings, records, Temporal, in this order; repeats change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stanch.batching import Batcher
from stanch.contract import CaseReport, FindingReport
from stanch.errors import DependencyError, IntakeError
from stanch.findings import Finding, FindingStatus, case_id, complete, view_of
from stanch.intake.deliveries import Delivery, extract_delivery
from stanch.intake.redaction import Redactor
from stanch.intake.reports import SCOPE_HEADER, Scope, absent, scope_of
from stanch.intake.requests import Request as Arrived
from stanch.intake.storms import storm_report
from stanch.records import Arrival, Conflict, FindingRow, Finish, Item, Names, New, Placed, Quarantined, Repeat, Taken
from stanch.records.arriving import PUT_AWAY
from stanch.records.links import link_entries, place_of
from stanch.records.schema import Encoded
from stanch.sealing import Original, SealedOriginal, seal_original
from stanch.sources import Extraction
from stanch.sources.envelopes import opened
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.storing import LARGE, Store

INLINE = 16 * 1024  # bytes; a smaller body is worked on at once, since handing it to a thread costs as much
KEPT_BODY = 64 * 1024
PATIENCE = 3.0  # seconds that records may take before intake goes on without them
TOGETHER = 256  # deliveries in one transaction
_LOG = logging.getLogger("stanch.intake")


@dataclass(frozen=True)
class Prepared:
    """A delivery with what came out of it. `findings` and the items of `arrival` go in pairs."""

    delivery: Delivery
    found: Extraction
    findings: tuple[Finding, ...]
    arrival: Arrival


class Reception:
    """Takes deliveries of one process; those that come at the same time share transactions and calls."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._case_key = services.keys.cases
        self._redaction = services.keys.redaction
        self._sealing = services.keys.sealing
        self._store = Store(services.client)
        self._taking: Batcher[Arrival, Taken] = Batcher(self._take, most=TOGETHER)
        self._finishing: Batcher[Finish, None] = Batcher(self._finish, most=TOGETHER)
        self.answered: Counter[tuple[str, str]] = Counter()  # findings by source and status, since this process began

    async def receive(self, delivery: Delivery, arrived: Arrived) -> dict[str, Any]:
        """The answer for a delivery, once everything in it is stored.

        Raises:
            IntakeError: I030, 409, its id was used for another body.
            WebError: D010, 503, nothing can be promised; sending it again is safe.
        """
        if len(arrived.body) <= INLINE:
            prepared = self._prepare(delivery, arrived)
        else:
            prepared = await asyncio.to_thread(self._prepare, delivery, arrived)
        taken = await self._taken(prepared)
        if isinstance(taken.before, Conflict):
            hint = "use a new delivery id for a new body"
            raise IntakeError("this delivery id was used for another body", status=409, code="I030", hint=hint)
        if isinstance(taken.before, Repeat) and taken.before.finished:
            return repeated(taken.before.result)
        return await self._stored(prepared, taken)

    def _prepare(self, delivery: Delivery, arrived: Arrived) -> Prepared:
        sources = self._services.policy.current.sources
        redactor = Redactor(self._redaction)
        found = extract_delivery(delivery, sources=sources, redactor=redactor)
        inventory = self._services.policy.current.inventory
        findings = tuple(complete(finding, inventory) for finding in found.findings)
        arrival = Arrival(
            source=delivery.source_id,
            delivery_id=delivery.delivery_id,
            body_digest=delivery.body_digest,
            at=delivery.received,
            items=tuple(self._item(delivery, finding) for finding in findings),
            quarantined=tuple(self._quarantined(delivery, found, redactor)),
            sealed=self._sealed(delivery, arrived),
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
            body=Encoded(finding.model_dump_json(ensure_ascii=True)),  # type: ignore[arg-type]
            delivery_id=delivery.delivery_id,
        )
        opens = finding.status is FindingStatus.OPEN
        status = PUT_AWAY if finding.status is FindingStatus.ARCHIVED else status_of(finding)
        return Item(
            row,
            names=Names.of(finding),
            content=finding.fingerprints.content,
            status=status,
            kind=finding.kind,
            place=place_of(finding, case_id=row.case_id, at=row.at),
            count=finding.count,
            opens=opens,
        )

    def _scope(self, delivery: Delivery, arrived: Arrived, found: Extraction) -> Scope | None:
        """What a full report covers; None for every other delivery."""
        full = self._services.policy.current.sources.by_name[delivery.source_id].full_report
        if full is None:
            return None
        headers = {SCOPE_HEADER: arrived.header(SCOPE_HEADER)}
        documents = list(self._documents(delivery))
        return scope_of(full, headers, documents, quarantined=len(found.quarantined), received=delivery.received)

    def _sealed(self, delivery: Delivery, arrived: Arrived) -> SealedOriginal | None:
        """The body as it came, readable only with the keys of its cases."""
        keep = self._services.settings.keep_originals
        body, media = arrived.body, arrived.header("content-type")
        original = Original(delivery.source_id, delivery.delivery_id, body, media, delivery.received)
        return seal_original(original, keep=keep) if keep else None

    def _quarantined(self, delivery: Delivery, found: Extraction, redactor: Redactor) -> Iterator[Quarantined]:
        """What could not be mapped, redacted, for a person to look at."""
        documents = list(self._documents(delivery)) if found.quarantined else []
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

    async def _taken(self, prepared: Prepared) -> Taken:
        """What records say. Without them intake goes on: the cases themselves know what they have been told."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._taking.submit(prepared.arrival)
        except (DependencyError, TimeoutError):
            if prepared.arrival.quarantined:  # kept nowhere else
                raise WebError("records cannot be reached", status=503, code="D010", hint="send it again") from None
            _LOG.warning("records cannot be used: a delivery is taken without them")
            return Taken(New(), tuple(Placed(item.row.case_id) for item in prepared.arrival.items))

    async def _take(self, arrivals: Sequence[Arrival]) -> list[Taken]:
        return await asyncio.to_thread(self._services.records.take, arrivals, keys=self._sealing)

    async def _finish(self, answers: Sequence[Finish]) -> list[None]:
        return await asyncio.to_thread(self._services.records.finish, answers)

    async def _stored(self, prepared: Prepared, taken: Taken) -> dict[str, Any]:
        due = {placed.case_id: placed.due for placed in taken.placed if placed.due is not None}
        try:
            await self._tell(prepared, taken)
            statuses = await self._put(prepared, taken)
        except WebError:
            with contextlib.suppress(DependencyError):
                await asyncio.to_thread(self._services.records.give_back, taken.placed)
            raise
        for case, when in due.items():
            await self._store.tell_later(case, when)
        result = self._result(prepared, taken, statuses)
        arrival = prepared.arrival
        finish = Finish(
            source=arrival.source,
            delivery_id=arrival.delivery_id,
            result=result,
            at=arrival.at,
            signalled=tuple(_signalled(arrival.items, taken.placed, statuses)),
            due=tuple(due.items()),
            storm=taken.storm,
        )
        await self._remember(finish)
        self.answered.update((arrival.source, str(item["status"])) for item in result["results"])
        return answer(result)

    async def _remember(self, finish: Finish) -> None:
        """Keep the answer; where that fails a repeat is worked on again, and its cases know it."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._finishing.submit(finish)
        except (DependencyError, TimeoutError):
            _LOG.warning("records cannot be used: an answer is not kept for repeats")

    async def _put(self, prepared: Prepared, taken: Taken) -> list[str]:
        """Hand what is to be signalled to Temporal; the status of each finding."""
        pairs = list(zip(prepared.findings, taken.placed, strict=True))
        reports = [self._report(prepared.delivery, finding, placed) for finding, placed in pairs if placed.signal]
        if len(reports) > LARGE:
            delivery = prepared.delivery
            await self._store.put_large(reports, source=delivery.source_id, delivery_id=delivery.delivery_id)
            stored = [True] * len(reports)
        else:
            stored = await self._store.put(reports) if reports else []
        came = iter(stored)
        return [_status(placed, came) for _, placed in pairs]

    def _report(self, delivery: Delivery, finding: Finding, placed: Placed) -> CaseReport:
        view = view_of(finding, self._services.policy.current.inventory)
        if placed.held:
            view = view.model_copy(update={"count": view.count + placed.held})
        report = FindingReport(
            delivery_id=f"{delivery.delivery_id}/{finding.uid}",
            source=delivery.source_id,
            finding=view,
            status=status_of(finding),
            assurance=delivery.assurance.value,
            content=finding.fingerprints.content,
        )
        return CaseReport(case_id=placed.case_id, report=report)

    async def _tell(self, prepared: Prepared, taken: Taken) -> None:
        """What follows from the delivery besides its findings: lines for links, word of a storm, and of absence."""
        if taken.links:
            with contextlib.suppress(DependencyError):  # the case pages show links without them
                await asyncio.to_thread(self._services.records.append, link_entries(taken.links))
        if taken.storm:
            name = prepared.delivery.source_id
            source = self._services.policy.current.sources.by_name[name]
            await self._store.put([storm_report(name, source, at=now(), key=self._case_key)])
        gone = await asyncio.to_thread(self._gone, prepared, taken.absent) if taken.absent else []
        for part in range(0, len(gone), LARGE):
            await self._store.put(gone[part : part + LARGE])

    def _gone(self, prepared: Prepared, cases: Sequence[str]) -> list[CaseReport]:
        """Word to cases that two full reports in a row do not show."""
        delivery, scope = prepared.delivery, prepared.arrival.scope
        found = [row for case in cases if (row := self._services.records.newest_finding(case)) is not None]
        inventory = self._services.policy.current.inventory
        return [
            CaseReport(
                case_id=row.case_id,
                report=absent(
                    row.case_id,
                    scope,
                    view_of(Finding.model_validate(row.body), inventory),
                    source=delivery.source_id,
                    delivery_id=delivery.delivery_id,
                    assurance=delivery.assurance,
                ),
            )
            for row in found
            if scope is not None
        ]

    def _result(self, prepared: Prepared, taken: Taken, statuses: Sequence[str]) -> dict[str, Any]:
        """The answer with the result of every finding, in the order of the delivery."""
        findings = zip(prepared.findings, prepared.found.indexes, taken.placed, statuses, strict=True)
        results = [
            *(_told(finding, index, placed, status) for finding, index, placed, status in findings),
            *_held(prepared.found, prepared.arrival.quarantined),
        ]
        listed = [item for _, item in sorted(results, key=lambda pair: pair[0])]
        result: dict[str, Any] = {"delivery_id": prepared.delivery.delivery_id, "results": listed}
        ignored = dict(prepared.found.ignored)
        return result | ({"ignored": ignored} if ignored else {})

    def _own_case(self, finding: Finding) -> str:
        return case_id(finding.identity, self._case_key)


def status_of(finding: Finding) -> Any:
    """What a finding asks of its case: `open` or `resolved`."""
    return "resolved" if finding.status is FindingStatus.RESOLVED else "open"


def answer(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the sender is told: every result, or for a large delivery that it is stored and where to look."""
    listed = result["results"]
    if len(listed) <= LARGE:
        return dict(result)
    short = {name: value for name, value in result.items() if name != "results"}
    refused = sum(item["status"] == "quarantined" for item in listed)
    return short | {"count": len(listed), "status": "batch"} | ({"quarantined": refused} if refused else {})


def repeated(result: Mapping[str, Any]) -> dict[str, Any]:
    """The first answer again, telling that nothing new was opened."""
    listed = [item | {"status": "repeat"} if item["status"] == "accepted" else item for item in result["results"]]
    return answer({**result, "results": listed})


def _status(placed: Placed, came: Iterator[bool]) -> str:
    """The word for one finding; `came` says of each that was signalled whether a case was there to hear it."""
    if placed.why:
        return "ignored"
    return ("accepted" if next(came) else "ignored") if placed.signal else "repeat"


def _told(finding: Finding, index: int, placed: Placed, status: str) -> tuple[int, dict[str, Any]]:
    result = {"case_id": placed.case_id, "finding_id": finding.uid, "status": status}
    return index, result | ({"reason": placed.why} if placed.why else {})


def _held(found: Extraction, rows: Sequence[Quarantined]) -> Iterator[tuple[int, dict[str, Any]]]:
    for item, row in zip(found.quarantined, rows, strict=True):
        yield item.index, {"status": "quarantined", "item_id": row.item_id, "reason": row.code, "message": row.message}


def _signalled(
    items: Sequence[Item], placed: Sequence[Placed], statuses: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    for item, place, status in zip(items, placed, statuses, strict=True):
        if place.signal and status == "accepted":
            yield place.case_id, item.content, item.status


def _item_id(delivery: Delivery, number: int) -> str:
    parts = f"{delivery.source_id}\0{delivery.delivery_id}\0{delivery.body_digest}\0{number}"
    return "qrt-" + hashlib.sha256(parts.encode()).hexdigest()[:24]
