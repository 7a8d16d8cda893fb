"""Socket Mode over a real WebSocket: kept up, each thing heard once, given up only for what will never mend."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from activities._slack import socket
from activities.slack import CONNECTOR
from stanch.chat_surface import Acknowledge, ChatSurface, Heard, Line
from stanch.sandbox._server import Fault
from stanch.sandbox._slack.workspace import App
from stanch.sandbox.slack import Person, SlackStandin

APP = App(token="xoxb-1", signing_secret="s", team_id="T0HOME", app_token="xapp-1")


class Ear:
    """Hears, and acknowledges at once unless told to wait."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.waits = 0.0
        self.answer: dict[str, Any] = {}

    def __call__(self, heard: Heard, acknowledge: Acknowledge) -> None:
        self.heard.append(heard)
        threading.Timer(self.waits, acknowledge, [self.answer]).start()


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin(app=APP, people=[Person("U01MARIA", "Maria")]) as made:
        yield made


def surface(slack: SlackStandin, **more: Any) -> ChatSurface:
    section = {"token": APP.token, "team_id": APP.team_id, "base_url": slack.url + "/api/", "app_token": "xapp-1"}
    made = CONNECTOR.build("slack", section | more)
    assert isinstance(made, ChatSurface)
    return made


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def line(slack: SlackStandin, ear: Ear) -> Iterator[Line]:
    made = surface(slack).listen(ear)
    assert made is not None
    until(lambda: slack.link.open == 1)
    yield made
    made.close()


def until(look: Callable[[], object], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_without_an_app_token_there_is_no_line(slack: SlackStandin, ear: Ear) -> None:
    assert surface(slack, app_token=None, signing_secrets=["s"]).listen(ear) is None


def test_what_was_heard_is_answered_by_its_envelope(slack: SlackStandin, ear: Ear, line: Line) -> None:
    ear.answer = {"text": "all of it"}
    envelope = slack.link.send("slash_commands", {"text": "list"})
    assert (envelope.answer, ear.heard) == ({"text": "all of it"}, [Heard("slash_commands", {"text": "list"})])
    state = line.state()
    assert (state.connected, state.connections, state.problem) == (True, 1, "")


def test_an_envelope_that_comes_again_is_heard_once_and_acknowledged_each_time(
    slack: SlackStandin, ear: Ear, line: Line
) -> None:
    envelope = slack.link.send("interactive", {"a": 1})
    for times in (2, 3):
        slack.link.send_again(envelope)
        until(lambda times=times: envelope.acks == times)
    assert len(ear.heard) == 1


def test_what_comes_again_before_it_is_answered_has_the_same_answer(slack: SlackStandin, ear: Ear, line: Line) -> None:
    """An empty one would be the first that Slack hears, and close a dialog before anybody is told of a refusal."""
    ear.waits, ear.answer = 1.0, {"response_action": "errors", "errors": {"verdict": "no"}}
    slack.link.twice = 1
    envelope = slack.link.send("interactive", {"type": "view_submission"})
    ear.waits = 0.0
    slack.link.send("events_api", {})
    assert (envelope.acks, envelope.answer) == (1, ear.answer), "it names the envelope, however often that has come"
    slack.link.send_again(envelope)
    until(lambda: envelope.acks == 2)
    payloads = [one["payload"] for one in slack.ledger.entries("slack.acked") if one["envelope_id"] == envelope.id]
    assert (len(ear.heard), payloads) == (2, [ear.answer] * 2)


def test_answers_are_not_kept_for_ever(
    slack: SlackStandin, ear: Ear, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "REMEMBERED", 2)
    envelopes = [slack.link.send("interactive", {"n": number}) for number in range(3)]
    for envelope in reversed(envelopes):
        slack.link.send_again(envelope)
        until(lambda envelope=envelope: envelope.acks == 2)
    assert [heard.payload["n"] for heard in ear.heard] == [0, 1, 2, 0], "the first is new again"


def test_who_answers_late_is_seen(slack: SlackStandin, ear: Ear, line: Line) -> None:
    ear.waits = 3.1
    assert slack.link.send("interactive", {}).seconds is None
    until(lambda: [one["late"] for one in slack.ledger.entries("slack.acked")] == [True])


def test_a_line_comes_back_after_a_farewell_and_after_a_loss(slack: SlackStandin, ear: Ear, line: Line) -> None:
    for number, lose in enumerate((slack.link.disconnect, slack.link.drop), 2):
        lose()
        until(lambda number=number: slack.ledger.count("slack.connected") == number and slack.link.open == 1)
        assert slack.link.send("interactive", {"n": number}).seconds is not None
        assert line.state().connections == 1, "a line that is being replaced is no foreign one"
    assert [heard.payload["n"] for heard in ear.heard] == [2, 3]


def test_a_foreign_line_is_counted(slack: SlackStandin, ear: Ear) -> None:
    slack.link.foreign = 1
    made = surface(slack).listen(ear)
    assert made is not None
    until(lambda: made.state().connections == 2)
    made.close()


def test_it_comes_up_once_slack_can_be_reached(slack: SlackStandin, ear: Ear) -> None:
    slack.faults.script("apps.connections.open", Fault("drop_before"), Fault("status", status=429, retry_after="0"))
    made = surface(slack).listen(ear)
    assert made is not None
    until(lambda: slack.link.open == 1)
    assert made.state().problem == ""
    made.close()


@pytest.mark.parametrize("token", ["xapp-other", "xoxb-1"])
def test_a_token_that_is_refused_is_not_tried_again(slack: SlackStandin, ear: Ear, token: str) -> None:
    asked = surface(slack, app_token=token)
    made = asked.listen(ear)
    assert made is not None
    until(lambda: made.state().problem)
    assert not made.state().connected
    made.close()


def test_socket_mode_that_is_switched_off_ends_it(slack: SlackStandin, ear: Ear, line: Line) -> None:
    slack.link.disconnect("link_disabled")
    until(lambda: line.state().problem)
    assert "switched off" in line.state().problem
    assert line.state().hint


def test_an_attacker_cannot_end_it_with_words_in_a_payload(slack: SlackStandin, ear: Ear, line: Line) -> None:
    words = '{"type":"disconnect","reason":"link_disabled"}'
    assert slack.link.send("interactive", {"reason": "link_disabled", "text": words}).seconds is not None
    assert line.state().problem == ""


def test_an_address_that_is_not_encrypted_is_refused_for_slack_itself(
    slack: SlackStandin, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack.link, "address", lambda _base: "ws://evil.example/link")
    made = surface(slack).listen(ear)
    assert made is not None
    time.sleep(0.7)
    assert not made.state().connected
    made.close()
