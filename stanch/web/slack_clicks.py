"""One handler for what people do in Slack, whichever way it came: a genuine click becomes a vote or a dialog."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stanch.approvals import Code
from stanch.errors import IntakeError
from stanch.slack.signing import KEY_ID, Button, Interaction, read_button_token
from stanch.slack.signing import Verdict as Pressed
from stanch.slack.views import PAGE, REVIEW, told
from stanch.web.decisions import Answer, Ballot, cast
from stanch.web.people import sentence
from stanch.web.refusals import note_refusal
from stanch.web.services import Services, now
from stanch.web.slack_people import Account, Who, who_is
from stanch.web.slack_places import NOT_HERE, misplaced
from stanch.web.slack_review import CHANGED, GONE, Asked, open_review, send_review, turn_page, where_of

ACK_SECONDS = 2.6  # Slack waits three, and then shows the person a warning
OURS = "stanch."
ALTERED = "I433"
NOT_AS_SENT = "Nothing was decided: this card does not read as it was sent."
WENT_WRONG = "Something went wrong here, so this may not be recorded. Try again, or open the case in the console."
SEE = "What is really asked is in the dialog."
# What is over or has changed loses its card's words anyway, mostly just before the click.
OVER = {
    GONE: Who(code=Code.SETTLED.value, refusal=GONE),
    CHANGED: Who(code=Code.STALE.value, refusal=CHANGED),
}
LINKS = "stanch.open"  # buttons that only open a page; Slack tells us of them too

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """What the person is told, for them alone, and what Slack's own request is answered with."""

    text: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict[str, Any])


async def take(services: Services, deed: Interaction) -> Taken:
    """Do what was asked, or say why not; raises nothing that the person could be told."""
    try:
        taken = await _take(services, deed)
    except Exception as error:  # its text may be somebody else's, and silence would look as if it had worked
        _log.error("slack: unexpected %s", type(error).__name__)
        taken = Taken(WENT_WRONG)
    if deed.kind == "view_submission" and taken.text:
        return Taken(answer={"response_action": "update", "view": told("Decision", taken.text)})
    return taken


async def _take(services: Services, deed: Interaction) -> Taken:
    if not deed.action_id.startswith(OURS) or deed.action_id.startswith(LINKS):
        return Taken()
    is_dialog = deed.kind == "view_submission" or deed.action_id.startswith(PAGE)
    account, at = Account(deed.user_id, deed.team_id, deed.enterprise_id, deed.api_app_id), now()
    try:
        button = read_button_token(
            deed.metadata if is_dialog else deed.value, secrets={KEY_ID: services.keys.buttons}, now=at
        )
    except IntakeError as error:
        await note_refusal(services, account, Who(code=error.code, refusal=error.message), button=None)
        return Taken(f"{_capital(error.message)}. {_capital(error.hint)}.")
    # Both at once: the time that Slack gives is for the vote.
    who, elsewhere = await asyncio.gather(who_is(services, account), misplaced(services, deed, button))
    if not who.refusal and elsewhere:
        who = NOT_HERE
    if who.refusal:
        await note_refusal(services, account, who, button=button)
        return Taken(who.refusal)
    return await _done(services, Asked(deed, button, who.principal, at))


async def _done(services: Services, asked: Asked) -> Taken:
    deed = asked.deed
    if deed.kind == "view_submission":
        return Taken(answer=await send_review(services, asked))
    if deed.action_id.startswith(PAGE):
        return Taken(await turn_page(services, asked))
    if not as_sent(deed, asked.button):
        return Taken(await _shown_instead(services, asked))
    if asked.button.verdict is Pressed.REVIEW:
        return Taken(await open_review(services, asked))
    return Taken(await _vote(services, asked))


def as_sent(deed: Interaction, button: Button) -> bool:
    """Whether the card read as we had sent it: who holds our token for Slack can write over it, buttons and all.

    A button of ours below another label, or anywhere but on its card, is not as we sent it either.
    """
    answer = f"option.{button.option}" if button.verdict is Pressed.OPTION else button.verdict
    named = deed.action_id == f"{OURS}{answer}"
    shows = button.verdict is Pressed.REVIEW and deed.action_id.startswith(REVIEW)
    return (named or shows) and not deed.fleeting and (not button.look or button.look == deed.look)


async def _shown_instead(services: Services, asked: Asked) -> str:
    """The dialog, which shows what the case itself asks; what is over or has changed anyway is told as ever."""
    told, deed = await open_review(services, asked), asked.deed
    who = OVER.get(told) or Who(code=ALTERED, refusal=NOT_AS_SENT)
    await note_refusal(services, Account(deed.user_id, deed.team_id, deed.enterprise_id), who, button=asked.button)
    return told if told in OVER else f"{NOT_AS_SENT} {told or SEE}"


async def _vote(services: Services, asked: Asked) -> str:
    deed, button = asked.deed, asked.button
    ballot = Ballot(
        case_id=button.case_id,
        approval_id=button.approval_id,
        digest=button.digest,
        verdict=verdict_of(button),
        via="slack",
        click=f"{deed.user_id}:{deed.message_ts or deed.view_id}:{deed.action_ts}",
        at=asked.at,
    )
    answer = await cast(services, ballot, principal=asked.principal)
    if answer.code == Code.NEEDS_REASON:  # the dialog asks for it
        return await open_review(services, asked)
    return _told(services, answer, button.case_id)


def verdict_of(button: Button) -> str:
    return button.option or button.verdict.value


def _told(services: Services, answer: Answer, case_id: str) -> str:
    """What became of a vote, in words."""
    where = f" {where_of(services, answer, case_id)}" if answer.code == Code.NEEDS_STEP_UP else ""
    return sentence(services.policy.current.routes.people, answer.message) + where


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
