"""A group on a real server: many members, histories that begin anew again and again, and still one ticket."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from stanch.noise.words import GROUP_WORKFLOW
from tests.workflows.conftest import EARLY
from tests.workflows.quiet_town import Group, Resident, group_of, policy_with
from tests.workflows.scene import World, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
GROUPING = "grouping:\n  - {id: same-kind, by: [owner, type], wait: 2s, add_for: 24h, max: 500}\n"
MEMBERS = 60


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(early: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("town")
    async with serving(World(early.client, folder, policy=policy_with(folder, GROUPING))) as found:
        yield found


async def runs_of(client: Client, group: Group) -> list[int]:
    """The events of each run of a group, the newest first."""
    async with asyncio.timeout(20):
        while True:
            query = f"WorkflowType = '{GROUP_WORKFLOW}' AND WorkflowId = '{group.id}'"
            runs = [found async for found in client.list_workflows(query)]
            if runs:
                break
            await asyncio.sleep(0.1)
    histories = [await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history() for run in runs]
    return [len(history.events) for history in histories]


async def test_many_members_one_ticket_over_many_runs(world: World) -> None:
    began = time.monotonic()
    cases = [Resident(world, f"many-{number}", type="many") for number in range(MEMBERS)]
    await asyncio.gather(*(case.found() for case in cases))
    for case in cases:
        await case.until("waiting")
    group = await group_of(cases[0])
    await asyncio.gather(*(case.fixed() for case in cases))
    await group.ticket("done", "t1")
    await group.until("verifying")
    counts = Counter(call.action for call in world.calls)
    assert (counts["ticket.create"], counts["chat.message"], counts["ticket.close"]) == (1, 1, 1)
    assert counts["ticket.comment"] <= 2
    assert (await group.view()).summary.findings == MEMBERS
    runs = await runs_of(world.client, group)
    assert len(runs) > 1, "the group has begun a new history"
    assert max(runs) < EARLY * 4
    members = [await case.events() for case in cases]
    print(
        f"\n{MEMBERS} members: group {sum(runs)} events in {len(runs)} runs ({sum(runs) / MEMBERS:.1f} a member), "
        f"case {sum(members) / MEMBERS:.1f} events; {time.monotonic() - began:.1f} s"
    )


async def test_a_group_that_has_begun_anew_remembers_whom_it_has_told(world: World) -> None:
    late = Resident(world, "many-late", type="many")
    await late.found()
    await late.until("waiting")
    group = await group_of(late)
    await until(lambda: bool(group.calls("ticket.reopen")))
    assert len(group.calls("ticket.create")) == 1
    assert len(group.calls("chat.message")) == 1
