"""Tries every link of a deployment: Temporal, records, policy, connectors; each failure comes with a fix."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities._membership import join_checks
from activities._world import SECTIONS, World
from stanch import contract
from stanch.catalog import Queue
from stanch.contract import SEARCH_ATTRIBUTES
from stanch.errors import StanchError
from stanch.guards.breaker import open_scopes
from stanch.intake.doctor import examine_sources
from stanch.keys import Keys
from stanch.policy_state import PolicyUse
from stanch.ports import Check
from stanch.records import Records
from stanch.secrets import resolve
from stanch.settings import Settings, file_of_settings
from stanch.temporal import connect, search_attributes
from stanch.views import TicketTarget


def examine(world: World) -> Iterator[Check]:
    """All checks, each given as soon as it is made; none of them changes anything."""
    yield _settings_file()
    yield from _temporal()
    yield from _records(world)
    yield from _halts(world)
    yield from _policy(world)
    yield from _sources(world)
    yield from join_checks(world)
    yield from _connectors(world)


def not_started(error: StanchError, settings: Settings) -> Iterator[Check]:
    """What can be said where records or policy keep everything else from starting, here and in those that run."""
    problems = getattr(error, "problems", ())
    detail = "; ".join(str(problem) for problem in problems[:5]) or error.message
    yield _settings_file()
    yield Check("start", ok=False, detail=detail, fix=error.hint or "`stanch validate`")
    yield from _running(settings)
    yield from _temporal()


def _settings_file() -> Check:
    """Which settings all of this is about: in another folder they are others, or none."""
    path = file_of_settings().absolute()
    if path.is_file():
        return Check("settings", ok=True, detail=f"{path}")
    return Check("settings", ok=True, detail=f"there is no {path}: defaults and STANCH_ variables only")


def _halts(world: World) -> Iterator[Check]:
    """What keeps changes from being made although every link is there."""
    try:
        view = world.records.guard_view()
    except StanchError:
        return  # said by the check of records
    for halt in view.halts:
        what = "changes and lifts are stopped" if halt.freeze else "new changes are stopped"
        why = f": {halt.reason}" if halt.reason else ""
        detail = f"{what} by {halt.by} since {halt.at:%Y-%m-%d %H:%M} UTC{why}"
        fix = f"`stanch resume {halt.scope}` when it is safe"
        yield Check(f"halt of {halt.scope}", ok=False, detail=detail, fix=fix)
    for scope in open_scopes(view.breakers, datetime.now(UTC)):
        fix = "see the timelines of its last cases; changes are tried again by themselves"
        yield Check(f"breaker of {scope}", ok=False, detail="too many changes failed: people are asked first", fix=fix)


def _running(settings: Settings) -> Iterator[Check]:
    """What the processes that run have in use meanwhile."""
    with contextlib.suppress(StanchError):
        records = Records(settings.url_of_records, Keys(settings).ledger)
        for use in records.policy_uses(datetime.now(UTC)):
            yield _in_use(use, ok=not use.problem)
        records.close()


def _in_use(use: PolicyUse, *, ok: bool) -> Check:
    detail = f"uses {use.digest[:12]}, loaded {use.loaded_at:%Y-%m-%d %H:%M:%S} UTC"
    detail += f"; newer edit not in use: {use.problem}" if use.problem else ""
    fix = "`stanch validate`" if use.problem else "give every process the same policy folder; edits take a second"
    return Check(f"policy of {use.process}", ok=ok, detail=detail, fix=fix)


def _temporal() -> Iterator[Check]:
    try:
        present, idle = asyncio.run(_look())
    except StanchError as error:
        yield Check("temporal", ok=False, detail=error.message, fix=error.hint)
        return
    except RPCError as error:
        detail = f"refuses to be asked ({error.status.name})"
        yield Check("temporal", ok=False, detail=detail, fix="check the namespace and what this account may do")
        return
    yield Check("temporal", ok=True, detail="answers")
    wrong = sorted(name for name, kind in SEARCH_ATTRIBUTES.items() if present.get(name) != kind)
    detail = f"missing or of another type: {', '.join(wrong)}" if wrong else "present, with the right types"
    yield Check("search attributes", ok=not wrong, detail=detail, fix="run `stanch bootstrap`")
    detail = f"nobody works on: {', '.join(idle)}" if idle else "each has a worker"
    yield Check("task queues", ok=not idle, detail=detail, fix="start `stanch worker` for these queues")


async def _look() -> tuple[dict[str, str], list[str]]:
    """Search attributes, and the queues without a worker."""
    client = await connect(tries=1)
    return await search_attributes(client), [queue.value for queue in Queue if not await _served(client, queue)]


async def _served(client: Client, queue: Queue) -> bool:
    kinds = [TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY]
    if queue is Queue.CORE:
        kinds.append(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    for kind in kinds:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=contract.queue(queue)), task_queue_type=kind
        )
        if not (await client.workflow_service.describe_task_queue(request)).pollers:
            return False
    return True


def _records(world: World) -> Iterator[Check]:
    try:
        world.records.ping()
    except StanchError as error:
        yield Check("records", ok=False, detail=error.message, fix=error.hint)
        return
    yield Check("records", ok=True, detail="can be read")
    found = world.records.verify()
    yield Check("ledger", ok=found.ok, detail=f"{found.entries} entries verified", fix="run `stanch audit verify`")


def _policy(world: World) -> Iterator[Check]:
    """The folder as it is now, and whether each process that runs has it in use."""
    world.policy.current  # noqa: B018 - looks for newer files
    state, problem = world.policy.state, world.policy.problem
    yield Check("policy", ok=not problem, detail=problem or f"loaded, {state.digest[:12]}", fix="`stanch validate`")
    for stranger in state.strangers:
        yield Check("policy: people", ok=False, detail=stranger, fix="let the playbook ask somebody else")
    try:
        uses = world.records.policy_uses(datetime.now(UTC))
    except StanchError:
        return  # said by the check of records
    for use in uses:
        yield _in_use(use, ok=use.digest == state.digest and not use.problem)


def _sources(world: World) -> Iterator[Check]:
    yield from examine_sources(world.policy.current.sources, resolve)


def _connectors(world: World) -> Iterator[Check]:
    for port in SECTIONS:
        for name in world.sections(port):
            yield from _connector(world, port, name)


def _examined(world: World, port: str, name: str, connector: Any) -> Sequence[Check]:
    examine: Callable[..., Sequence[Check]] | None = getattr(connector, "doctor", None)
    if examine is None:
        return [Check(name="settings", ok=True, detail="valid")]
    return examine(_targets(world, name)) if port == "tickets" else examine()


def _targets(world: World, name: str) -> list[TicketTarget]:
    """Where teams and rules send tickets in this tracker."""
    found = world.policy.current.routes.tickets
    return [target for target in found if target.system in (name, world.kind_of(name))]


def _connector(world: World, port: str, name: str) -> Iterator[Check]:
    try:
        connector = world.connector(port, name)
        found = _examined(world, port, name, connector)
    except StanchError as error:
        found = [Check(name="settings", ok=False, detail=error.message, fix=error.hint)]
    except Exception as error:  # one connector that fails in its own way leaves the others to be looked at
        detail = f"looking at it failed ({type(error).__name__})"
        found = [Check(name="doctor", ok=False, detail=detail, fix="report it; the others are looked at all the same")]
    for check in found:
        title = f"{name}: {check.name.removeprefix(f'{name}: ')}"
        yield Check(title, ok=check.ok, detail=check.detail, fix=check.fix)
