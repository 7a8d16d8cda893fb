"""Brings findings that were stored together to their cases: resumable, counted, a bad one never in the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities._world import World
from stanch.contract import FindingReport
from stanch.errors import DependencyError, Rejected
from stanch.findings import Finding, FindingStatus, view_of
from stanch.intake.packing import folded, unpacked
from stanch.records import Progress
from stanch.reporting import bring
from stanch.wire_intake import CaseReport, IntakeInput

CHUNK = 16
PARALLEL = 4
MAX_FAILED = 100
# What will not go better next time: the server has understood the request and refuses it.
_FINAL = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE, RPCStatusCode.FAILED_PRECONDITION)


def deliver(world: World, start: IntakeInput) -> None:
    """Bring every finding of the batch to its case, going on where an earlier attempt stopped."""
    reports = _reports(start)
    done, failed = _resumed()
    while done < len(reports):
        chunk = reports[done : done + CHUNK]
        failed += world.call(lambda client, chunk=chunk: _bring_all(client, chunk))  # type: ignore[misc]
        done += len(chunk)
        del failed[MAX_FAILED:]
        activity.heartbeat(done, failed)
        _note_progress(world, start, share=done / len(reports), failed=failed)


def _reports(start: IntakeInput) -> list[CaseReport]:
    try:
        return folded(unpacked(start.packed))
    except ValueError:
        raise Rejected("a batch of findings cannot be read", code="V016") from None


def _resumed() -> tuple[int, list[str]]:
    details = activity.info().heartbeat_details
    return (int(details[0]), list(details[1])) if len(details) == 2 else (0, [])


async def _bring_all(client: Client, chunk: Sequence[CaseReport]) -> list[str]:
    gate = asyncio.Semaphore(PARALLEL)

    async def one(item: CaseReport) -> str:
        async with gate:
            try:
                await bring(client, item.case_id, item.report)
            except RPCError as error:
                if error.status in _FINAL:
                    return f"{item.case_id}: {error.status.name.lower()}"
                raise
        return ""

    return [problem for problem in await asyncio.gather(*map(one, chunk)) if problem]


def _note_progress(world: World, start: IntakeInput, *, share: float, failed: Sequence[str]) -> None:
    """For whoever asks about the delivery; records that are down hold up nothing."""
    if not start.delivery_id:
        return
    done = round(start.count * share)
    progress = Progress(start.source, start.delivery_id, total=start.total, done=done, failed=tuple(failed))
    with contextlib.suppress(DependencyError):
        world.records.put_progress(progress, part=start.part, at=datetime.now(UTC))


def tell_held(world: World, start: IntakeInput) -> None:
    """Tell a case of the repeats that were only counted since it was last told."""
    count, row = world.records.held(start.held)
    if not count or row is None:
        return
    finding = Finding.model_validate(row.body)
    view = view_of(finding, world.policy.current.inventory).model_copy(update={"count": count})
    message = FindingReport(
        delivery_id=f"held/{activity.info().workflow_run_id}",
        source=row.source,
        finding=view,
        status="resolved" if finding.status is FindingStatus.RESOLVED else "open",
        assurance=finding.metadata.assurance.value,
        content=finding.fingerprints.content,
    )
    try:
        world.call(lambda client: bring(client, start.held, message))
    finally:
        activity.heartbeat()
    world.records.told(start.held, held=count, at=datetime.now(UTC))
