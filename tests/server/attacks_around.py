"""What attackers and accidents do around a decision: to cards, to the line, to workers, between click and change."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from attack_support import ROUTES, Target, card_of, switch
from attacks import Attack, Off, off
from web_support import eventually

from activities import _run
from stanch.chat_surface import LineState
from stanch.contract import CLOSE_APPROVAL, DECIDE_LATER, SHOW_APPROVAL
from stanch.errors import Rejected
from stanch.routing import load_routes
from stanch.sinks.slack_blocks import plain_text
from stanch.web.slack_people import Account
from stanch.web.slack_socket import TOO_MANY, Socket

HOSTILE = "<!channel> <@U01EVE> <https://evil.example|Deny> *fine*"
TURNED = "harmless \u202e)evil("
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWxsb3J5In0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"


# -- the card ---------------------------------------------------------------------------------------------------------


def rewritten_card(target: Target, name: str) -> bool:
    """With a stolen bot token: our own button, and other words above it."""
    request = target.ask(name)
    blocks, button = card_of(target, request)
    blocks[1]["text"] = plain_text("Send the weekly report?")
    answer = target.press(button, message={"blocks": blocks})
    return not target.still_asks(request) or "does not read as it was sent" not in answer.json()["text"]


def swapped_button(target: Target, name: str) -> bool:
    """The button of one card below the words of another."""
    request, other = target.ask(name), target.ask(f"{name}-other", "pair")
    blocks, _ = card_of(target, other)
    _, button = card_of(target, request)
    target.press(button, message={"blocks": blocks})
    return not target.still_asks(request)


def swapped_answers(target: Target, name: str) -> bool:
    """The token of "approve" under the button that says "deny", on a card that is otherwise as it was sent."""
    request = target.ask(name)
    blocks, button = card_of(target, request)
    target.press(button, message={"blocks": blocks}, action="stanch.deny")
    return not target.still_asks(request)


def button_elsewhere(target: Target, name: str) -> bool:
    """The token in a page of the app's home, of which Slack brings no words back with a click."""
    request = target.ask(name)
    _, button = card_of(target, request)
    target.press(button)
    return not target.still_asks(request)


def fleeting_card(target: Target, name: str) -> bool:
    """A message for one person only, of which Slack brings nothing back with a click."""
    request = target.ask(name)
    _, button = card_of(target, request)
    target.press(button, fleeting=True)
    return not target.still_asks(request)


def removed_card(target: Target, name: str) -> bool:
    """The card is gone when it is decided: nobody learns how it ended."""
    request, chat = target.ask(name), target.workspace

    def gone(*_: Any) -> None:
        raise Rejected("there is no such message", code="V211")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat, "update", gone)
        target.decide(request, by="user:maria")
        eventually(lambda: target.has_ended(str(request["case_id"]), CLOSE_APPROVAL))
        return not [one for one in chat.posted if one.key == f"{request['approval_id']}-ended"]


def archived_channel(target: Target, name: str) -> bool:
    """Nobody gets a card, and nobody is told that nobody has."""

    def closed(*_: Any) -> None:
        raise Rejected("the channel is archived", code="V211")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target.workspace, "post", closed)
        request = target.ask(name)
        eventually(lambda: target.has_ended(str(request["case_id"]), SHOW_APPROVAL))
    # What the case has to say of it stands before whatever is said to it afterwards.
    target.http.post(
        f"/v1/cases/{request['case_id']}/comment", json={"text": "and now?"}, headers=target.api(by="user:maria")
    )
    eventually(lambda: "case.comment" in _told(target, request))
    return "approval.not_shown" not in _told(target, request)


def markup(target: Target, name: str) -> bool:
    """Words of a finding that mention everybody, or lead elsewhere."""
    shown, text = _words_on_card(target, name, HOSTILE)
    parsed = [one["text"] for one in shown if one["type"] == "mrkdwn"]
    return any(sign in words for words in (*parsed, text) for sign in ("<!channel>", "<@U01EVE>", "<https:"))


def turned_text(target: Target, name: str) -> bool:
    """Words that show in another order than they are."""
    shown, text = _words_on_card(target, name, TURNED)
    return any("\u202e" in words for words in (*(one["text"] for one in shown), text))


def secret_on_card(target: Target, name: str) -> bool:
    """A credential in a finding gets to everybody in the channel."""
    shown, text = _words_on_card(target, name, f"leaks {SECRET}")
    return any(SECRET in words for words in (*(one["text"] for one in shown), text))


