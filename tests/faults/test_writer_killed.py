"""A point's writer is killed before and after every call that it makes; the judge finds no block that is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from stanch.leases import LeaseState
from tests.faults.block_judge import Figures
from tests.faults.writer_lane import WriterLane

pytestmark = [pytest.mark.long, pytest.mark.timeout(3000)]  # the crash matrix kills a writer in every run of the suite
POINTS = ("edge", "users")
OVER = (LeaseState.LIFTED, LeaseState.EXPIRED)
MOST = 3  # of one call in one attempt; the gateway is asked again and again until it has loaded a file
SHORT, LONG_LIFE, AFTER = 10.0, 3600.0, 20.0  # seconds


@pytest_asyncio.fixture
async def lane(tmp_path: Path) -> AsyncIterator[WriterLane]:
    made = WriterLane(tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def through(
    lane: WriterLane, name: str, point: str, moment: dict[str, Any] | None = None, *, seconds: float = SHORT
) -> None:
    """One block from its request to its end; it ends by itself where its lift is to be hit, else by its holder.

    Args:
        seconds: the life of one that ends by itself.
    """
    expiring = moment is not None and moment["verb"] == "lift"
    lease = lane.lease(name, point=point, seconds=seconds if expiring else LONG_LIFE)
    if moment is not None:
        lane.arm({**moment, "lease": name})
    await lane.ask(lease)
    await lane.until(lease, LeaseState.HELD, *(OVER if expiring else ()))
    if not expiring:
        await lane.give_back(lease)
    await lane.until(lease, *OVER)


def moments(lane: WriterLane, name: str) -> list[dict[str, Any]]:
    """Where a writer can die: before and after each call of the attempts of a block that nothing has happened to."""
    lease = lane.leases[name]
    found = [moment for verb in ("hold", "lift") for moment in lane.seen(lease, verb)]
    return [moment for moment in found if moment["nth"] <= MOST]


def expected(moment: dict[str, Any]) -> bool:
    """False for what timing decides: looks at the gateway until it has loaded a file, what a process does once, and a
    second word to the case, which goes along with the first where both are ready."""
    once = moment["call"].startswith("gateway") or moment["call"] == "DescribeUserPool"
    return not once and (moment["call"], moment["nth"] > 1) != ("tell case", True)


async def is_hit(lane: WriterLane, before: int) -> bool:
    """Whether the writer died, which may be a moment after records say that all is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AFTER):
            while len(lane.fired) == before:  # noqa: ASYNC110 - what is polled is a file of another process
                await asyncio.sleep(0.05)
    return len(lane.fired) > before


async def killed(lane: WriterLane, point: str) -> tuple[int, list[str]]:
    """Every moment of a point, one after the other; how many there were, and what was not hit or never ended."""
    begun = time.monotonic()
    await through(lane, f"plain-{point}", point)
    seconds = max(SHORT, 2 * (time.monotonic() - begun))  # or a slow machine has not placed it when its time is over
    wrong, todo = list[str](), moments(lane, f"plain-{point}")
    for number, moment in enumerate(todo):
        before, begun = len(lane.fired), time.monotonic()
        try:
            await through(lane, f"k{number}-{point}", point, moment, seconds=seconds)
        except AssertionError as error:
            wrong.append(f"{moment}: {error}")
        hit = await is_hit(lane, before)
        if not hit and expected(moment):
            wrong.append(f"{moment}: never came")
        words = f"{moment['verb']} {moment['when']} {moment['call']}#{moment['nth']}"
        print(f"{time.monotonic() - begun:5.1f} s  {point}  {words}{'' if hit else ' (not hit)'}", flush=True)
    return len(todo), wrong


@pytest.mark.parametrize("point", POINTS)
async def test_a_writer_killed_at_any_call_leaves_no_block_wrong(lane: WriterLane, point: str) -> None:
    theirs = lane.foreign()
    count, wrong = await killed(lane, point)
    figures = lane.figures(theirs)
    print(f"{count} moments, {len(lane.fired)} kills: {figures}")
    assert wrong == []
    assert count >= 25
    assert figures == Figures(0, 0, 0, 0, 0, worst=figures.worst)
    assert lane.records.verify().ok
