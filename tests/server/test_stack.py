"""A whole Stanch against a Temporal server that is not ours, as with TEMPORAL_ADDRESS set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stack_support import listens, of_session, soon, without_temporal
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import SEARCH_ATTRIBUTES, CaseInput, CaseView, FindingReport
from stanch.errors import DependencyError
from stanch.sandbox.process import Process
from stanch.sandbox.stack import Stack
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.temporal import search_attributes
from stanch.views import ApiView, FindingView

ROOT = Path(__file__).parents[2]


class Plain(EmbeddedTemporal):
    """A server that knows nothing of Stanch."""

    def _arguments(self) -> list[str]:
        return [word for word in super()._arguments() if not word.startswith("--search-attribute")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("outside")
    more = {"policy_dir": str(ROOT / "policy"), "playbooks_dir": str(ROOT / "playbooks")}
    with (
        without_temporal(folder) as patch,
        Plain(database=folder / "outside.db", durable=False) as outside,
    ):
        patch.setenv("TEMPORAL_ADDRESS", outside.address)
        made = Stack(folder / "stack", web=False, more=more)
        made.start()
        children = of_session(folder)
        try:
            yield made
        finally:
            made.stop()
    assert children
    assert not of_session(folder)


async def connected(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address, data_converter=pydantic_data_converter)


async def test_it_uses_that_server_and_prepares_it(stack: Stack) -> None:
    assert not listens(stack.temporal.port), "no server of our own runs beside it"
    found = await search_attributes(await connected(stack))
    assert {name: found.get(name) for name in SEARCH_ATTRIBUTES} == SEARCH_ATTRIBUTES


async def test_its_worker_serves_every_queue_there(stack: Stack) -> None:
    client = await connected(stack)
    for queue in Queue:
        request = DescribeTaskQueueRequest(
            namespace="default",
            task_queue=TaskQueue(name=contract.queue(queue)),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        deadline = time.monotonic() + 10
        while not (await client.workflow_service.describe_task_queue(request)).pollers:
            assert time.monotonic() < deadline, queue
            await asyncio.sleep(0.05)


async def test_a_case_runs_there(stack: Stack) -> None:
    client = await connected(stack)
    finding = FindingView(
        id="F-1", title="A test", source="own", is_test=True, api=ApiView(host="api.example.com", path="/x")
    )
    handle = await client.start_workflow(
        contract.CASE_WORKFLOW,
        CaseInput(case_id="case-outside"),
        id="case-outside",
        task_queue=contract.queue(Queue.CORE),
        start_signal=contract.REPORT,
        start_signal_args=[FindingReport(delivery_id=f"d-{datetime.now(UTC)}", source="own", finding=finding)],
    )
    deadline = time.monotonic() + 20
    while (await handle.query(contract.VIEW, result_type=CaseView)).summary.owner != "team:payments":
        assert time.monotonic() < deadline, "it was never routed"
        await asyncio.sleep(0.1)
    while not [item async for item in client.list_workflows("StanchOwner = 'team:payments'")]:
        assert time.monotonic() < deadline, "it cannot be found by its search attributes"
        await asyncio.sleep(0.1)


# -- one process -------------------------------------------------------------------------------------------------------


def child(folder: Path, script: str) -> Process:
    return Process(
        "child", ["/bin/sh", "-c", script], environment={}, log=folder / "child.log", ready=lambda line: "ready" in line
    )


def test_a_process_that_ends_before_it_is_ready(tmp_path: Path) -> None:
    broken = child(tmp_path, "echo this went wrong; exit 3")
    broken.start()
    with pytest.raises(DependencyError) as caught:
        broken.wait_ready()
    assert (caught.value.code, str(tmp_path / "child.log") in caught.value.hint) == ("D013", True)
    assert "this went wrong" in (tmp_path / "child.log").read_text()
    assert caught.value.message == "child did not start: this went wrong"
    broken.stop()


def test_a_killed_process_starts_again(tmp_path: Path) -> None:
    patient = child(tmp_path, f"echo ready; exec sleep 61.{tmp_path.name[-1]}")
    for _ in range(3):
        patient.start()
        patient.wait_ready()
        assert patient.running
        patient.kill()
        assert not patient.running
    patient.start()
    patient.wait_ready()
    patient.stop()
    assert soon(lambda: not of_session(tmp_path))


def test_a_stack_that_does_not_come_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_temporal(tmp_path):
        broken = Stack(tmp_path, web=False, worker=("/bin/false",))
        with pytest.raises(DependencyError) as caught:
            broken.start()
        assert caught.value.code == "D013"
        assert soon(lambda: not of_session(tmp_path))
        assert not listens(broken.temporal.port)