def secret_in_error(target: Target, name: str) -> bool:
    """What a library says when it fails gets into the history."""

    def fail(_message: Any) -> Any:
        raise RuntimeError(f"POST failed: Bearer {SECRET}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target.workspace, "post", fail)
        request = target.ask(name)
        known = eventually(lambda: _with_failure(target, request))
    return SECRET in known


# -- the way of a click -----------------------------------------------------------------------------------------------


def other_workspace(target: Target, name: str) -> bool:
    """A workspace of the attacker's, with an account of the same id."""
    request = target.ask(name)
    answer = target.press(target.token(request), team="T0EVIL")
    return not target.still_asks(request) or "another workspace" not in answer.json()["text"]


def twice_the_same(target: Target, name: str) -> bool:
    """Slack brings one click twice: the second is told something else, or counts."""
    request = target.ask(name, "pair")
    value, stamp = target.token(request), int(time.time())
    first, second = (target.press(value, ts=f"1900.{stamp % 10**6}", stamp=str(stamp - age)).json() for age in (0, 1))
    return bool(first["text"] != second["text"] or len(target.votes(request)) > 1)


class Mute:
    """A client of a Temporal that nothing gets to."""

    def get_workflow_handle(self, _case_id: str) -> Mute:
        return self

    async def _lost(self, *_given: Any, **_more: Any) -> None:
        await asyncio.sleep(30)

    execute_update = signal = query = _lost


def crash_after_the_answer(target: Target, name: str) -> bool:
    """Slack has its answer, and the web process dies before anybody has the vote: it is lost, and nobody knows."""
    request, client = target.ask(name), target.services.client
    target.services.client = Mute()  # type: ignore[assignment]
    try:
        answer = target.press(target.token(request))
    finally:
        target.services.client = client
    return answer.status_code == 200 and "ot recorded" not in answer.json().get("text", "")


class Foreign:
    """A line beside which somebody else has one."""

    def state(self) -> LineState:
        return LineState(connected=True, connections=2)


def stolen_line(target: Target, _name: str) -> bool:
    """Who has the app token opens a line and swallows clicks; nothing says so."""
    socket = Socket(target.services)
    socket._line = Foreign()  # type: ignore[assignment]
    return TOO_MANY not in socket.check()["slack"].get("hint", "")


def deadline_without_a_worker(target: Target, name: str) -> bool:
    """No worker from before the end of two requests until after it: a click in time counts once, a late one never."""
    early, late = _asked_and_alone(target, name)
    try:
        clicks = [target.press(target.token(early)) for _ in range(2)]
        was_in_time = datetime.now(UTC) < datetime.fromisoformat(early["expires_at"])
        while datetime.now(UTC) <= datetime.fromisoformat(late["expires_at"]):
            time.sleep(0.1)
        clicks.append(target.press(target.token(late)))
        assert all("recorded" in click.json()["text"].lower() for click in clicks)
        assert target.signals(str(early["case_id"])).count(DECIDE_LATER) == 1
    finally:
        target.start_workers()
    ended = eventually(lambda: _outcome(target, late))
    is_counted = target.is_approved(early)
    assert is_counted or not was_in_time, "a click in time was lost"
    return str(ended) == "approved"


# -- between the click and the change ---------------------------------------------------------------------------------


def left_before_the_change(target: Target, name: str) -> bool:
    """Approves, and is out of the team before anything is done: the process that acts does not look again."""
    request, store = target.ask(name), target.world.policy
    routes = ROUTES.replace("members: [user:tom, user:maria]", "members: [user:tom]")
    without = replace(store.current, routes=load_routes(routes))
    target.world.policy = SimpleNamespace(current=without, texts=without.texts)  # type: ignore[assignment]
    try:
        _approve(target, request)
        return target.is_approved(request)
    finally:
        target.world.policy = store


def widened_plan(target: Target, name: str) -> bool:
    """What is about to be done has become more than was asked."""
    request, perform = target.ask(name), _run.perform

    def wider(world: Any, job: Any, *more: Any) -> Any:
        if job.call.action == "block.scope":
            params = {**job.call.params, "path": f"/one/{name}/**"}
            job = replace(job, call=job.call.model_copy(update={"params": params}))
        return perform(world, job, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "perform", wider)
        _approve(target, request)
        return target.is_approved(request)


def _approve(target: Target, request: dict[str, Any]) -> None:
    said = target.press(target.token(request)).json()["text"]
    assert "Approved" in said or "it counts as soon as" in said  # the latter on a busy machine


# -- looks ------------------------------------------------------------------------------------------------------------


def _told(target: Target, request: dict[str, Any]) -> list[str]:
    return [line.event for line in target.records.timeline(str(request["case_id"]))]


def _with_failure(target: Target, request: dict[str, Any]) -> str:
    known = target.history(str(request["case_id"]))
    return known if "last_failure" in known else ""


def _asked_and_alone(target: Target, name: str) -> list[dict[str, Any]]:
    """Two requests that are open when the last worker has stopped; on a busy machine not at the first try."""
    for attempt in range(5):
        asked = [target.ask(f"{name}-{attempt}-{which}", "short") for which in ("early", "late")]
        target.stop_workers()
        if datetime.now(UTC) < datetime.fromisoformat(asked[0]["expires_at"]):
            return asked
        target.start_workers()
    raise AssertionError("the machine is too busy")


def _is_shown(target: Target, request: dict[str, Any]) -> bool:
    return any(one.key == request["approval_id"] for one in target.workspace.posted)


def _outcome(target: Target, request: dict[str, Any]) -> str:
    found = target.records.approval(str(request["approval_id"]))
    return found.settled.outcome.value if found is not None and found.settled is not None else ""


def _words_on_card(target: Target, name: str, title: str) -> tuple[list[dict[str, Any]], str]:
    """Every text object of a finding's card, and what a notification shows."""
    request = target.ask(name, "words", title=f"{name} {title}")
    eventually(lambda: _is_shown(target, request))
    shown = target.rendered(request)
    texts: list[dict[str, Any]] = []
    todo: list[Any] = list(shown.blocks)
    while todo:
        part = todo.pop()
        texts += [part] if isinstance(part, dict) and isinstance(part.get("text"), str) else []
        todo += list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
    return texts, shown.text


def any_number_of_lines(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Socket, "expected", property(lambda _: 99))


def no_check_of_plans(patch: pytest.MonkeyPatch) -> None:
    for name in ("covers", "_covers_lease"):
        switch(patch, lambda *_, **__: True, f"activities._guard.{name}")


def no_cleaning(patch: pytest.MonkeyPatch) -> None:
    for place in ("slack.clean", "slack_blocks.clean", "text.clean"):
        switch(patch, lambda text: text, f"stanch.sinks.{place}")


def telling(error: Exception) -> Exception:
    return RuntimeError(str(error))


AROUND: dict[str, tuple[Attack, Off]] = {
    "rewritten": (rewritten_card, off(lambda *_: True, "stanch.web.slack_clicks.as_sent")),
    "swapped": (swapped_button, off(lambda *_: True, "stanch.web.slack_clicks.as_sent")),
    "relabelled": (swapped_answers, off(lambda *_: True, "stanch.web.slack_clicks.as_sent")),
    "elsewhere-ours": (button_elsewhere, off(lambda *_: True, "stanch.web.slack_clicks.as_sent")),
    "fleeting": (fleeting_card, off(lambda *_: True, "stanch.web.slack_clicks.as_sent")),
    "deleted": (removed_card, off(lambda *_: None, "activities.approvals._end")),
    "archived": (archived_channel, off(lambda *_: [], "activities.approvals._each")),
    "markup": (
        markup,
        off(lambda text: {"type": "mrkdwn", "text": text}, "stanch.sinks.slack_blocks.plain_text"),
    ),
    "bidi": (turned_text, no_cleaning),
    "secret": (secret_on_card, off(lambda text, *_: text, "stanch.intake.redaction.scrub")),
    "error": (secret_in_error, off(telling, "activities._run.unexpected")),
    "elsewhere": (
        other_workspace,
        off(lambda user, *_: Account(user, "T0HOME"), "stanch.web.slack_clicks.Account"),
    ),
    "doubled": (twice_the_same, off(lambda *_: uuid4().hex, "stanch.web.decisions.decision_id")),
    "crash": (crash_after_the_answer, off(0.0, "stanch.web.slack.ACK_SECONDS")),
    "line": (stolen_line, any_number_of_lines),
    "deadline": (deadline_without_a_worker, off(lambda *_: False, "stanch.approvals.judge._late")),
    "left": (left_before_the_change, off(lambda _, request: request.needs, "activities._guard._needs_now")),
    "widened": (widened_plan, no_check_of_plans),
}
