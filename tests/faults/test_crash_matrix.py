"""A worker is killed (SIGKILL) in every phase of every activity of a case; nothing doubles, nothing is lost.

In the everyday run the writes of the ledger, which are many and alike, are killed at two of them only, and
what writes nothing remote is not killed while it "is applied"; the long profile leaves nothing out.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.lane import Evidence, Lane, NotReached
from tests.faults.points import Phase, Point

LANES = int(os.environ.get("STANCH_CRASH_LANES", "4"))
LONG = os.environ.get("STANCH_PROFILE") == "long"
LEDGER = "records.append"
LEAST = 8  # of its writes in any run

# What the case does when nothing goes wrong; each of these is killed in each phase.
ONCE = {
    *("policy.resolve", "ticket.create ticket do", "chat.message tell_pm do", "traffic.usage traffic do"),
    *("block.estimate preview do", "approval.show", "block.scope block do", "point.reconcile hold"),
    *("probe.expect_blocked block verify", "approval.close", "scanner.rescan fixed rescan"),
    *("ticket.reopen fixed reopen", "block.lift block undo", "point.reconcile lift", "ticket.close close do"),
}

TRIES = 3


async def matrix(lanes: Sequence[Lane]) -> tuple[Evidence, Counter[str], list[Point], dict[Point, Evidence | str]]:
    """A case without a kill, then one case for each moment, side by side on all lanes."""
    plain, *_ = await asyncio.gather(*(lane.run("plain") for lane in lanes))
    activities, points = await lanes[0].points("plain")
    seldom = min([(await lane.points("plain"))[0][LEDGER] for lane in lanes])
    activities[LEDGER] = seldom  # lines for the ledger may share a write, as timing has it
    times = range(1, seldom + 1) if LONG else (1, LEAST)
    points = [point for point in points if point.name != LEDGER or point.nth in times]
    points = [point for point in points if LONG or point.phase is not Phase.APPLIED or point.write]
    waiting = list(enumerate(points))
    found: dict[Point, Evidence | str] = {}

    async def serve(lane: Lane) -> None:
        while waiting:
            number, point = waiting.pop(0)
            begun = time.monotonic()
            found[point] = await attempt(lane, number, point)
            print(f"{time.monotonic() - begun:5.1f} s  {point}")

    await asyncio.gather(*(serve(lane) for lane in lanes))
    return plain, activities, points, found


async def attempt(lane: Lane, number: int, point: Point) -> Evidence | str:
    """One case with its kill; again where ledger lines shared a write and the moment did not come."""
    for again in range(TRIES):
        try:
            return await lane.run(f"k{number}t{again}", point)
        except NotReached as error:
            missed = str(error)
        except AssertionError as error:
            return f"k{number}: {error}"
    return missed


@pytest.mark.timeout(1500)
async def test_a_kill_at_any_moment_changes_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    lanes = [Lane(tmp_path / f"lane{number}") for number in range(LANES)]
    try:
        await asyncio.gather(*(lane.start() for lane in lanes))
        plain, activities, points, found = await matrix(lanes)
        verified = [lane.records.verify() for lane in lanes]
    finally:
        await asyncio.gather(*(lane.stop() for lane in lanes))

    record_property("points", len(points))
    print(f"{len(points)} points of {activities.total()} activity runs in {time.monotonic() - started:.0f} s")
    assert plain.state == "verifying"
    assert set(plain.steps.values()) == {"ok"}
    assert (plain.tickets, plain.blocks, plain.lifts) == (1, 1, 1)
    assert plain.moves.count(("stanch-bot", "done")) == 1
    assert (plain.while_blocked, plain.after) == (403, 404)

    assert {name: activities[name] for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert set(activities) == ONCE | {LEDGER}
    assert activities[LEDGER] >= LEAST
    runs = len(ONCE) + (activities[LEDGER] if LONG else 2)
    phases = Counter(point.phase for point in points)
    assert phases[Phase.BEFORE] == phases[Phase.ANSWERED] == runs
    assert {point.write for point in points} >= {1, 2}, "an activity with two remote writes has two such moments"
    assert {"point.reconcile hold", "ticket.create ticket do"} <= {point.name for point in points if point.write}
    assert set(found) == set(points)

    different = {str(point): difference(plain, evidence) for point, evidence in found.items()}
    assert not {name: what for name, what in different.items() if what}
    assert all(verification.ok for verification in verified)


def difference(plain: Evidence, evidence: Evidence | str) -> object:
    """What a kill has changed, for the failure message; empty where nothing has.

    Slack knows no idempotency key, so messages that were on their way when the worker died may show twice.
    """
    if isinstance(evidence, str):
        return evidence
    changed = {name for name, value in vars(evidence).items() if value != getattr(plain, name)}
    if evidence.repeated <= evidence.messages:
        changed.discard("repeated")
    return {name: (getattr(evidence, name), getattr(plain, name)) for name in changed}
