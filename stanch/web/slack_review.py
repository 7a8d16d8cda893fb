"""The dialog in which an approval is read whole and decided; it shows what the case itself asks at that moment."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from stanch.approvals import Code
from stanch.chat_surface import ChatSurface, View
from stanch.contract import ApprovalView
from stanch.errors import StanchError
from stanch.ports import ChatPort
from stanch.slack.signing import KEY_ID, Button, Interaction, button_token
from stanch.slack.signing import Verdict as Pressed
from stanch.slack.views import PAGE, REASON, VERDICT, request_pages, review, told
from stanch.web.chat_calls import chat_call
from stanch.web.decisions import Answer, Ballot, Fate, cast
from stanch.web.looking import pending
from stanch.web.people import sentence, shown_name
from stanch.web.services import Services
from stanch.web.temporal import view_of_case

LOOK_SECONDS = 0.9
LAST, MIDDLE = "last", "page"  # what the token of a dialog's page says of it

GONE = "This is no longer asked: it was decided, withdrawn, or has expired. The case shows what became of it."
CHANGED = "What is asked has changed since this was shown. Open the case, or wait for the new card."
NO_DIALOG = "Slack did not open the dialog. Press Review again, or open the case: "
STALE_PAGE = "This page is not the newest. Close it and press Review again."


@dataclass(frozen=True)
class Asked:
    """A person's deed about an approval, once button and person are proven; it came in at `at`."""

    deed: Interaction
    button: Button
    principal: str
    at: datetime | None = None


async def open_review(services: Services, asked: Asked) -> str:
    """Open the dialog; gives why not, or nothing."""
    surface = surface_of(services.registry.chat())
    item = await _current(services, asked.button)
    if isinstance(item, str):
        return item
    if surface is not None:
        view = _page(services, item, asked.button, number=1)
        try:
            await chat_call(lambda: surface.open_view(asked.deed.trigger_id, view))
        except StanchError:
            pass
        else:
            return ""
    return NO_DIALOG + case_url(services, asked.button.case_id)


async def turn_page(services: Services, asked: Asked) -> str:
    """Show another page of the dialog; what is wrong is said in the dialog itself."""
    surface = surface_of(services.registry.chat())
    wanted = asked.deed.action_id.removeprefix(PAGE)
    if surface is None or not wanted.isdecimal() or len(wanted) > 4 or not asked.deed.view_id:
        return STALE_PAGE
    item = await _current(services, asked.button)
    view = told("Review", item) if isinstance(item, str) else _page(services, item, asked.button, number=int(wanted))
    try:
        await chat_call(lambda: surface.change_view(asked.deed.view_id, view, seen=asked.deed.view_hash))
    except StanchError:
        return STALE_PAGE
    return ""


async def send_review(services: Services, asked: Asked) -> Mapping[str, Any]:
    """Take the answer of the dialog; gives what Slack is answered with."""
    deed, button = asked.deed, asked.button
    given = dict(deed.inputs)
    if button.verdict is not Pressed.REVIEW or button.option != LAST:
        return _replaced(STALE_PAGE)
    if not given.get(VERDICT):
        return _wrong(VERDICT, "Choose one.")
    reason = given.get(REASON, "")
    # Sent again with a reason it is another decision: the first stays refused.
    about = hashlib.sha256(reason.encode("utf-8", "replace")).hexdigest()[:16]
    ballot = Ballot(
        case_id=button.case_id,
        approval_id=button.approval_id,
        digest=button.digest,
        verdict=given[VERDICT],
        via="slack",
        click=f"{deed.user_id}:{deed.view_id or deed.trigger_id}:{about}",
        reason=reason,
        at=asked.at,
    )
    return _said(services, await cast(services, ballot, principal=asked.principal), button)


def _said(services: Services, answer: Answer, button: Button) -> Mapping[str, Any]:
    words = sentence(services.policy.current.routes.people, answer.message)
    if answer.code == Code.NEEDS_REASON:
        return _wrong(REASON, words)
    if answer.fate is Fate.LOST:
        return _wrong(VERDICT, words)  # the dialog stays, so that it can be sent again
    return _replaced(f"{words} {where_of(services, answer, button.case_id)}")


def _wrong(block: str, words: str) -> Mapping[str, Any]:
    return {"response_action": "errors", "errors": {block: words}}


def _replaced(words: str) -> Mapping[str, Any]:
    return {"response_action": "update", "view": told("Decision", words)}


def surface_of(port: ChatPort | None) -> ChatSurface | None:
    return port if isinstance(port, ChatSurface) else None


def case_url(services: Services, case_id: str) -> str:
    return f"{services.settings.public_url}/cases/{case_id}"


def proof_url(services: Services, case_id: str) -> str:
    """Where a person signs in again and is led back to the case."""
    return f"{services.settings.public_url}/step-up?next=/cases/{case_id}"


def where_of(services: Services, answer: Answer, case_id: str) -> str:
    """Where to go on after an answer."""
    is_proof_wanted = answer.code == Code.NEEDS_STEP_UP
    return proof_url(services, case_id) if is_proof_wanted else case_url(services, case_id)


async def _current(services: Services, button: Button) -> ApprovalView | str:
    """The approval as its case has it, or why there is nothing to show.

    Where no worker answers in time, as records have it: it is shown only if it is what the button was made for.
    """
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            live = await view_of_case(services.client, button.case_id)
    except TimeoutError:
        live = None
    try:
        found = live.approvals if live is not None else await pending(services, case_id=button.case_id)
    except StanchError:
        return "The case does not answer right now. Try again in a moment."
    item = next((one for one in found if one.request.approval_id == button.approval_id), None)
    if item is None or item.settled:
        return GONE
    return item if item.request.digest == button.digest else CHANGED


def _page(services: Services, item: ApprovalView, button: Button, *, number: int) -> View:
    people = services.policy.current.routes.people
    request = item.request
    pages = request_pages(request, item.votes, lambda name: shown_name(people, name))
    number = min(max(number, 1), len(pages))
    proof = replace(button, verdict=Pressed.REVIEW, option=LAST if number == len(pages) else MIDDLE)
    return review(
        request,
        pages[number - 1],
        number=number,
        of=len(pages),
        metadata=button_token(proof, key_id=KEY_ID, secret=services.keys.buttons),
        url=proof_url(services, request.case_id) if request.alone else case_url(services, request.case_id),
    )
