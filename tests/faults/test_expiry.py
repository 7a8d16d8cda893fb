"""Blocks end when they should while their worker is killed again and again; a freeze keeps them, and only that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from stanch.leases import LeaseState
from tests.faults.block_judge import Figures
from tests.faults.writer_lane import WriterLane

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MANY, FIRST, LAST = {"edge": 100, "users": 10}, 60, 150  # seconds from now in which they end
BETWEEN = 15.0
OVER = (LeaseState.EXPIRED, LeaseState.REFUSED)  # refused: on a slow machine its time was over before it was written


@pytest_asyncio.fixture
async def lane(tmp_path: Path) -> AsyncIterator[WriterLane]:
    made = WriterLane(tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def kill_often(lane: WriterLane, seed: int) -> int:
    """Kill the worker every few seconds until cancelled; how often it was."""
    dice, count = random.Random(seed), 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(dice.uniform(0.5, 1.5) * BETWEEN)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((lane.folder / "worker.pid").read_text(encoding="utf-8")), signal.SIGKILL)
                count += 1
    return count


async def test_every_block_ends_within_a_minute_of_its_end(lane: WriterLane) -> None:
    theirs, dice = lane.foreign(), random.Random(7)
    leases = [
        lane.lease(f"{point[0]}{number}", point=point, seconds=dice.uniform(FIRST, LAST))
        for point, count in MANY.items()
        for number in range(count)
    ]
    killing = asyncio.create_task(kill_often(lane, seed=11))
    await asyncio.gather(*(lane.ask(lease) for lease in leases))
    for lease in leases:
        await lane.until(lease, LeaseState.HELD, *OVER, seconds=LAST)
    for lease in leases:
        left = (lease.expires_at - datetime.now(UTC)).total_seconds()
        await lane.until(lease, *OVER, seconds=max(left, 0) + 120)
    killing.cancel()
    kills = await killing
    figures = lane.figures(theirs)
    print(f"{len(leases)} leases, {kills} kills: {figures}")
    assert kills >= 4
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)


async def test_a_freeze_keeps_a_block_past_its_end_and_its_end_lets_it_go(lane: WriterLane) -> None:
    theirs = lane.foreign()
    leases = [lane.lease(f"frozen-{point}", point=point, seconds=20) for point in MANY]
    for lease in leases:
        await lane.ask(lease)
        await lane.until(lease, LeaseState.HELD)
    lane.records.halt("all", by="user:ana", reason="evidence", at=datetime.now(UTC), freeze=True)
    await asyncio.sleep(30)
    rows = [lane.records.lease(lease.lease_id) for lease in leases]
    assert [row.state for row in rows if row is not None] == [LeaseState.HELD] * len(leases)
    new = lane.lease("new-edge", point="edge")
    await lane.ask(new)
    await lane.until(new, LeaseState.REFUSED)
    lane.records.resume("all")
    resumed = time.monotonic()
    for lease in leases:
        await lane.until(lease, LeaseState.EXPIRED, seconds=60)
    print(f"lifted {time.monotonic() - resumed:.1f} s after the freeze ended")
    figures = lane.figures(theirs)
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)
