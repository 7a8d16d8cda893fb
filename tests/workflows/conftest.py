"""One time-skipping server for the tests of this folder, with the workers of points on it."""

from __future__ import annotations

import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from stanch.contract import SEARCH_ATTRIBUTES
from stanch.temporal import register_search_attributes
from tests.workflows.yard import Yard

_KINDS = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
EARLY = 60
SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose clock moves as fast as the workflows let it."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(SCRIPTS / "temporal-test-server"), data_converter=pydantic_data_converter
    ) as found:
        kinds = {name: _KINDS[kind] for name, kind in SEARCH_ATTRIBUTES.items()}
        request = AddSearchAttributesRequest(namespace=found.client.namespace, search_attributes=kinds)
        await found.client.operator_service.add_search_attributes(request)
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(skipping: WorkflowEnvironment) -> AsyncIterator[Yard]:
    found = Yard(skipping.client)
    await found.start()
    yield found
    await found.stop()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def early() -> AsyncIterator[WorkflowEnvironment]:
    """A real server that suggests continue-as-new after a few events."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(SCRIPTS / "temporal"),
        dev_server_extra_args=["--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={EARLY}"],
        data_converter=pydantic_data_converter,
    ) as found:
        await register_search_attributes(found.client)
        yield found
