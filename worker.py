"""Composition root: binds catalogue names to the connectors of `activities/` and starts Temporal workers."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from temporalio.client import Client
    from temporalio.worker import Interceptor, Worker

    from activities._run import Implementation
    from activities._world import World
    from stanch.ports import Check
    from stanch.web.services import Services
    from stanch.wire_tickets import ReconcileCall, Reconciled

ROOT = Path(__file__).parent
STICKY = timedelta(seconds=1)
GRACE = timedelta(seconds=25)
THREADS = 32
FAN_OUTS = 2  # batches of findings that one worker brings to their cases at a time
PASSED_THROUGH = ("stanch", "pydantic", "pydantic_core", "cel_expr_python")


def implementations() -> Mapping[str, Implementation]:
    """Every action's implementation, found in `activities/`.

    Raises:
        ConfigError: C033, an action of the catalogue has no implementation or two, or one is unknown.
    """
    import activities
    from stanch.catalog import catalog
    from stanch.errors import ConfigError

    found: dict[str, Implementation] = {}
    wrong: list[str] = []
    for info in pkgutil.iter_modules(activities.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"activities.{info.name}")
            declared: Mapping[str, Implementation] = getattr(module, "IMPLEMENTATIONS", {})
            wrong += [f"{name} twice" for name in declared if name in found]
            found.update(declared)
    wrong += [f"{name} missing" for name in catalog() if name not in found]
    wrong += [f"{name} not in the catalogue" for name in found if name not in catalog()]
    if wrong:
        raise ConfigError(f"actions and implementations differ: {', '.join(sorted(wrong))}", code="C033")
    return found


def activities_of(world: World, queue: str) -> list[Callable[..., Any]]:
    """What a worker of one queue carries out: exactly the actions of that queue and what belongs to it."""
    from activities._guard import check_action
    from activities._run import bind
    from activities._system import own_activities
    from stanch.catalog import Queue, catalog

    found, specs = implementations(), [spec for spec in catalog().values() if spec.queue == queue]
    actions = [bind(world, spec.name, found[spec.name], check_action) for spec in specs]
    return actions + own_activities(world, Queue(queue))


def make_world() -> World:
    """Settings, keys, records, policy and connectors of this process."""
    from activities._world import World
    from stanch.keys import Keys
    from stanch.policy import PolicyStore
    from stanch.records import Records
    from stanch.settings import load_settings

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = Keys(settings)
    records = Records(settings.url_of_records, keys.ledger)
    return World(settings=settings, records=records, policy=PolicyStore(settings), keys=keys)


def watch_policy(world: World, role: str) -> None:
    """Look for edits from now on, and tell the other processes of this deployment which policy this one uses."""
    from datetime import UTC, datetime

    from stanch.policy_state import PolicyState, PolicyUse, process_name

    process = process_name(role)

    def exchange(state: PolicyState) -> Sequence[PolicyUse]:
        use = PolicyUse(process, state.digest, state.problem, state.loaded_at, datetime.now(UTC))
        return world.records.say_policy(use)

    world.policy.watch(exchange)


def web_services(client: Client, *, login_token: str) -> Services:
    """What the web service of this process works with."""
    from activities._connectors import Connectors
    from stanch.web.services import Services

    watch_policy(world := make_world(), "web")
    return Services(
        settings=world.settings,
        records=world.records,
        policy=world.policy,
        keys=world.keys,
        client=client,
        registry=Connectors(world),
        trackers=tuple(world.sections("tickets")),
        login_token=login_token,
    )


def checks() -> Iterator[Check]:
    """Every link of this deployment, tried now, each told as soon as it is known."""
    from activities._doctor import examine, not_started
    from stanch.errors import StanchError
    from stanch.settings import load_settings

    settings = load_settings()  # without settings there is nothing to look at
    try:
        world = make_world()
    except StanchError as error:
        yield from not_started(error, settings)
        return
    yield from examine(world)


def reap(*, at: str, dry_run: bool, actor: str) -> dict[str, Any]:
    """Lift what is past its end at one point, or at all, without Temporal; what was found and done."""
    from activities._reaping import reap_now

    return reap_now(at=at, dry_run=dry_run, actor=actor)


def reconcile_tickets(call: ReconcileCall, *, shown: Callable[[Reconciled], None]) -> None:
    """Compare cases and tickets now, from this process; each page is shown when it is there."""
    from activities._ticket import reconcile as comparing

    comparing.reconcile_all(make_world(), call, shown=shown)


def make_worker(
    client: Client, world: World, queue: str, threads: ThreadPoolExecutor, *, interceptors: Sequence[Interceptor] = ()
) -> Worker:
    """A worker of one queue."""
    from temporalio.worker import Worker
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

    from stanch import contract
    from stanch.catalog import Queue
    from workflows import WORKFLOWS

    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return Worker(
        client,
        task_queue=contract.queue(queue),
        workflows=list(WORKFLOWS) if queue == Queue.CORE else [],
        activities=activities_of(world, queue),
        activity_executor=threads,
        interceptors=interceptors,
        max_concurrent_activities=FAN_OUTS if queue == Queue.INTAKE else THREADS,
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
        max_cached_workflows=1000,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=timedelta(seconds=1),
        default_heartbeat_throttle_interval=timedelta(seconds=1),
    )


async def serve(queues: Sequence[str], *, interceptors: Sequence[Interceptor] = ()) -> None:
    """Run workers for these queues until SIGTERM or SIGINT, then drain."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from activities import _spool
    from stanch.errors import DependencyError
    from stanch.kept_code import keep_code
    from stanch.temporal import connect

    watch_policy(world := make_world(), "worker")
    keep_code("workflows")
    world.loop, world.client = asyncio.get_running_loop(), await connect()
    with contextlib.suppress(DependencyError):  # what an earlier process could not write; later lifts try again
        await asyncio.to_thread(_spool.merge, world)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        world.loop.add_signal_handler(name, stop.set)
    threads = ThreadPoolExecutor(THREADS * len(queues), thread_name_prefix="activity")
    workers = [make_worker(world.client, world, queue, threads, interceptors=interceptors) for queue in queues]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    print(f"worker ready: {', '.join(queues)}", flush=True)  # noqa: T201 - supervisors wait for this line
    await asyncio.wait([asyncio.create_task(stop.wait()), *running], return_when=asyncio.FIRST_COMPLETED)
    for worker in workers:
        await worker.shutdown()
    await asyncio.gather(*running)
    world.records.close()


def cli() -> None:
    """The command `stanch`."""
    from stanch.cli.app import main

    main(registry=sys.modules[__name__])


def main(arguments: Sequence[str]) -> int:
    """`python worker.py [--queues core,tickets,...] [--verify]`."""
    import argparse
    import asyncio

    from stanch.catalog import Queue
    from stanch.cli.app import explain
    from stanch.errors import StanchError

    parser = argparse.ArgumentParser(description="Run Temporal workers for Stanch.")
    every = ",".join(queue.value for queue in Queue)
    parser.add_argument("--queues", default=os.environ.get("STANCH_QUEUES", every), help=f"of {every}")
    parser.add_argument("--verify", action="store_true", help="only check that every action has one implementation")
    given = parser.parse_args(arguments)
    queues = list(dict.fromkeys(name.strip() for name in given.queues.split(",")))
    if unknown := [name for name in queues if name not in every.split(",")]:
        parser.error(f"there is no queue {', '.join(map(repr, unknown))}; there are {every.replace(',', ', ')}")
    try:
        implementations()
        if not given.verify:
            asyncio.run(serve(queues))
    except StanchError as error:
        return explain(error)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a process that exits while a client is open can abort in its native library
