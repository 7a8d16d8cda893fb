"""What goes on between cases and trackers without any one case: notes, polls, looks that must wait, comparisons."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, RetryState, is_cancelled_exception

from stanch import contract
from stanch.catalog import Queue
from stanch.wire_tickets import FollowInput, PollCall, ReconcileCall, Reconciled, TicketHint

TICKETS = contract.queue(Queue.TICKETS)
BEATS = timedelta(seconds=30)
ONE_TRY = RetryPolicy(maximum_attempts=1)
LONGEST_LOOK = timedelta(hours=1)  # then a new run goes on
PATIENT = RetryPolicy(maximum_interval=timedelta(minutes=5))


@workflow.defn(name=contract.TICKET_NEWS_WORKFLOW)
class TicketNewsWorkflow:
    """One pass over the tickets that have not been told of their cases; the Schedule starts the next."""

    @workflow.run
    async def run(self) -> int:
        """Write what is due.

        Returns:
            How many notes were written.
        """
        written: int = await workflow.execute_activity(
            contract.TICKETS_TELL,
            result_type=int,
            task_queue=TICKETS,
            start_to_close_timeout=timedelta(minutes=10),
            schedule_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=BEATS,
            retry_policy=ONE_TRY,
        )
        return written


@workflow.defn(name=contract.TICKET_POLL_WORKFLOW)
class TicketPollWorkflow:
    """One poll of a tracker that cannot call back; how far it came is the result, and the next one starts there."""

    @workflow.run
    async def run(self, system: str) -> str:
        """Look for what changed.

        Returns:
            The watermark: an ISO time, by the tracker's clock.
        """
        last = workflow.get_last_completion_result(str) or ""
        reached: str = await workflow.execute_activity(
            contract.TICKETS_POLL,
            PollCall(system=system, since=last),
            result_type=str,
            task_queue=TICKETS,
            start_to_close_timeout=timedelta(minutes=10),
            schedule_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=BEATS,
            retry_policy=PATIENT,
        )
        return reached


@workflow.defn(name=contract.TICKET_FOLLOW_WORKFLOW)
class TicketFollowWorkflow:
    """Looks at one ticket as soon as its tracker answers; further hints meanwhile mean one more look."""

    @workflow.init
    def __init__(self, start: FollowInput) -> None:
        self._hint = start.hints[-1] if start.hints else None

    @workflow.run
    async def run(self, start: FollowInput) -> None:
        """Live until the newest hint has been followed."""
        await workflow.wait_condition(lambda: self._hint is not None)
        while self._hint is not None:
            looked = self._hint
            try:
                await workflow.execute_activity(
                    contract.TICKETS_FOLLOW,
                    looked,
                    task_queue=TICKETS,
                    start_to_close_timeout=timedelta(seconds=60),
                    schedule_to_close_timeout=LONGEST_LOOK,
                    heartbeat_timeout=BEATS,
                    retry_policy=PATIENT,
                )
            except ActivityError as error:
                if is_cancelled_exception(error) or error.retry_state is RetryState.NON_RETRYABLE_FAILURE:
                    raise
                self._begin_anew(start.system)
            if self._hint is looked:
                return
            if workflow.info().is_continue_as_new_suggested():
                self._begin_anew(start.system)

    def _begin_anew(self, system: str) -> None:
        """Hints that came while the tracker was silent are history that a new run does not have."""
        workflow.continue_as_new(FollowInput(system=system, hints=(self._hint,) if self._hint is not None else ()))

    @workflow.signal(name=contract.TICKET_HINT)
    def hint(self, hint: TicketHint) -> None:
        """The ticket has changed again; the ticket is what counts, so that only the newest hint is kept."""
        self._hint = hint


@workflow.defn(name=contract.TICKET_RECONCILE_WORKFLOW)
class TicketReconcileWorkflow:
    """The nightly comparison of every living case with its ticket, a page an activity."""

    @workflow.run
    async def run(self, start: ReconcileCall) -> int:
        """Compare to the end.

        Returns:
            How many differences there were.
        """
        found, call = 0, start
        while True:
            page: Reconciled = await workflow.execute_activity(
                contract.TICKETS_RECONCILE,
                call,
                result_type=Reconciled,
                task_queue=TICKETS,
                start_to_close_timeout=timedelta(minutes=10),
                heartbeat_timeout=BEATS,
                retry_policy=PATIENT,
            )
            found += len(page.differences)
            if page.next is None:
                return found
            call = call.model_copy(update={"after": page.next})
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(call)
            await asyncio.sleep(1)  # other work on trackers goes between the pages
