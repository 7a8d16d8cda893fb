"""The home of a person in Slack: what waits for their decision, and the cases that are theirs."""

from __future__ import annotations

import asyncio

from stanch.approvals import ApprovalRequest
from stanch.approvals.facts import moment
from stanch.errors import StanchError
from stanch.records import CaseFilter, CaseRow
from stanch.seats import may_vote
from stanch.slack.signing import KEY_ID, Button, button_token
from stanch.slack.signing import Verdict as Pressed
from stanch.slack.views import ASKED, OWN, Item, View, home
from stanch.web.chat_calls import chat_call
from stanch.web.services import Services, now
from stanch.web.slack_people import Account, who_is
from stanch.web.slack_review import case_url, surface_of

MOST = 1000  # open approvals that are looked through, soonest end first


async def show_home(services: Services, account: Account) -> None:
    """Publish the home of whoever has just opened it; whom we do not know sees why it is empty."""
    surface = surface_of(services.registry.chat())
    if surface is None:
        return
    who = await who_is(services, account)
    try:
        view = home([], [], note=who.refusal) if who.refusal else await _home(services, who.principal)
    except StanchError as error:
        view = home([], [], note=f"This cannot be shown right now: {error.message}.")
    try:
        await chat_call(lambda: surface.publish_home(account.user_id, view))
    except StanchError:
        return  # it is shown when it is opened again


async def _home(services: Services, principal: str) -> View:
    asked, own = await asyncio.gather(waiting_for(services, principal), cases_of(services, principal))
    return home(
        [_asked(services, request) for request in asked[:ASKED]],
        [Item(case_line(row), url=case_url(services, row.case_id)) for row in own[:OWN]],
        more=(len(asked) - ASKED, len(own) - OWN),
    )


async def waiting_for(services: Services, principal: str) -> list[ApprovalRequest]:
    """What this person may decide, also for somebody who is away, and has not yet; soonest end first."""
    found = await asyncio.to_thread(services.records.approvals, limit=MOST)
    people, at = services.policy.current.routes.people, now()
    return [state.request for state in found if may_vote(people, state, principal, at)]


async def cases_of(services: Services, principal: str) -> list[CaseRow]:
    """Open cases that this person has."""
    mine = CaseFilter(assignee=principal, open=True)
    return await asyncio.to_thread(services.records.cases, mine, limit=100)


def case_line(row: CaseRow) -> str:
    due = f", due {moment(row.due)}" if row.due is not None else ""
    return f"{row.case_id} {row.severity}: {row.title} ({row.state}{due})"


def _asked(services: Services, request: ApprovalRequest) -> Item:
    button = Button(
        approval_id=request.approval_id,
        verdict=Pressed.REVIEW,
        case_id=request.case_id,
        expires_at=request.expires_at,
        digest=request.digest,
    )
    return Item(
        text=f"{request.question} (case {request.case_id}, until {moment(request.expires_at)})",
        token=button_token(button, key_id=KEY_ID, secret=services.keys.buttons),
        url=case_url(services, request.case_id),
    )
