"""News of a ticket on its way to its case: a signal to a case that lives, a new beginning for one that is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import FindingReport
from stanch.findings import Finding, view_of
from stanch.inventory import ApiInventory
from stanch.records import Entry, Records
from stanch.reporting import CALL, bring
from stanch.tickets.following import News
from stanch.tickets.taking import MOST_RETURNS
from stanch.wire_tickets import FollowInput, TicketHint

PERSON = "user:"
RETURNED = "ticket.opened_again"


async def tell(client: Client, records: Records, inventory: ApiInventory, news: News) -> bool:
    """Tell the case and then remember that it knows; a reopened ticket opens a case that is over again.

    Returns:
        False where the case is over and has nothing to do about it.

    Raises:
        RPCError: Temporal did not take it; nothing is remembered.
    """
    told = True
    try:
        handle = client.get_workflow_handle(news.case_id)
        await handle.signal(contract.TICKET_CHANGED, news.change, rpc_timeout=CALL)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        told = news.reopens and await _again(client, records, inventory, news)
    await asyncio.to_thread(remember, records, news)
    return told


async def _again(client: Client, records: Records, inventory: ApiInventory, news: News) -> bool:
    """A person's reopen wins, also over what was put away; that of anybody else counts a few times, and not over it."""
    case_id, by, now = news.case_id, news.change.by or "ticket", datetime.now(UTC)
    is_person = by.startswith(PERSON)
    if is_person and await asyncio.to_thread(records.unsuppress, case_id, by=by, at=now):
        await asyncio.to_thread(_write, records, news, "suppression.ended", by=by)
    if not is_person and not await asyncio.to_thread(_may_return, records, case_id, now):
        return False
    found = await start_again(client, records, inventory, case_id=case_id, by=by, command_id=news.change.event_id)
    if found and not is_person:
        await asyncio.to_thread(_write, records, news, RETURNED, by=by)
    return found


def _may_return(records: Records, case_id: str, now: datetime) -> bool:
    """The ledger keeps count, since the workflow that could is over."""
    before = sum(line.event == RETURNED for line in records.timeline(case_id))
    return before < MOST_RETURNS and not records.suppressions_of([case_id], now)


def _write(records: Records, news: News, event: str, *, by: str) -> None:
    key, now = f"reopened:{news.change.event_id}", datetime.now(UTC)
    line = Entry(case_id=news.case_id, episode="endings", key=key, time=now, actor=by, event=event, data={})
    records.append([line])


def remember(records: Records, news: News) -> None:
    """What the case has been told from now on."""
    after, change = news.after, news.change
    if change.was:
        records.rename_ticket(after.system, change.was, after.key)
    records.see_ticket(after)


async def start_again(
    client: Client, records: Records, inventory: ApiInventory, *, case_id: str, by: str, command_id: str
) -> bool:
    """The workflow of a closed case is gone: a new one starts with the newest finding, asked for by this person.

    Returns:
        False where nothing is known that it could start with.
    """
    found = await asyncio.to_thread(records.newest_finding, case_id)
    if found is None:
        return False
    finding = Finding.model_validate(found.body)
    again = FindingReport(
        delivery_id=f"reopen/{command_id}",
        source=found.source,
        finding=view_of(finding, inventory),
        assurance=finding.metadata.assurance.value,
        requested_by=by,
    )
    await bring(client, case_id, again)
    return True


async def follow_later(client: Client, hint: TicketHint) -> None:
    """Have the ticket looked at as soon as its tracker answers; hints for one ticket share one workflow."""
    await client.start_workflow(
        contract.TICKET_FOLLOW_WORKFLOW,
        FollowInput(system=hint.system),
        id=f"ticket-{hint.system}-{hint.ticket_id or hint.key}",
        task_queue=contract.queue(Queue.CORE),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=contract.TICKET_HINT,
        start_signal_args=[hint],
        rpc_timeout=CALL,
    )
