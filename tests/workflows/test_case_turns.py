"""Cases that share a concurrency key: the later one waits in its own workflow until it is told that it is its turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import CaseCommand
from stanch.playbooks.turns import TURN
from tests.workflows.scene import Case, World, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
API = {"host": "api.example.com", "path": "/same/7", "path_template": "/same/{id}", "method": "GET"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving(World(skipping.client, tmp_path_factory.mktemp("world"))) as found:
        yield found


async def test_the_second_case_waits_and_runs_when_it_is_told(world: World) -> None:
    first, second = Case(world, "turn-first"), Case(world, "turn-second")
    await first.report("d1", said={"api": API})
    await first.until("approval")
    await second.report("d2", said={"api": API})
    await second.until("waiting")
    assert world.actions(second.id) == []
    told = CaseCommand(kind="signal", by="stanch", text=TURN, command_id="turn-1")
    for _ in range(2):
        await second.handle.signal(contract.CASE_COMMAND, told)
    await second.until("approval")
    assert world.actions(second.id).count("ticket.create") == 1


async def test_an_attached_case_ends_when_it_was_fixed_with_the_other(world: World) -> None:
    other = {**API, "path": "/other/7", "path_template": "/other/{id}"}
    first, second = Case(world, "attach-first"), Case(world, "attach-second")
    await first.report("d1", said={"api": other})
    await first.until("approval")
    await second.report("d2", said={"api": other})
    await second.until("waiting")
    await second.report("clean", status="resolved", said={"api": other})
    await second.until("verifying")
    assert world.actions(second.id) == []
