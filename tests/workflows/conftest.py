"""One time-skipping server for the tests of this folder, with the workers of points on it."""

from __future__ import annotations

import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.workflows.points import Yard

SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose clock moves as fast as the workflows let it."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(SCRIPTS / "temporal-test-server"), data_converter=pydantic_data_converter
    ) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(skipping: WorkflowEnvironment) -> AsyncIterator[Yard]:
    found = Yard(skipping.client)
    await found.start()
    yield found
    await found.stop()
