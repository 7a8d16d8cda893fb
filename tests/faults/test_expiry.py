"""Blocks end when they should while their worker is killed again and again; a freeze keeps them, and only that."""

from __future__ import annotations

import asyncio
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
from tests.faults.writer_lane import WriterLane

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MANY = {"edge": 100, "users": 10}
ENDS = (1.0, 2.5)  # minutes from now in which they end, or of a machine on which a block takes longer than PACE
PACE = 3.0
BETWEEN = 15.0
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
    """How many times as long as on a machine of our own a block takes here; at least 1."""
    begun = time.monotonic()
    for point in MANY:
        lease = lane.lease(f"pace-{point}", point=point)
        await lane.ask(lease)
        await lane.until(lease, LeaseState.HELD)
        await lane.give_back(lease)
        await lane.until(lease, LeaseState.LIFTED)
    return max(1.0, (time.monotonic() - begun) / PACE)


async def kill_often(lane: WriterLane, dice: random.Random, over: asyncio.Event) -> int:
    """Kill the worker every few seconds until told that it is over; how often it was."""
    count = 0
    while True:
        try:
            async with asyncio.timeout(dice.uniform(0.5, 1.5) * BETWEEN):
                await over.wait()
            return count
        except TimeoutError:
            os.kill(int((lane.folder / "worker.pid").read_text(encoding="utf-8")), signal.SIGKILL)
            count += 1


async def held_then_over(lane: WriterLane, leases: Sequence[Lease]) -> Counter[str]:
    """How many came to stand, and with what the others ended."""
    found: Counter[str] = Counter()
    for lease in leases:
        await lane.until(lease, LeaseState.HELD, ENDED, LeaseState.REFUSED)
        found[lane.state(lease)] += 1
    for lease in leases:
        left = (lease.expires_at - datetime.now(UTC)).total_seconds()
        await lane.until(lease, ENDED, LeaseState.REFUSED, seconds=max(left, 0) + 300)
    return found


async def test_every_block_ends_within_a_minute_of_its_end(lane: WriterLane) -> None:
    theirs, dice, slow = lane.foreign(), random.Random(7), await slowness(lane)
    first, last = (60 * slow * minutes for minutes in ENDS)
    leases = [
        lane.lease(f"{point[0]}{number}", point=point, seconds=dice.uniform(first, last))
        for point, count in MANY.items()
        for number in range(count)
    ]
    over = asyncio.Event()
    killing = asyncio.create_task(kill_often(lane, random.Random(11), over))
    await asyncio.gather(*(lane.ask(lease) for lease in leases))
    found = await held_then_over(lane, leases)
    over.set()
    kills, figures = await killing, lane.figures(theirs)
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
    figures = lane.figures(theirs)
    print(f"lifted at most {figures.worst:.1f} s after the freeze had ended")
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)
