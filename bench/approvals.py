"""How long a click takes with many cases waiting, and what a waiting case costs; run `python -m bench.approvals`.

The click goes through the update, as that of every door does, on a dev server of its own (in memory); the world behind
the case is the one of the workflow tests, so that the first effect is the moment its activity is called.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sysconfig
import tempfile
import time
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from stanch.approvals import Settled
from stanch.temporal import register_search_attributes
from tests.workflows.scene import Case, World, serving

STEP = 0.002
AT_ONCE = 20


def memory(pid: str = "self") -> float:
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def server_memory() -> float:
    """Of the dev server that this process has started."""
    own = Path("/proc/self").resolve().name
    children = [
        stat.parent.name
        for stat in Path("/proc").glob("[0-9]*/stat")
        if stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1] == own
    ]
    return max((memory(child) for child in children), default=0.0)


async def waiting(world: World, name: str, count: int) -> list[Case]:
    """Cases that ask."""
    cases = [Case(world, f"{name}-{number}") for number in range(count)]
    for start in range(0, count, AT_ONCE):
        some = cases[start : start + AT_ONCE]
        await asyncio.gather(*(case.report("d1") for case in some))
        await asyncio.gather(*(case.until("approval", seconds=120) for case in some))
    return cases


async def click(world: World, case: Case) -> tuple[float, float, float]:
    """Seconds of the first person's click, of the one that settles, and from there to the first call."""
    view = await case.view()
    started = time.perf_counter()
    await case.vote("user:maria", at=view)
    first = time.perf_counter()
    answer = await case.vote("user:ana", at=view)
    settled = time.perf_counter()
    assert isinstance(answer.settled, Settled)
    while "block.scope" not in world.actions(case.id):  # noqa: ASYNC110 - the world has no event for it
        await asyncio.sleep(STEP)
    return first - started, settled - first, time.perf_counter() - first


def spread(values: list[float]) -> dict[str, float]:
    """p50, p95 and worst, in milliseconds."""
    ordered = sorted(value * 1000 for value in values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return {"p50": round(statistics.median(ordered), 1), "p95": round(p95, 1), "max": round(ordered[-1], 1)}


async def measure(count: int, clicks: int) -> dict[str, object]:
    scripts = Path(sysconfig.get_path("scripts"))
    with tempfile.TemporaryDirectory() as folder:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(scripts / "temporal"), data_converter=pydantic_data_converter
        ) as server:
            await register_search_attributes(server.client)
            world = World(server.client, Path(folder))
            async with serving(world):
                for case in await waiting(world, "warm", 2):
                    await click(world, case)
                before = memory(), server_memory()
                cases = await waiting(world, "many", count)
                after = memory(), server_memory()
                times = [await click(world, case) for case in cases[: min(clicks, count)]]
            evicted = memory()  # the workers are gone, and their caches with them
    votes = [each for first, second, _ in times for each in (first, second)]
    return {
        "cases": count,
        "click_ms": spread(votes),
        "to_first_call_ms": spread([third for _, _, third in times]),
        "worker_kb_per_waiting_case": round((after[0] - before[0]) * 1024 / count, 1),
        "server_kb_per_waiting_case": round((after[1] - before[1]) * 1024 / count, 1),
        "worker_mb": {"before": round(before[0]), "waiting": round(after[0]), "after_eviction": round(evicted)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--clicks", type=int, default=200)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.cases, given.clicks)), indent=2))


if __name__ == "__main__":
    main()
