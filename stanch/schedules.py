"""What Temporal starts by the clock: the sweep, notes to tickets, the nightly comparison, polls of trackers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.catalog import Queue
from stanch.durations import parse_duration
from stanch.errors import ConfigError
from stanch.temporal import schedule_sweep
from stanch.wire_tickets import ReconcileCall

NEWS_EVERY = timedelta(minutes=1)
SHORTEST_POLL = timedelta(seconds=10)
NIGHT = ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(2)], minute=[ScheduleRange(17)])])
POLL = "stanch-poll-"


async def schedule_all(client: Client, trackers: Mapping[str, Mapping[str, Any]]) -> None:
    """Have everything started by the clock that this deployment needs; safe to repeat after a change of settings."""
    await schedule_sweep(client)
    await _set(client, "stanch-ticket-news", contract.TICKET_NEWS_WORKFLOW, _every(NEWS_EVERY))
    await _set(client, "stanch-tickets-nightly", contract.TICKET_RECONCILE_WORKFLOW, NIGHT, ReconcileCall())
    wanted = polls(trackers)
    for name, every in wanted.items():
        await _set(client, POLL + name, contract.TICKET_POLL_WORKFLOW, _every(every), name)
    kept = {POLL + name for name in wanted}
    found = [entry.id async for entry in await client.list_schedules()]
    for schedule_id in {*found, *(POLL + name for name in trackers)} - kept:  # the list may lag behind
        if schedule_id.startswith(POLL):
            await _drop(client, schedule_id)


def polls(trackers: Mapping[str, Mapping[str, Any]]) -> dict[str, timedelta]:
    """How often each tracker is polled; trackers without `changes_every` call back.

    Raises:
        ConfigError: C010, no duration, or one that would keep the tracker busy.
    """
    found: dict[str, timedelta] = {}
    for name, section in trackers.items():
        text = str(section.get("changes_every", ""))
        try:
            every = parse_duration(text) if text else None
        except ValueError as error:
            raise ConfigError(f"{name}.changes_every: {error}", code="C010", hint="docs/tickets.md") from None
        if every is not None and every < SHORTEST_POLL:
            raise ConfigError(f"{name}.changes_every is below 10s", code="C010", hint="docs/tickets.md")
        found |= {name: every} if every is not None else {}
    return found


def _every(interval: timedelta) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)])


async def _set(client: Client, schedule_id: str, workflow: str, spec: ScheduleSpec, *args: Any) -> None:
    """Make the schedule, or give the one that is there this timetable. One run at a time; a late start is left out."""
    action = ScheduleActionStartWorkflow(workflow, args=args, id=schedule_id, task_queue=contract.queue(Queue.CORE))
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=5))
    schedule = Schedule(action=action, spec=spec, policy=policy)
    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:

        def changed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            now = found.description.schedule
            now.spec, now.action, now.policy = spec, action, policy
            return ScheduleUpdate(schedule=now)

        await client.get_schedule_handle(schedule_id).update(changed)


async def _drop(client: Client, schedule_id: str) -> None:
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
