"""How long a click takes with many cases waiting, and what a waiting case costs; run `python -m bench.approvals`.

A click goes the way of every door: the directory is asked, then the case by its update, on a dev server of its own. The
world behind the case is the one of the workflow tests, so that the first effect is the moment its activity is called.
With `--cached` below `--cases` the worker evicts: its memory must then stop growing, and the clicks on what was evicted
pay for a replay.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from stanch.approvals import ApprovalRequest
from stanch.ports import TicketPort
from stanch.temporal import register_search_attributes
from stanch.web.decisions import Ballot, Fate, cast
from stanch.web.services import Services
from tests.workflows.scene import Case, World, serving

STEP = 0.002
AT_ONCE = 4
PARTS = 4
PATIENCE = 300.0
CACHED = 1000  # as the worker has it


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
        async with asyncio.timeout(PATIENCE):
            while {case.id for case in some} - {call.request.case_id for call in world.shown}:  # noqa: ASYNC110
                await asyncio.sleep(STEP * 10)
    return cases


def spread(values: list[float]) -> dict[str, float]:
    """p50, p95 and worst, in milliseconds."""
    ordered = sorted(value * 1000 for value in values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return {"p50": round(statistics.median(ordered), 1), "p95": round(p95, 1), "max": round(ordered[-1], 1)}


class NoConnectors:
    """A deployment without trackers and chat."""

    def tickets(self, name: str) -> TicketPort:
        raise LookupError(name)

    def chat(self) -> None:
        return None


def door(world: World) -> Services:
    """What people come in by."""
    return Services(
        settings=world._settings,
        records=world.records,
        policy=world._policy,
        keys=world._keys,
        client=world.client,
        registry=NoConnectors(),
    )


async def click(
    services: Services, case: Case, request: ApprovalRequest, fates: Counter[str]
) -> tuple[float, float, float]:
    """Seconds of the first person's click, of the one that settles, and from there to the first call."""
    world, took = case.world, list[float]()
    for person in ("user:maria", "user:ana"):
        ballot = Ballot(
            case_id=case.id,
            approval_id=request.approval_id,
            digest=request.digest,
            verdict="approve",
            via="api",
            click=person,
        )
        started = time.perf_counter()
        answer = await cast(services, ballot, principal=person)
        took.append(time.perf_counter() - started)
        assert answer.fate in (Fate.COUNTED, Fate.RECORDED), answer
        fates[answer.fate.value] += 1
    settled = time.perf_counter()
    while "block.scope" not in world.actions(case.id):  # noqa: ASYNC110 - the world has no event for it
        await asyncio.sleep(STEP)
    return took[0], took[1], time.perf_counter() - settled


Asked = dict[Case, ApprovalRequest]


async def clicks_on(services: Services, asked: Asked, fates: Counter[str]) -> list[tuple[float, float, float]]:
    return [await click(services, case, request, fates) for case, request in asked.items()]


def taken(world: World, cases: Sequence[Case], count: int) -> Asked:
    """What some of the cases ask; the world forgets all else, which no worker would have in its memory."""
    asked = {call.request.case_id: call.request for call in world.shown}
    for heap in (world.calls, world.shown, world.closed, world.lines, world.summaries):
        heap.clear()
    return {case: asked[case.id] for case in spread_out(cases, count)}


def spread_out(cases: Sequence[Case], count: int) -> Sequence[Case]:
    """Some of the cases, old and new alike."""
    return cases[:: max(1, len(cases) // max(1, count))][:count]


def per_case(before: dict[str, float], after: dict[str, float], what: str) -> float:
    """KB per case between two looks."""
    return round((after[what] - before[what]) * 1024 / (after["cases"] - before["cases"]), 1)


def looked(cases: int) -> dict[str, float]:
    gc.collect()
    return {"cases": cases, "worker_mb": round(memory(), 1), "server_mb": round(server_memory(), 1)}


async def measure(count: int, clicks: int, cached: int) -> dict[str, object]:
    scripts = Path(sysconfig.get_path("scripts"))
    with tempfile.TemporaryDirectory() as folder:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(scripts / "temporal"), data_converter=pydantic_data_converter
        ) as server:
            await register_search_attributes(server.client)
            world = World(server.client, Path(folder), cached=cached)
            services = door(world)
            async with serving(world):
                await clicks_on(services, taken(world, await waiting(world, "warm", 2), 2), Counter())
                asked, growth = Asked(), [looked(0)]
                for part in range(PARTS):
                    cases = await waiting(world, f"part{part}", count // PARTS)
                    asked |= taken(world, cases, clicks // PARTS)
                    growth.append(looked(count // PARTS * (part + 1)))
                times = await clicks_on(services, asked, fates := Counter[str]())
                after = looked(count)
    votes = [each for first, second, _ in times for each in (first, second)]
    return {
        "cases": count,
        "cached": cached,
        "clicked": len(times),
        "fates": dict(fates),
        "click_ms": spread(votes),
        "to_first_call_ms": spread([third for _, _, third in times]),
        "growth": growth,
        "worker_kb_per_waiting_case": [per_case(one, two, "worker_mb") for one, two in pairwise(growth)],
        "server_kb_per_waiting_case": [per_case(one, two, "server_mb") for one, two in pairwise(growth)],
        "after_clicks": after,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--cached", type=int, default=CACHED)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.cases, given.clicks, given.cached)), indent=2))


if __name__ == "__main__":
    main()
