"""Blocks end when they should while their worker is killed again and again; a freeze keeps them, and only that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from stanch.leases import Lease, LeaseState
from tests.faults.block_judge import Figures
from tests.faults.writer_lane import PATIENCE, WriterLane

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MANY = {"edge": 100, "users": 10}
ENDS = (60.0, 150.0)  # seconds from now in which they end
LIVES = (7.5, 22.5)  # seconds that a worker serves before it is killed
PACE = 10.0  # seconds that a block of each point may take; where it is more, all times are as many times longer
ENDED, NO_TIME_LEFT, FROZEN = LeaseState.EXPIRED, "G132", "G102"


@pytest_asyncio.fixture
async def lane(tmp_path: Path) -> AsyncIterator[WriterLane]:
    made = WriterLane(tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def slowness(lane: WriterLane) -> float:
    """How many times longer than PACE a block takes here; at least 1."""
    begun = time.monotonic()
    for point in MANY:
        lease = lane.lease(f"pace-{point}", point=point)
        await lane.ask(lease)
        await lane.until(lease, LeaseState.HELD)
        await lane.give_back(lease)
        await lane.until(lease, LeaseState.LIFTED)
    return max(1.0, (time.monotonic() - begun) / PACE)


async def kill_often(lane: WriterLane, slow: float, over: asyncio.Event) -> int:
    """Kill each worker a few seconds after it has begun to serve, until told that it is over; how often it was."""
    dice, count, before = random.Random(11), 0, 0
    while not over.is_set():
        if lane.workers > before:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(slow * dice.uniform(*LIVES)):
                    await over.wait()
            before, count = lane.workers, count + 1
            os.kill(lane.worker, signal.SIGKILL)
        await asyncio.sleep(0.1)
    return count


async def held_then_over(lane: WriterLane, leases: Sequence[Lease]) -> Counter[str]:
    """How many came to stand, and with what the others ended."""
    found: Counter[str] = Counter()
    for lease in leases:
        await lane.until(lease, LeaseState.HELD, ENDED, LeaseState.REFUSED)
        found[lane.state(lease)] += 1
    for lease in leases:
        left = (lease.expires_at - datetime.now(UTC)).total_seconds()
        await lane.until(lease, ENDED, LeaseState.REFUSED, seconds=max(left, 0) + PATIENCE)
    return found


async def test_every_block_ends_within_a_minute_of_its_end(lane: WriterLane) -> None:
    theirs, dice, slow = lane.foreign(), random.Random(7), await slowness(lane)
    leases = [
        lane.lease(f"{point[0]}{number}", point=point, seconds=slow * dice.uniform(*ENDS))
        for point, count in MANY.items()
        for number in range(count)
    ]
    over = asyncio.Event()
    killing = asyncio.create_task(kill_often(lane, slow, over))
    await asyncio.gather(*(lane.ask(lease) for lease in leases))
    found = await held_then_over(lane, leases)
    over.set()
    kills, figures = await killing, lane.figures(theirs, slow=slow)
    print(f"{len(leases)} leases, {dict(found)}, {kills} kills, {slow:.1f} times as slow: {figures}")
    assert kills >= 4
    assert found.keys() <= {LeaseState.HELD, ENDED, NO_TIME_LEFT}, "the only no is that its time was over"
    assert found[LeaseState.HELD] >= 0.9 * len(leases)
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)


async def test_a_freeze_keeps_a_block_past_its_end_and_its_end_lets_it_go(lane: WriterLane) -> None:
    theirs, slow = lane.foreign(), await slowness(lane)
    leases = [lane.lease(f"frozen-{point}", point=point, seconds=20 * slow) for point in MANY]
    for lease in leases:
        await lane.ask(lease)
        await lane.until(lease, LeaseState.HELD)
    lane.records.halt("all", by="user:ana", reason="evidence", at=datetime.now(UTC), freeze=True)
    for lease in leases:
        await lane.attempts(lease, "lift", more=3)  # its time is over, and its writer asks again and again
    assert [lane.state(lease) for lease in leases] == [LeaseState.HELD] * len(leases)
    new = lane.lease("new-edge", point="edge")
    await lane.ask(new)
    await lane.until(new, LeaseState.REFUSED)
    assert lane.state(new) == FROZEN
    lane.keep(leases, until=datetime.now(UTC))
    lane.records.resume("all")
    for lease in leases:
        await lane.until(lease, ENDED)
    figures = lane.figures(theirs, slow=slow)
    print(f"lifted at most {figures.worst:.1f} s after the freeze had ended")
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)
