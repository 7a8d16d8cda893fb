"""Shows approval requests to those who may decide, and rewrites what was shown once it is decided."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from activities._approval_groups import is_one_of_many, notice
from activities._approval_mail import asked_by_mail
from activities._card_look import look_in_chat
from activities._posting import post_once
from activities._run import outbox
from activities._texts import case_text, case_url, standing_of
from activities._ways import CHAT, MAIL, Way, chat_of, deliver, is_away, is_by_mail, mail_to, send_anew, way_to
from activities._world import World
from stanch.approvals import ApprovalRequest, ApprovalState, Outcome, Settled
from stanch.approvals.facts import request_facts
from stanch.approvals.model import APPROVE, DENY
from stanch.contract import ApprovalCall, ApprovalShown
from stanch.errors import ConnectorError, DependencyError, Rejected, RetrySafe, Uncertain
from stanch.ports import Message, Posted
from stanch.slack.signing import KEY_ID, Button, Verdict, button_token

MAX_CARDS = 10
LATE = timedelta(days=1)
AGAIN = (RetrySafe, Uncertain)  # what fails so is tried again
_Place = TypeVar("_Place")
_Done = TypeVar("_Done")


def show(world: World, call: ApprovalCall) -> ApprovalShown:
    """Post one card per place where approvers are, or say once that many wait; list the request as pending.

    Whom the chat system does not know gets a mail that leads to the console; so does everybody while it is down.
    """
    world.records.append(outbox(call.scene))
    world.records.put_approval(ApprovalState(request=call.request))
    ways = _ways_to(world, call.request)[:MAX_CARDS]
    if ways and is_one_of_many(world, call.request):
        notices = ((way, notice(world, call.request, way.place)) for way in ways)
        _each([(way, told) for way, told in notices if told], lambda pair: deliver(world, *pair))
        return ApprovalShown()
    posted = _each(ways, lambda way: _shown(world, call, way))
    return ApprovalShown(cards=tuple((card.channel, card.ref) for card in posted))


def close(world: World, call: ApprovalCall) -> ApprovalShown:
    """Take the buttons off every card and say who decided what, when and why; by mail it is said anew."""
    _settle(world, call)
    cards = [Posted(*card) for card in dict.fromkeys((*call.cards, *_remembered(world, call.request)))]
    cards = [card for card in cards if world.first(MAIL if is_by_mail(card.channel) else CHAT)]
    _each(cards, lambda card: _end(world, card, _ended(world, call, card.channel)))
    return ApprovalShown(cards=call.cards if cards else ())


def _remembered(world: World, request: ApprovalRequest) -> list[tuple[str, str]]:
    """Cards that were posted, also where showing them failed at the end: the case then knows of none."""
    with contextlib.suppress(DependencyError):
        return world.records.chat_cards(request.case_id, request.approval_id)
    return []


def _shown(world: World, call: ApprovalCall, way: Way) -> Posted:
    """Where the chat system fails somebody they are told by mail as well: a decision must not wait for it."""
    if way.port == MAIL:
        return deliver(world, way, asked_by_mail(world, call, way.place))
    try:
        return deliver(world, way, _card(world, call, way.place))
    except ConnectorError as error:
        other = mail_to(world, way.ref) if is_away(error) else None
        if other is None:
            raise
        letter = asked_by_mail(world, call, other.place)
        if not isinstance(error, AGAIN):
            return deliver(world, other, letter)
        with contextlib.suppress(ConnectorError):  # as the card is, this is tried again
            deliver(world, other, letter)
        raise


def _end(world: World, card: Posted, ended: Message) -> None:
    """Rewrite a card; where that is refused, for it was removed or is too old, say it anew."""
    if is_by_mail(card.channel):
        send_anew(world, card, replace(ended, key=f"{ended.key}-ended"))
        return
    port = chat_of(world)
    try:
        port.update(card, ended)
    except Rejected:
        post_once(world, port, replace(ended, key=f"{ended.key}-ended"))


def _each(places: Sequence[_Place], work: Callable[[_Place], _Done]) -> list[_Done]:
    """One place that fails keeps nobody else waiting.

    Raises:
        ConnectorError: one that may be tried again, else the first where none was reached.
    """
    done: list[_Done] = []
    failed: list[ConnectorError] = []
    for place in places:
        try:
            done.append(work(place))
        except ConnectorError as error:
            failed.append(error)
    again = [error for error in failed if isinstance(error, AGAIN)]
    if again or (failed and not done):
        raise (again or failed)[0]
    return done


def _settle(world: World, call: ApprovalCall) -> None:
    known = {outcome.value for outcome in Outcome}
    outcome = Outcome(call.outcome) if call.outcome in known else Outcome.CHOSEN
    if call.outcome == "withdrawn":
        outcome = Outcome.EXPIRED
    choice = call.outcome if outcome is Outcome.CHOSEN else ""
    settled = Settled(outcome=outcome, at=datetime.now(UTC), choice=choice, by=call.by, reason=call.reason)
    settled = settled.model_copy(update={"stood_in": call.stood_in})
    world.records.put_approval(ApprovalState(request=call.request, settled=settled))


def _ways_to(world: World, request: ApprovalRequest) -> list[Way]:
    """To each approver; a place where several are once."""
    people = dict.fromkeys(person for need in request.needs for person in need.from_ if person not in request.excluded)
    found = {way.place: way for person in people if (way := way_to(world, person)) is not None}
    return list(found.values())


def _card(world: World, call: ApprovalCall, place: str) -> Message:
    request = call.request
    card = Message(
        key=request.approval_id,
        channel=place,
        title="Decision needed",
        text=request.question,
        fields=(*request_facts(request, world.name_of), *standing_of(world, call.scene)),
        buttons=_buttons(world, request),
        context=(case_text(world, call.scene), f"Request {request.digest[:12]}", *_step_up(world, request)),
        case_id=request.case_id,
    )
    return replace(card, buttons=_buttons(world, request, look_in_chat(world, card)))


def _buttons(world: World, request: ApprovalRequest, look: str = "") -> tuple[tuple[str, str, str, str], ...]:
    """One button per answer, and one to read all. A card that does not fit keeps those ending in `deny`, `review`.

    What one person alone may decide is not decided here: the card leads to where they sign in again.
    """
    styles = {APPROVE: "primary", DENY: "danger"}
    answers = tuple(
        (
            answer.replace("_", " ").capitalize(),
            f"stanch.option.{answer}" if request.options else f"stanch.{answer}",
            _token(world, request, answer, look),
            styles.get(answer, ""),
        )
        for answer in request.verdicts
        if answer == DENY or not request.alone
    )
    return (*answers, ("Review", "stanch.review", _token(world, request, Verdict.REVIEW), ""))


def _step_up(world: World, request: ApprovalRequest) -> tuple[str, ...]:
    """Where one person may decide alone about something of high impact: not here."""
    if not request.high_impact:
        return ()
    where = case_url(world, request.case_id)
    who = "sign in again to decide, at" if request.alone else "two people, or one who has just signed in at"
    return (f"High impact: {who} {where}",)


def _token(world: World, request: ApprovalRequest, answer: str, look: str = "") -> str:
    """The token outlives the request by a day, so that a late click is told that it is late."""
    is_option = answer in request.options and answer is not Verdict.REVIEW  # an option may have that name
    button = Button(
        approval_id=request.approval_id,
        verdict=Verdict.OPTION if is_option else Verdict(answer),
        case_id=request.case_id,
        expires_at=request.expires_at + LATE,
        option=answer if is_option else "",
        digest=request.digest,
        look=look,
    )
    return button_token(button, key_id=KEY_ID, secret=world.button_secret)


def _speaker(world: World, person: str, absent: str) -> str:
    return f"{world.name_of(person)} for {world.name_of(absent)}" if absent else world.name_of(person)


def _ended(world: World, call: ApprovalCall, channel: str) -> Message:
    request = call.request
    stood_in = dict(call.stood_in)
    by = ", ".join(_speaker(world, person, stood_in.get(person, "")) for person in call.by)
    words = f"{call.outcome.replace('_', ' ').capitalize()}" + (f" by {by}" if by else "")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    reason = (("Reason", call.reason),) if call.reason else ()
    return Message(
        key=request.approval_id,
        channel=channel,
        title=words,
        text=request.question,
        fields=(("When", now), *reason),
        context=(case_text(world, call.scene),),
        case_id=request.case_id,
    )
