"""A message a second in a channel: nothing lost, nothing doubled, the last state of a card wins, waits are honoured."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities._slack.pace import Pace, Turn
from activities.slack import Slack, build
from stanch.errors import RetrySafe
from stanch.ports import Message, Posted
from stanch.sandbox._server import Fault
from stanch.sandbox.slack import SANDBOX_APP, Channel, SlackStandin


class Time:
    """A clock that only moves when it is told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(turns: list[tuple[float, Turn]], *, refuse: Callable[[float], float | None] = lambda _: None) -> Any:
    """What goes out when, if everybody comes back as late as Temporal lets them; and how often they came."""
    clock, out, came = Time(), [], 0
    pace = Pace(1.0, clock=lambda: clock.now, sleep=clock.sleep)
    line = [(100 + at, number, turn) for number, (at, turn) in enumerate(turns)]
    heapq.heapify(line)

    def work(turn: Turn) -> None:
        seconds = refuse(clock.now)
        if seconds is not None:
            raise RetrySafe("wait", retry_after=seconds, code="V214")
        out.append((clock.now, turn))

    while line:
        at, number, turn = heapq.heappop(line)
        clock.now = max(clock.now, at)
        came += 1
        try:
            pace.take(turn, lambda turn=turn: work(turn))  # type: ignore[misc]
        except RetrySafe as error:
            heapq.heappush(line, (clock.now + max(1.0, error.retry_after or 1.0), number, turn))
    return out, came


def gaps(out: list[tuple[float, Turn]], channel: str) -> list[float]:
    times = [at for at, turn in out if turn.channel == channel]
    return [later - earlier for earlier, later in pairwise(times)]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from("AB")), max_size=40))
def test_each_goes_out_once_a_second_apart(arrivals: list[tuple[float, str]]) -> None:
    turns = [(at, Turn(channel, what=str(number))) for number, (at, channel) in enumerate(arrivals)]
    out, came = run(turns)
    assert sorted(turn.what for _, turn in out) == sorted(turn.what for _, turn in turns)
    assert all(gap > 0.999 for channel in "AB" for gap in gaps(out, channel))
    assert came <= 3 * len(turns)  # each has its turn: nobody comes again and again


def test_a_burst_takes_a_second_each_and_no_longer() -> None:
    out, came = run([(0.0, Turn("A", what=str(number))) for number in range(100)])
    assert out[-1][0] - out[0][0] == pytest.approx(99, abs=2)
    assert came <= 200


def test_all_wait_for_as_long_as_slack_says() -> None:
    out, _ = run(
        [(0.0, Turn("A", what=str(number))) for number in range(5)], refuse=lambda now: 30 if now < 110 else None
    )
    assert len(out) == 5
    assert min(at for at, _ in out) >= 130
    assert all(gap > 0.999 for gap in gaps(out, "A"))


def test_of_several_states_of_a_card_the_last_wins() -> None:
    turns = [(0.1 * number, Turn("A", what=str(number), card="1.1")) for number in range(9)]
    out, _ = run(turns, refuse=lambda now: 10 if now < 105 else None)
    assert [turn.what for _, turn in out] == ["8"]


def test_cards_do_not_overtake_each_other() -> None:
    turns = [(0.1 * number, Turn("A", what=f"{number}", card=f"1.{number % 3}")) for number in range(9)]
    out, _ = run(turns)
    assert {turn.card: turn.what for _, turn in out} == {"1.0": "6", "1.1": "7", "1.2": "8"}


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin(channels=[Channel("C0PAY", "pay")]) as standin:
        standin.workspace.pace = 0.25
        yield standin


def connector(slack: SlackStandin, **more: Any) -> Slack:
    section = {"token": SANDBOX_APP.token, "signing_secrets": ["s"], "team_id": SANDBOX_APP.team_id}
    return build("slack", {**section, "base_url": slack.url + "/api/", **more})


def message(key: str) -> Message:
    return Message(key=key, channel="C0PAY", title=f"Card {key}", text="x")


def test_slack_never_has_to_refuse(slack: SlackStandin) -> None:
    slack.workspace.pace = 0.1  # far below, since turns are kept at sending and judged at arrival
    port = connector(slack, pace=0.3)
    for number in range(4):
        port.post(message(str(number)))
    assert slack.ledger.count("slack.posted") == 4
    assert slack.ledger.count("slack.rate_limited") == 0


def test_another_process_makes_slack_refuse_and_the_message_comes_later(slack: SlackStandin) -> None:
    slack.workspace.pace = 1.0
    one, other = connector(slack), connector(slack)
    one.post(message("a"))
    with pytest.raises(RetrySafe) as asked:
        other.post(message("b"))
    assert asked.value.retry_after == 1.0
    assert slack.ledger.count("slack.rate_limited") == 1
    other.post(message("b"))  # waits for its turn by itself
    assert slack.ledger.count("slack.posted") == 2


def test_what_slack_says_is_kept_for_all_of_the_channel(slack: SlackStandin) -> None:
    port = connector(slack)
    slack.faults.script("chat.postMessage", Fault("status", status=429, retry_after="40"))
    with pytest.raises(RetrySafe) as first:
        port.post(message("a"))
    with pytest.raises(RetrySafe) as second:
        port.update(Posted("C0PAY", "1.1"), message("b"))
    assert first.value.retry_after == 40
    assert 38 < (second.value.retry_after or 0) <= 42
    assert slack.ledger.entries() == []  # the second was not even sent


def test_an_update_that_was_overtaken_is_done(slack: SlackStandin) -> None:
    port = connector(slack, pace=0)
    card = port.post(message("a"))
    slack.faults.script("chat.update", Fault("status", status=503))
    with pytest.raises(Exception, match="Slack"):
        port.update(card, message("older"))
    port.update(card, message("newer"))
    port.update(card, message("older"))
    assert [entry["text"] for entry in slack.ledger.entries("slack.updated")] == ["Card newer: x"]
