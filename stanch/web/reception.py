"""From an authenticated delivery to its answer: findings, records, Temporal, in this order; repeats change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stanch.batching import Batcher
from stanch.contract import FindingReport
from stanch.errors import DependencyError, IntakeError
from stanch.findings import Finding, view_of
from stanch.intake.deliveries import Delivery
from stanch.intake.reports import absent
from stanch.intake.requests import Request as Arrived
from stanch.intake.storms import storm_report
from stanch.records import Arrival, Conflict, Finish, New, Placed, Repeat, Taken, link_entries
from stanch.web.answering import answer, repeated, result_of, signalled, status_word
from stanch.web.preparing import Preparation, Prepared, asks
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.storing import LARGE, Store
from stanch.wire_intake import CaseReport

INLINE = 16 * 1024  # bytes; a smaller body is worked on at once, since handing it to a thread costs as much
IN_A_ROW = 32  # small bodies worked on before anything else gets its turn
PATIENCE = 3.0  # seconds that records may take before intake goes on without them
A_FINDING = 0.004  # seconds more for each finding of a delivery: thousands take their time and are not a failure
TOGETHER = 256  # deliveries in one transaction
_LOG = logging.getLogger("stanch.intake")


class Reception:
    """Takes deliveries of one process; those that come at the same time share transactions and calls."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._preparation = Preparation(services)
        self._sealing = services.keys.sealing
        self._store = Store(services.client)
        self._preparing: Batcher[tuple[Delivery, Arrived], Prepared] = Batcher(self._prepare, most=IN_A_ROW)
        self._taking: Batcher[Arrival, Taken] = Batcher(self._take, most=TOGETHER)
        self._following: Batcher[Taken, tuple[str, ...]] = Batcher(self._follow, most=TOGETHER)
        self._finishing: Batcher[Finish, None] = Batcher(self._finish, most=TOGETHER)
        self.answered: Counter[tuple[str, str]] = Counter()  # findings by source and status, since this process began

    async def receive(self, delivery: Delivery, arrived: Arrived) -> dict[str, Any]:
        """The answer for a delivery, once everything in it is stored.

        Raises:
            IntakeError: I030, 409, its id was used for another body.
            WebError: D010, 503, nothing can be promised; sending it again is safe.
        """
        if len(arrived.body) <= INLINE:
            prepared = await self._preparing.submit((delivery, arrived))
        else:
            prepared = await asyncio.to_thread(self._preparation.prepare, delivery, arrived)
        taken = await self._taken(prepared)
        if isinstance(taken.before, Conflict):
            hint = "use a new delivery id for a new body"
            raise IntakeError("this delivery id was used for another body", status=409, code="I030", hint=hint)
        if isinstance(taken.before, Repeat) and taken.before.finished:
            return repeated(taken.before.result)
        return await self._stored(prepared, taken)

    async def _prepare(self, given: Sequence[tuple[Delivery, Arrived]]) -> list[Prepared]:
        """Small bodies, one after the other; an odd one takes no other along (`Batcher`)."""
        return [self._preparation.prepare(delivery, arrived) for delivery, arrived in given]

    async def _taken(self, prepared: Prepared) -> Taken:
        """What records say. Without them intake goes on: the cases themselves know what they have been told."""
        try:
            async with asyncio.timeout(_patience(prepared.arrival)):
                return await self._taking.submit(prepared.arrival)
        except (DependencyError, TimeoutError):
            if prepared.arrival.quarantined:  # kept nowhere else
                raise WebError("records cannot be reached", status=503, code="D010", hint="send it again") from None
            _LOG.warning("records cannot be used: a delivery is taken without them")
            return Taken(New(), tuple(Placed(item.row.case_id) for item in prepared.arrival.items))

    async def _take(self, arrivals: Sequence[Arrival]) -> list[Taken]:
        return await asyncio.to_thread(self._services.records.take, arrivals)

    async def _follow(self, taken: Sequence[Taken]) -> list[tuple[str, ...]]:
        keep = self._services.settings.keep_originals
        return await asyncio.to_thread(self._services.records.follow, taken, keys=self._sealing, keep=keep)

    async def _followed(self, taken: Taken) -> tuple[str, ...]:
        """Keep the body while Temporal stores the findings; evidence that cannot be kept holds up nothing."""
        if taken.arrival is None:
            return ()
        try:
            async with asyncio.timeout(_patience(taken.arrival)):
                return await self._following.submit(taken)
        except (DependencyError, TimeoutError):
            _LOG.warning("records cannot be used: the body of a delivery is not kept")
            return ()

    async def _finish(self, answers: Sequence[Finish]) -> list[None]:
        return await asyncio.to_thread(self._services.records.finish, answers)

    async def _stored(self, prepared: Prepared, taken: Taken) -> dict[str, Any]:
        due = {placed.case_id: placed.due for placed in taken.placed if placed.due is not None}
        keeping = asyncio.create_task(self._followed(taken))
        try:
            await self._tell(prepared, taken)
            statuses = await self._put(prepared, taken)
            await self._tell_gone(prepared, await keeping)
        except WebError:
            with contextlib.suppress(DependencyError):
                await asyncio.to_thread(self._services.records.give_back, taken.placed)
            raise
        for case, when in due.items():
            await self._store.tell_later(case, when)
        result = result_of(prepared, taken, statuses)
        arrival = prepared.arrival
        finish = Finish(
            source=arrival.source,
            delivery_id=arrival.delivery_id,
            result=result,
            at=arrival.at,
            signalled=tuple(signalled(arrival.items, taken.placed, statuses)),
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
        return [status_word(placed, came) for _, placed in pairs]

    def _report(self, delivery: Delivery, finding: Finding, placed: Placed) -> CaseReport:
        view = view_of(finding, self._services.policy.current.inventory)
        if placed.held:
            view = view.model_copy(update={"count": view.count + placed.held})
        report = FindingReport(
            delivery_id=f"{delivery.delivery_id}/{finding.uid}",
            source=delivery.source_id,
            finding=view,
            status=asks(finding),
            assurance=delivery.assurance.value,
            content=finding.fingerprints.content,
        )
        return CaseReport(case_id=placed.case_id, report=report)

    async def _tell(self, prepared: Prepared, taken: Taken) -> None:
        """What comes before the findings: lines for links, word of a storm."""
        if taken.links:
            with contextlib.suppress(DependencyError):  # the case pages show links without them
                await asyncio.to_thread(self._services.records.append, link_entries(taken.links))
        if taken.storm:
            name = prepared.delivery.source_id
            source = self._services.policy.current.sources.by_name[name]
            await self._store.put([storm_report(name, source, at=now(), key=self._services.keys.cases)])

    async def _tell_gone(self, prepared: Prepared, cases: Sequence[str]) -> None:
        """Word of absence from two full reports, to the cases that may still be there."""
        gone = await asyncio.to_thread(self._gone, prepared, cases) if cases else []
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


def _patience(arrival: Arrival) -> float:
    return PATIENCE + A_FINDING * len(arrival.items)
