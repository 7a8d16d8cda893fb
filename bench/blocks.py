"""Many addresses blocked at once at a vendor that takes one update a second.

Run `python -m bench.blocks [COUNT] [waf]`. Signals, the writer, guards, ledger and records are the real ones, on an
embedded Temporal; the vendor is a stand-in that somebody else edits all the while: a set under a lock token or, with
`waf`, the stand-in of AWS WAF with the real connector. Prints the time from the last request stored to the last update,
how many updates it took, what is missing and whether anything foreign has changed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from activities._world import World
from bench._slow_point import OURS, SlowPoint, Vendor
from bench._waf_vendor import WafVendor
from stanch import contract
from stanch.keys import Keys
from stanch.leases import BlockSpec, Lease, LeaseState, target_of
from stanch.policy import PolicyStore
from stanch.records import Records
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.settings import Settings
from stanch.wire_points import EnforcementInput
from worker import make_worker

ROOT = Path(__file__).resolve().parents[1]
HOST, POINT = "api.example.com", "edge"
AT_ONCE = 50


@dataclass
class Outcome:
    """What a run showed; `settle` is in seconds, from the last request stored to the last update."""

    count: int
    settle: float
    updates: int
    throttled: int
    conflicts: int
    standing: int
    held: int
    lost_foreign: int


def lease(number: int, end: datetime) -> Lease:
    spec = BlockSpec(host=HOST, path="/orders/**", ips=(f"198.51.{number // 250}.{number % 250 + 1}",))
    return Lease(
        lease_id=f"bench-{number}",
        case_id=f"case-{number}",
        episode="e1",
        step="block",
        point=POINT,
        target=target_of(spec),
        spec=spec,
        expires_at=end,
        playbook="bench",
        source="own",
    )


def _policy(folder: Path) -> Path:
    """The shipped policy, but for one limit: nobody has ever sent a request here, so whom a block hits is unknown."""
    own = Path(shutil.copytree(ROOT / "policy", folder / "policy"))
    guards = own / "guards.yaml"
    text = guards.read_text("utf-8")
    open_ = text.replace("unknown: {automatic: 0.05,", "unknown: {automatic: 1.0,")
    assert open_ != text, "the shipped limit has another form"
    guards.write_text(open_, "utf-8")
    return own


async def measure(count: int, *, patience: float = 120.0, waf: bool = False) -> Outcome:
    """Hold `count` leases at once and wait until all stand."""
    with (
        tempfile.TemporaryDirectory() as name,
        EmbeddedTemporal(database=Path(name) / "temporal.db", durable=False) as temporal,
        ExitStack() as stack,
    ):
        folder = Path(name)
        points = {POINT: {"kind": "memory", "hosts": ["*.example.com"]}}
        dirs = {"policy_dir": _policy(folder), "playbooks_dir": ROOT / "playbooks"}
        settings = Settings(data_dir=folder, points=points, **dirs)
        keys = Keys(settings)
        records = Records(settings.url_of_records, keys.ledger)
        world = World(settings=settings, records=records, policy=PolicyStore(settings), keys=keys)
        theirs = {f"customer-{number}": b"theirs" for number in range(20)}
        vendor = stack.enter_context(WafVendor(HOST)) if waf else Vendor(entries=theirs)
        world._built["point", POINT] = vendor.point if isinstance(vendor, WafVendor) else SlowPoint(vendor)
        world.loop = asyncio.get_running_loop()
        world.client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
        try:
            return await _run(world, vendor, count, patience)
        finally:
            records.close()


async def _run(world: World, vendor: Vendor | WafVendor, count: int, patience: float) -> Outcome:
    assert world.client is not None
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    leases = [lease(number, end) for number in range(count)]
    edits: dict[str, bytes] = dict(vendor.read()[0])
    with ThreadPoolExecutor(64) as threads:
        async with (
            make_worker(world.client, world, "core", threads),
            make_worker(world.client, world, "contain", threads),
        ):
            others = asyncio.create_task(_edit(vendor, edits))
            turns = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(_ask(world.client, one, turns) for one in leases))
            stored = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    while _held(world) < count:  # noqa: ASYNC110 - what is polled is a database
                        await asyncio.sleep(0.25)
            others.cancel()
    entries, _ = vendor.read()
    return Outcome(
        count=count,
        settle=round(max(vendor.updates[-1] - stored, 0.0), 1) if vendor.updates else patience,
        updates=len(vendor.updates),
        throttled=vendor.throttled,
        conflicts=vendor.conflicts,
        standing=sum(entry.startswith(OURS) for entry in entries),
        held=_held(world),
        lost_foreign=sum(entries.get(name) != body for name, body in edits.items()),
    )


async def _ask(client: Client, one: Lease, turns: asyncio.Semaphore) -> None:
    async with turns:
        await client.start_workflow(
            contract.ENFORCEMENT_WORKFLOW,
            EnforcementInput(point=POINT),
            id=contract.enforcement_id(POINT),
            task_queue=contract.queue("core"),
            start_signal=contract.HOLD,
            start_signal_args=[one],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )


async def _edit(vendor: Vendor | WafVendor, edits: dict[str, bytes]) -> None:
    """Somebody else at the vendor's console, several times a second."""
    number = 0
    while True:
        name, body = f"customer-{number % 30}", f"edit {number}".encode()
        if vendor.edit(name, body):
            edits[name] = body.replace(b" ", b"-") if isinstance(vendor, WafVendor) else body
        number += 1
        await asyncio.sleep(0.3)


def _held(world: World) -> int:
    return sum(row.state is LeaseState.HELD for row in world.records.leases(point=POINT, limit=5000))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(json.dumps(asdict(asyncio.run(measure(count, waf="waf" in sys.argv[2:])))))


if __name__ == "__main__":
    main()
