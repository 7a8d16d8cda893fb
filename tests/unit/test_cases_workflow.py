"""The case as Temporal runs it: nothing that comes in at a bad moment is lost, and nothing half begun is left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from interp_support import FINDING, ROUTE, default_outputs, plan_of
from temporalio import activity
from temporalio.api.enums.v1 import EventType, IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowHandle
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from stanch import contract
from stanch.catalog import Queue, catalog
from stanch.contract import (
    ActionCall,
    ActionReply,
    CaseCommand,
    CaseInput,
    CaseView,
    FindingReport,
    Recording,
    Resolve,
    Resolved,
    TicketChange,
)
from stanch.interpreter.messages import RunAction
from stanch.leases import LeaseOutcome, LeaseState
from stanch.plan import Plan
from stanch.views import FindingView, RouteView
from workflows.case import CaseWorkflow

FOUND = FindingView.model_validate({**FINDING, "actor": {}})
READ = "do: traffic.usage, with: {host: api.example.com}"
BLOCK = "do: block.scope, with: {host: api.example.com, ttl: 4h}"
SERVER = Path(__file__).parents[2] / ".venv/bin/temporal-test-server"


class Around:
    """What surrounds cases in these tests: actions that answer at once, and gates that hold some of them up."""

    def __init__(self, env: WorkflowEnvironment) -> None:
        self.env = env
        self.plan: Plan | None = None
        self.did: list[str] = []
        self.lines: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.reached: dict[str, asyncio.Event] = {}

    def hold(self, name: str) -> None:
        self.gates[name], self.reached[name] = asyncio.Event(), asyncio.Event()

    async def _pass(self, name: str) -> None:
        if name in self.gates:
            self.reached[name].set()
            await self.gates[name].wait()

    @activity.defn(name=contract.RESOLVE)
    async def resolve(self, question: Resolve) -> Resolved:
        await self._pass("resolve")
        plan = self.plan
        mode = plan.mode if plan else "manual"
        people = {"team:appsec": ("user:tom",), "user:maria": ("user:maria",)}
        route = RouteView.model_validate(ROUTE)
        return Resolved.model_validate({"route": route, "plan": plan, "mode": mode, "people": people})

    @activity.defn(name=contract.RECORD)
    async def record(self, recording: Recording) -> None:
        state = recording.summary.state if recording.summary else ""
        await self._pass(f"record {state}")
        self.lines += [note.event for note in recording.scene.outbox]

    @activity.defn(dynamic=True)
    async def act(self, args: Sequence[RawValue]) -> Any:
        name = activity.info().activity_type
        if name not in catalog():
            return contract.ApprovalShown()
        call: ActionCall = activity.payload_converter().from_payload(args[0].payload, ActionCall)
        await self._pass(call.path)
        self.did.append(f"{call.purpose} {call.action}")
        command = RunAction(**call.model_dump(include={"ref", "path", "purpose", "action", "params", "key"}))
        outputs = default_outputs(command, activity.info().started_time)
        if catalog()[call.action].leased:
            state = LeaseState.LIFTED if "lift" in call.action else LeaseState.HELD
            told = LeaseOutcome(
                lease_id=outputs["lease_id"],
                case_id=call.scene.case_id,
                step=call.path,
                state=state,
                at=activity.info().started_time,
            )
            await self.env.client.get_workflow_handle(call.scene.case_id).signal(contract.LEASE_OUTCOME, told)
        return ActionReply(outputs=outputs)


async def _search_attributes(env: WorkflowEnvironment) -> None:
    kinds = IndexedValueType.DESCRIPTOR.values_by_name
    named = {
        name: kinds["INDEXED_VALUE_TYPE_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind).upper()].number
        for name, kind in contract.SEARCH_ATTRIBUTES.items()
    }
    await env.client.operator_service.add_search_attributes(AddSearchAttributesRequest(search_attributes=named))


@asynccontextmanager
async def around() -> AsyncIterator[Around]:
    """A server that skips time, and workers for every queue."""
    async with AsyncExitStack() as stack:
        env = await stack.enter_async_context(
            await WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=str(SERVER) if SERVER.exists() else None,
                data_converter=pydantic_data_converter,
            )
        )
        await _search_attributes(env)
        world = Around(env)
        for queue in Queue:
            core = queue is Queue.CORE
            worker = Worker(
                env.client,
                task_queue=contract.queue(queue),
                workflows=[CaseWorkflow] if core else [],
                activities=[world.resolve, world.record] if core else [world.act],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
            await stack.enter_async_context(worker)
        yield world


@pytest.fixture
async def world() -> AsyncIterator[Around]:
    async with around() as given:
        yield given


async def begin(world: Around, steps: str, *, name: str) -> WorkflowHandle[Any, str]:
    world.plan = plan_of(steps)
    return await world.env.client.start_workflow(
        contract.CASE_WORKFLOW,
        CaseInput(case_id=name),
        id=name,
        task_queue=contract.queue(Queue.CORE),
        start_signal=contract.REPORT,
        start_signal_args=[report("d1")],
        result_type=str,
        task_timeout=timedelta(seconds=1),
    )


def report(delivery: str, *, status: str = "open") -> FindingReport:
    return FindingReport.model_validate({"delivery_id": delivery, "source": "s", "finding": FOUND, "status": status})


def command(kind: str, text: str = "") -> CaseCommand:
    return CaseCommand(kind=kind, by="user:ana", text=text, command_id=f"{kind}-{text}")


async def until(handle: WorkflowHandle[Any, str], reached: Callable[[CaseView], bool]) -> CaseView:
    for _ in range(400):
        view: CaseView | None = await handle.query(contract.VIEW, result_type=CaseView)
        if view is not None and reached(view):
            return view
        await asyncio.sleep(0.02)
    raise AssertionError(f"not reached: {view and (view.summary.state, view.steps)}")


async def taken_up(handle: WorkflowHandle[Any, str], signals: int = 2) -> None:
    """Wait until the worker has taken up what was signalled while a local activity ran."""
    started, signalled = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    for _ in range(200):
        kinds = [event.event_type for event in (await handle.fetch_history()).events]
        if kinds.count(signalled) == signals and started in kinds[-kinds[::-1].index(signalled) :]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the signal was not taken up")


def is_in(state: str) -> Callable[[CaseView], bool]:
    return lambda view: view.summary.state == state


LOOK = f"- {{id: look, {READ}}}\n"
FIXED = "- {id: fixed, wait: {for: [{event: ticket.resolved}]}}\n"


async def test_a_case_lives_through_its_verify_window_and_closes(world: Around) -> None:
    handle = await begin(world, LOOK, name="case-plain")
    assert await handle.result() == "closed"
    assert world.did == ["do traffic.usage"]
    assert "case.routed" in world.lines


async def test_a_finding_that_comes_back_in_the_verify_window_starts_a_new_round(world: Around) -> None:
    handle = await begin(world, LOOK, name="case-again")
    await until(handle, is_in("verifying"))
    await handle.signal(contract.REPORT, report("d2"))
    await until(handle, lambda view: len(world.did) == 2 and view.summary.state == "verifying")
    view = await until(handle, is_in("verifying"))
    assert (view.summary.findings, view.summary.deliveries) == (FOUND.count * 2, 2)
    await handle.signal(contract.REPORT, report("d2"))
    assert await handle.result() == "closed"
    assert world.did == ["do traffic.usage"] * 2


async def test_what_comes_while_the_route_is_looked_up_is_not_lost(world: Around) -> None:
    world.hold("resolve")
    handle = await begin(world, FIXED, name="case-early")
    await world.reached["resolve"].wait()
    await handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="e1", key="T-1", state="done"))
    await taken_up(handle)
    world.gates["resolve"].set()
    await until(handle, is_in("verifying"))


async def test_a_case_that_is_called_off_while_the_route_is_looked_up_begins_nothing(world: Around) -> None:
    world.hold("resolve")
    handle = await begin(world, f"- {{id: block, {BLOCK}}}\n", name="case-off")
    await world.reached["resolve"].wait()
    await handle.signal(contract.CASE_COMMAND, command("cancel"))
    await taken_up(handle)
    world.gates["resolve"].set()
    assert await handle.result() == "closed"
    assert world.did == []


async def test_a_finding_that_comes_while_the_last_lines_are_written_starts_a_new_round(world: Around) -> None:
    world.hold("record closed")
    handle = await begin(world, LOOK, name="case-last")
    await until(handle, is_in("verifying"))
    await handle.signal(contract.CASE_COMMAND, command("close"))
    await world.reached["record closed"].wait()
    await handle.signal(contract.REPORT, report("d2"))
    await taken_up(handle, 3)
    world.gates.pop("record closed").set()
    await until(handle, lambda view: len(world.did) == 2)
    assert await handle.result() == "closed"


async def test_timers_go_on_after_one_that_changed_nothing(world: Around) -> None:
    two = "for: [{event: timer, after: 1h}, {event: timer, after: 2h}]"
    handle = await begin(world, f"- {{id: hold, wait: {{until: all, {two}}}}}\n", name="case-timers")
    assert await handle.result() == "closed"


async def test_news_of_another_ticket_is_not_about_this_case(world: Around) -> None:
    ticket = "- {id: ticket, do: ticket.create, with: {summary: x}}\n"
    handle = await begin(world, f"{ticket}{FIXED}", name="case-ticket")
    await until(handle, lambda view: view.summary.ticket_key == "T-1")
    await handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="e1", key="T-9", state="done"))
    await handle.signal(contract.CASE_COMMAND, command("comment", "still here"))
    assert (await until(handle, is_in("waiting"))).summary.ticket_state != "done"
    await handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="e2", key="T-1", state="done"))
    await until(handle, is_in("verifying"))


@pytest.mark.parametrize(("kind", "state"), [("close", ""), ("cancel", "needs_person")])
async def test_a_running_case_takes_its_block_back_and_closes_only_where_that_was_asked(
    world: Around, kind: str, state: str
) -> None:
    handle = await begin(world, f"- {{id: block, {BLOCK}}}\n{FIXED}", name=f"case-{kind}")
    await until(handle, lambda view: [change["state"] for change in view.changes] == ["open"])
    await handle.signal(contract.CASE_COMMAND, command(kind))
    if state:
        view = await until(handle, is_in(state))
        assert [change["state"] for change in view.changes] == ["undone"]
        await handle.signal(contract.CASE_COMMAND, command("close"))
    assert await handle.result() == "closed"
    assert world.did == ["do block.scope", "undo block.lift"]


async def test_a_cancelled_workflow_takes_its_block_back(world: Around) -> None:
    handle = await begin(world, f"- {{id: block, {BLOCK}}}\n{FIXED}", name="case-temporal-cancel")
    await until(handle, lambda view: [change["state"] for change in view.changes] == ["open"])
    await handle.cancel()
    await until(handle, is_in("needs_person"))
    assert world.did == ["do block.scope", "undo block.lift"]
