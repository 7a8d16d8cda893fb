"""Shows approval requests to those who may decide, and rewrites what was shown once it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from activities._approval_groups import is_one_of_many, notice
from activities._card_look import look_in_chat
from activities._names import channel_of
from activities._posting import post_once
from activities._run import outbox
from activities._texts import case_text, case_url, standing_of
from activities._world import World
from stanch.approvals import ApprovalRequest, ApprovalState, Outcome, Settled
from stanch.approvals.facts import request_facts
from stanch.approvals.model import APPROVE, DENY
from stanch.contract import ApprovalCall, ApprovalShown
from stanch.errors import Rejected
from stanch.ports import ChatPort, Message, Posted
from stanch.slack_signing import KEY_ID, Button, Verdict, button_token

MAX_CARDS = 10
LATE = timedelta(days=1)
_Place = TypeVar("_Place")
_Done = TypeVar("_Done")


def show(world: World, call: ApprovalCall) -> ApprovalShown:
    """Post one card per place where approvers are, or say once that many wait; list the request as pending."""
    world.records.append(outbox(call.scene))
    world.records.put_approval(ApprovalState(request=call.request))
    name = world.first("chat")
    if not name:
        return ApprovalShown()
    port: ChatPort = world.connector("chat", name)
    places = _places(world, call.request, str(world.sections("chat")[name].get("kind", name)))
    if is_one_of_many(world, call.request):
        notices = (notice(world, call.request, place) for place in places[:MAX_CARDS])
        _each([told for told in notices if told is not None], port.post)
        return ApprovalShown()
    posted = _each(places[:MAX_CARDS], lambda place: post_once(world, port, _card(world, call, place)))
    return ApprovalShown(cards=tuple((card.channel, card.ref) for card in posted))


def close(world: World, call: ApprovalCall) -> ApprovalShown:
    """Take the buttons off every card and say who decided what, when and why."""
    _settle(world, call)
    name = world.first("chat")
    if not name or not call.cards:
        return ApprovalShown()
    port: ChatPort = world.connector("chat", name)
    _each(call.cards, lambda card: _end(world, port, Posted(*card), _ended(world, call, card[0])))
    return ApprovalShown(cards=call.cards)


def _end(world: World, port: ChatPort, card: Posted, ended: Message) -> None:
    """Rewrite a card; where that is refused, for it was removed or is too old, say it anew."""
    try:
        port.update(card, ended)
    except Rejected:
        post_once(world, port, replace(ended, key=f"{ended.key}-ended"))


def _each(places: Sequence[_Place], work: Callable[[_Place], _Done]) -> list[_Done]:
    """One place that the chat system refuses keeps nobody else waiting.

    Raises:
        Rejected: it refused all of them.
    """
    done: list[_Done] = []
    refused: list[Rejected] = []
    for place in places:
        try:
            done.append(work(place))
        except Rejected as error:
            refused.append(error)
    if refused and not done:
        raise refused[0]
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


def _places(world: World, request: ApprovalRequest, kind: str) -> list[str]:
    """Each approver's own place; the same place once."""
    people = [person for need in request.needs for person in need.from_ if person not in request.excluded]
    found = (channel_of(world, person, kind) for person in people)
    return list(dict.fromkeys(place for place in found if place))


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
    """One button per answer, and one to read all. A card that does not fit keeps those ending in `deny`, `review`."""
    styles = {APPROVE: "primary", DENY: "danger"}
    answers = tuple(
        (
            answer.replace("_", " ").capitalize(),
            f"stanch.option.{answer}" if request.options else f"stanch.{answer}",
            _token(world, request, answer, look),
            styles.get(answer, ""),
        )
        for answer in request.verdicts
    )
    return (*answers, ("Review", "stanch.review", _token(world, request, Verdict.REVIEW), ""))


def _step_up(world: World, request: ApprovalRequest) -> tuple[str, ...]:
    """Where one person may decide alone about something of high impact: not here."""
    where = case_url(world, request.case_id)
    return (f"High impact: two people, or one who has just signed in at {where}",) if request.high_impact else ()


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
