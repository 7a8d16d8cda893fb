"""A look at a ticket that must wait for its tracker, and the polls of one that cannot call back."""

from __future__ import annotations

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from stanch import contract
from stanch.wire_tickets import FollowInput, TicketHint
from tests.workflows.yard import runner
from workflows import TICKET_WORKFLOWS

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_hints_for_one_ticket_share_one_look_until_its_tracker_answers(skipping: WorkflowEnvironment) -> None:
    looks: list[str] = []

    @activity.defn(name=contract.TICKETS_FOLLOW)
    async def follow(hint: TicketHint) -> bool:
        looks.append(hint.event_id)
        if len(looks) == 1:
            raise ApplicationError("Jira did not answer", "V004", type="RETRY_SAFE")
        return True

    core = Worker(skipping.client, task_queue="follow", workflows=list(TICKET_WORKFLOWS), workflow_runner=runner())
    tickets = Worker(skipping.client, task_queue=contract.queue("tickets"), activities=[follow])
    hint = TicketHint(system="jira", key="PAY-1", event_id="e1")
    for each in (hint, hint.model_copy(update={"event_id": "e2"})):
        handle = await skipping.client.start_workflow(
            contract.TICKET_FOLLOW_WORKFLOW,
            FollowInput(system="jira"),
            id="ticket-jira-PAY-1",
            task_queue="follow",
            start_signal=contract.TICKET_HINT,
            start_signal_args=[each],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    async with core, tickets:
        await handle.result()
    assert looks == ["e2", "e2"]


async def test_a_tracker_that_is_silent_for_hours_costs_no_endless_history(skipping: WorkflowEnvironment) -> None:
    looks: list[tuple[str, str]] = []

    @activity.defn(name=contract.TICKETS_FOLLOW)
    async def follow(hint: TicketHint) -> bool:
        looks.append((hint.event_id, activity.info().workflow_run_id or ""))
        if len({run for _, run in looks}) < 3:
            raise ApplicationError("Jira did not answer", "V004", type="RETRY_SAFE")
        return True

    core = Worker(skipping.client, task_queue="silent", workflows=list(TICKET_WORKFLOWS), workflow_runner=runner())
    tickets = Worker(skipping.client, task_queue=contract.queue("tickets"), activities=[follow])
    handle = await skipping.client.start_workflow(
        contract.TICKET_FOLLOW_WORKFLOW,
        FollowInput(system="jira", hints=(TicketHint(system="jira", key="PAY-2", event_id="e1"),)),
        id="ticket-jira-PAY-2",
        task_queue="silent",
    )
    async with core, tickets:
        await handle.result()
    assert {event for event, _ in looks} == {"e1"}
    assert len({run for _, run in looks}) == 3


async def test_a_look_that_can_never_succeed_ends(skipping: WorkflowEnvironment) -> None:
    @activity.defn(name=contract.TICKETS_FOLLOW)
    async def follow(hint: TicketHint) -> bool:
        raise ApplicationError("a mistake of ours", non_retryable=True)

    core = Worker(skipping.client, task_queue="never", workflows=list(TICKET_WORKFLOWS), workflow_runner=runner())
    tickets = Worker(skipping.client, task_queue=contract.queue("tickets"), activities=[follow])
    handle = await skipping.client.start_workflow(
        contract.TICKET_FOLLOW_WORKFLOW,
        FollowInput(system="jira", hints=(TicketHint(system="jira", key="PAY-3", event_id="e1"),)),
        id="ticket-jira-PAY-3",
        task_queue="never",
    )
    async with core, tickets:
        with pytest.raises(WorkflowFailureError):
            await handle.result()
