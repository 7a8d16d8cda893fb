"""Makes findings durable in Temporal: each by a call of its own at rest, together in one call when they come faster."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from stanch import contract
from stanch.batching import Batcher
from stanch.catalog import Queue
from stanch.intake.packing import folded, packed, parts
from stanch.reporting import CALL, bring
from stanch.web.services import now
from stanch.web.temporal import reaching
from stanch.wire_intake import CaseReport, IntakeInput

DIRECT = 4  # calls at a time; with more, one call for many is faster than many calls
LARGE = 20  # findings in one delivery; more are fanned out by a workflow
MOST = 500
HEAVIEST = 1_000_000  # characters of JSON in one call
LINGER = 0.04  # seconds; under load a call costs the server what hundreds of findings in it cost


class Store:
    """The way of findings into Temporal; what it has returned from is stored."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._direct = 0
        self._together: Batcher[Sequence[CaseReport], None] = Batcher(
            self._commit, most=MOST, weight=_weight, heaviest=HEAVIEST, linger=LINGER
        )

    async def put(self, reports: Sequence[CaseReport]) -> list[bool]:
        """Store the findings of one delivery; false for word of a fix that no living case waits for.

        Raises:
            WebError: D010, 503, Temporal did not take them; sending them again is safe.
        """
        if any(item.report.status != "open" for item in reports):
            return await self._each(reports)
        if not self._together.busy and (not self._direct or self._direct + len(reports) <= DIRECT):
            return await self._each(reports)
        await self._together.enqueue(reports)
        return [True] * len(reports)

    async def _each(self, reports: Sequence[CaseReport]) -> list[bool]:
        self._direct += len(reports)
        try:
            gate = asyncio.Semaphore(DIRECT)
            return list(await asyncio.gather(*(self._one(item, gate) for item in reports)))
        finally:
            self._direct -= len(reports)

    async def _one(self, item: CaseReport, gate: asyncio.Semaphore) -> bool:
        async with gate, reaching():
            return await bring(self._client, item.case_id, item.report)

    async def _commit(self, batches: Sequence[Sequence[CaseReport]]) -> list[None]:
        together = folded(item for batch in batches for item in batch)
        text = await asyncio.to_thread(packed, together)
        await self._start(f"intake-{uuid4().hex}", IntakeInput(packed=text, count=len(together)))
        return [None] * len(batches)

    async def put_large(self, reports: Sequence[CaseReport], *, source: str, delivery_id: str) -> None:
        """Store a large delivery: one call, or a few where it is larger than a call may be; repeating it is safe.

        Raises:
            WebError: D010, 503, as above.
        """
        made = await asyncio.to_thread(lambda: list(parts(reports)))
        for part, (text, count) in enumerate(made):
            start = IntakeInput(
                packed=text, count=count, source=source, delivery_id=delivery_id, part=part, total=len(reports)
            )
            name = hashlib.sha256(text.encode()).hexdigest()[:40]  # the same findings again are the same workflow
            await self._start(f"intake-{name}", start)

    async def tell_later(self, case_id: str, due: datetime) -> None:
        """Have a case told of repeats that are only counted, when their window ends."""
        delay = max(due - now(), timedelta(seconds=1))
        await self._start(f"held-{case_id}", IntakeInput(held=case_id), delay=delay)

    async def _start(self, workflow_id: str, start: IntakeInput, *, delay: timedelta | None = None) -> None:
        once = WorkflowIDReusePolicy.ALLOW_DUPLICATE if delay else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
        async with reaching():
            try:
                await self._client.start_workflow(
                    contract.INTAKE_WORKFLOW,
                    start,
                    id=workflow_id,
                    task_queue=contract.queue(Queue.CORE),
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=once,
                    start_delay=delay,
                    rpc_timeout=CALL,
                )
            except WorkflowAlreadyStartedError:
                return  # stored, and even carried out, by an earlier attempt


def _weight(reports: Sequence[CaseReport]) -> int:
    return sum(2048 + len(item.report.finding.description) for item in reports)
