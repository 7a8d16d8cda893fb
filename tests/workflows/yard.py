"""An enforcement point that does what a test wants, and the Temporal around its writer."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
from stanch import contract
from stanch.leases import EVICTED, BlockSpec, Lease, LeaseOutcome, LeaseSpec, LeaseState, is_item, target_of
from stanch.wire_points import Announce, EnforcementInput, Reconcile, ReconcileReply, Release
from workflows import WORKFLOWS

UNDER_WAY = ("WORKFLOW_EXECUTION", "WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "ACTIVITY_TASK")
PASSED = SandboxRestrictions.default.with_passthrough_modules(*worker.PASSED_THROUGH)


def runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=PASSED)


@dataclass
class Point:
    """What stands at the point, what it was asked, and how it misbehaves.

    Args:
        poison: targets that make the whole attempt fail. refused: targets it turns away. denied: leases it turns away.
        makes_room: targets that go when something is added.
        clinging: targets it does not let go. down: every attempt fails. busy: so many attempts are put off.
        mute: what it does is done, and its answer is lost. silent: cases cannot be told.
    """

    name: str
    stands: dict[str, datetime] = field(default_factory=dict)
    calls: list[Reconcile] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    told: list[LeaseOutcome] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    clinging: set[str] = field(default_factory=set)
    makes_room: set[str] = field(default_factory=set)
    down: bool = False
    busy: int = 0
    mute: bool = False
    silent: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.stands.items())).encode()).hexdigest() if self.stands else ""

    @property
    def writes(self) -> list[Reconcile]:
        """Attempts that added something."""
        return [call for call in self.calls if call.adds]

    def states(self, lease: Lease) -> list[LeaseState]:
        return [outcome.state for outcome in self.told if outcome.lease_id == lease.lease_id]

    async def reconcile(self, call: Reconcile) -> ReconcileReply:
        self.calls.append(call)
        self.times.append(activity.info().scheduled_time)
        await self.gate.wait()
        if self.busy > 0:
            self.busy -= 1
            raise ApplicationError("one update a second", type="RETRY_SAFE")
        if self.down or self.poison & {lease.target for lease in call.adds}:
            raise ApplicationError("no answer", type="UNCERTAIN")
        if call.wanted is None and call.expected != self.digest:
            return ReconcileReply(mismatch=True)
        results = self._apply(call)
        if self.mute:
            raise ApplicationError("no answer", type="UNCERTAIN")
        done = {target for target, ok, _, _ in results if ok}
        targets = {lease.lease_id: lease.target for lease in (*call.adds, *call.holders, *(call.wanted or ()))}
        about = {item.lease_id: targets.get(item.lease_id, item.target) for item in call.outcomes}
        self.told += [item for item in call.outcomes if "shared" in item.proof or about[item.lease_id] in {*done, ""}]
        return ReconcileReply(digest=self.digest, results=tuple(results))

    def _apply(self, call: Reconcile) -> list[tuple[str, bool, str, str]]:
        asked = {lease.lease_id for lease in call.adds}
        others = {lease.target: lease.expires_at for lease in call.wanted or () if lease.lease_id not in asked}
        self.stands |= others  # what else stands stays
        results: list[tuple[str, bool, str, str]] = []
        for target in call.removes:
            if target not in self.clinging:
                self.stands.pop(target, None)
            results.append((target, target not in self.clinging, "", ""))
        for target in self.makes_room & self.stands.keys() if call.adds else ():
            del self.stands[target]
            results.append((target, False, EVICTED, "it made room"))
        for lease in call.adds:
            ok = lease.target not in self.refused and lease.lease_id not in self.denied
            if ok:
                self.stands[lease.target] = lease.expires_at
            elif call.wanted is not None and lease.target not in others:
                self.stands.pop(lease.target, None)
            results.append((lease.target, ok, "" if ok else "G001", "" if ok else "not allowed"))
        return results

    async def announce(self, call: Announce) -> None:
        if self.silent:
            raise ApplicationError("cannot be told", type="UNCERTAIN")
        self.told += call.outcomes


class Yard:
    """A client, the workers of points, and points by name."""

    def __init__(self, client: Client, *, cached: int = 1000) -> None:
        """`cached` workflows stay in the worker's memory; with 0 each task replays the whole history."""
        self.client = client
        self._cached = cached
        self.points: dict[str, Point] = {}
        self._numbers: Counter[str] = Counter()
        self._workers: list[Worker] = []
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        @activity.defn(name=contract.RECONCILE)
        async def reconcile(call: Reconcile) -> ReconcileReply:
            return await self.points[call.point].reconcile(call)

        @activity.defn(name=contract.ANNOUNCE)
        async def announce(call: Announce) -> None:
            await self.points[call.point].announce(call)

        core = Worker(
            self.client,
            task_queue=contract.queue("core"),
            workflows=list(WORKFLOWS),
            workflow_runner=runner(),
            max_cached_workflows=self._cached,
        )
        contain = Worker(self.client, task_queue=contract.queue("contain"), activities=[reconcile, announce])
        self._workers = [core, contain]
        self._running = [asyncio.create_task(each.run()) for each in self._workers]

    async def stop(self) -> None:
        for each in self._workers:
            await each.shutdown()
        await asyncio.gather(*self._running)

    def point(self, name: str) -> Point:
        self.points[name] = Point(name)
        return self.points[name]

    def lease(
        self, point: Point, path: str, *, case: str, now: datetime, hours: float = 1.0, spec: LeaseSpec | None = None
    ) -> Lease:
        self._numbers[point.name] += 1
        spec = spec or BlockSpec(host="api.example.com", path=path, methods=("GET",))
        return Lease(
            lease_id=f"{point.name}-{self._numbers[point.name]:03d}",
            case_id=case,
            episode="e1",
            step="block",
            point=point.name,
            target=target_of(spec),
            spec=spec,
            expires_at=(now + timedelta(hours=hours)).replace(microsecond=0),
        )

    async def hold(self, *leases: Lease) -> WorkflowHandle[Any, Any]:
        for lease in leases:
            handle = await self._signal(lease, contract.HOLD, lease)
        return handle

    async def release(self, *leases: Lease) -> None:
        for lease in leases:
            await self._signal(lease, contract.RELEASE, Release(lease=lease))

    async def _signal(self, lease: Lease, signal: str, message: Any) -> WorkflowHandle[Any, Any]:
        point, shard = lease.point, lease.target if is_item(lease.spec) else ""
        return await self.client.start_workflow(
            contract.ENFORCEMENT_WORKFLOW,
            EnforcementInput(point=point, shard=shard),
            id=contract.enforcement_id(point, shard),
            task_queue=contract.queue("core"),
            start_signal=signal,
            start_signal_args=[message],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )


async def until(condition: Callable[[], bool], *, seconds: float = 40.0) -> None:
    """Poll until something is so; the assertion after it says what was not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is polled are plain values
            await asyncio.sleep(0.01)


async def at_rest(handle: WorkflowHandle[Any, Any], *, seconds: float = 40.0) -> None:
    """Until nothing of it is under way: ended in the middle of a task, it keeps the test server from skipping time."""
    async with asyncio.timeout(seconds):
        while True:
            *_, last = [EventType.Name(event.event_type) async for event in handle.fetch_history_events()]
            if not last.removeprefix("EVENT_TYPE_").startswith(UNDER_WAY):
                return
            await asyncio.sleep(0.01)


def targets(leases: Sequence[Lease]) -> set[str]:
    return {lease.target for lease in leases}
