"""What a case costs: history events per scenario, and the semi-automated case beside hand-written Temporal code.

Run `python -m bench.cases`. Both sides do the same effects as no-ops on the same server, in turns; ratios are of
medians.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from bench.by_hand import ByHand, effect
from stanch import contract
from stanch.contract import TicketChange
from stanch.temporal import register_search_attributes
from tests.workflows.scene import Case, World, serving
from tests.workflows.yard import runner

ROUNDS = 20
WARM = 2
HISTORIES = Path(__file__).resolve().parents[1] / "tests/replay/histories"


async def ours(world: World, number: int) -> int:
    """One case from finding to proof; gives its history events."""
    case = Case(world, f"bench-{number}")
    await case.report("d1")
    await case.until("approval")
    for person in ("user:maria", "user:ana"):
        await case.vote(person)
    await case.until("waiting")
    await case.report("clean", status="resolved")
    done = TicketChange(event_id="t1", key="PAY-1", state="done", by="tom.b")
    await case.handle.signal(contract.TICKET_CHANGED, done)
    await case.until("verifying")
    return await case.events()


async def by_hand(client: Client, number: int) -> int:
    """The same by hand."""
    handle = await client.start_workflow(ByHand.run, "", id=f"hand-{number}", task_queue="by-hand")
    for person in ("user:maria", "user:ana"):
        await handle.execute_update(ByHand.decide, person)
    for name in ("clean", "done"):
        await handle.signal(ByHand.fact, name)
    await handle.result()
    return len((await handle.fetch_history()).events)


async def timed(work: Callable[[int], Awaitable[int]], number: int) -> tuple[float, float, int]:
    """Milliseconds on the clock and of this process's CPU, and history events."""
    wall, cpu = time.perf_counter(), time.process_time()
    events = await work(number)
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000, events


async def compare(folder: Path) -> None:
    """Run both in turns and print medians."""
    binary = Path(sysconfig.get_path("scripts")) / "temporal"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(binary), data_converter=pydantic_data_converter
    ) as server:
        await register_search_attributes(server.client)
        hand = Worker(
            server.client, task_queue="by-hand", workflows=[ByHand], activities=[effect], workflow_runner=runner()
        )
        async with serving(World(server.client, folder)) as world, hand:
            results: dict[str, list[tuple[float, float, int]]] = {"stanch": [], "by hand": []}
            for number in range(WARM + ROUNDS):
                for name, one in (
                    ("stanch", await timed(lambda count: ours(world, count), number)),
                    ("by hand", await timed(lambda count: by_hand(server.client, count), number)),
                ):
                    results[name] += [one] if number >= WARM else []
    show(results)


def show(results: dict[str, list[tuple[float, float, int]]]) -> None:
    """Medians side by side, and their ratios."""
    print(f"\n{'one semi-automated case':24} {'wall ms':>9} {'CPU ms':>9} {'events':>8}   ({ROUNDS} each, in turns)")
    rows = {name: [statistics.median(column) for column in zip(*found, strict=True)] for name, found in results.items()}
    for name, row in rows.items():
        print(f"{name:24} {row[0]:9.1f} {row[1]:9.1f} {row[2]:8.0f}")
    ratios = [a / b for a, b in zip(rows["stanch"], rows["by hand"], strict=True)]
    print(f"{'ratio':24} {ratios[0]:9.2f} {ratios[1]:9.2f} {ratios[2]:8.2f}")


def count_events() -> None:
    """Events of the recorded scenarios, the largest kinds named."""
    print(f"{'recorded history':24} {'events':>8} {'activities':>11} {'tasks':>6} {'markers':>8} {'timers':>7}")
    for path in sorted(HISTORIES.glob("*.json")):
        kinds = Counter(event["eventType"] for event in json.loads(path.read_text(encoding="utf-8"))["events"])
        shown = [kinds[f"EVENT_TYPE_{name}"] for name in ("ACTIVITY_TASK_SCHEDULED", "WORKFLOW_TASK_COMPLETED")]
        shown += [kinds[f"EVENT_TYPE_{name}"] for name in ("MARKER_RECORDED", "TIMER_STARTED")]
        print(f"{path.stem:24} {kinds.total():8} {shown[0]:11} {shown[1]:6} {shown[2]:8} {shown[3]:7}")


if __name__ == "__main__":
    count_events()
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(compare(Path(place)))
