"""What cases, ledger and owners are told when a delivery has come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from stanch.contract import FindingReport
from stanch.errors import DependencyError
from stanch.findings import Finding, view_of
from stanch.intake.deliveries import Delivery
from stanch.intake.reports import absent
from stanch.intake.storms import storm_report
from stanch.records import Kept, Placed, link_entries
from stanch.web.preparing import Prepared, asks
from stanch.web.services import Services, now
from stanch.web.storing import LARGE, Store
from stanch.wire_intake import CaseReport


class Telling:
    """Words that go out with deliveries."""

    def __init__(self, services: Services, store: Store) -> None:
        self._services = services
        self._store = store

    def report(self, delivery: Delivery, finding: Finding, placed: Placed) -> CaseReport:
        """The word to a case of one of its findings, for the repeats too that were only counted."""
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

    async def seen(self, prepared: Prepared, kept: Kept) -> None:
        """What was seen while it was written down: lines for links, word of a storm."""
        if kept.links:
            with contextlib.suppress(DependencyError):  # the case pages show links without them
                await asyncio.to_thread(self._services.records.append, link_entries(kept.links))
        if kept.storm:
            name = prepared.delivery.source_id
            source = self._services.policy.current.sources.by_name[name]
            await self._store.put([storm_report(name, source, at=now(), key=self._services.keys.cases)])

    async def gone(self, prepared: Prepared, cases: Sequence[str]) -> None:
        """Word of absence from two full reports, to the cases that may still be there."""
        gone = await asyncio.to_thread(self._absent, prepared, cases) if cases else []
        for part in range(0, len(gone), LARGE):
            await self._store.put(gone[part : part + LARGE])

    def _absent(self, prepared: Prepared, cases: Sequence[str]) -> list[CaseReport]:
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
