"""What a breaker does is told once in chat, to whoever owns what nobody else owns, and only while it is so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import FakeTemporal, Glue, reachable
from point_support import EDGE, lease, standing_in
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities import _breaker_news, _watch, points
from stanch import contract
from stanch.errors import Rejected
from stanch.guards.breaker import BreakerRules
from stanch.leases import Applied
from stanch.ports import Message, Posted, Reconciled
from stanch.ports_traffic import Exposure
from stanch.wire_breaker import BreakerNews, Turn
from stanch.wire_points import Reconcile

SCOPE = "point:edge"
RULES = BreakerRules()


class Chat:
    """Remembers what is posted, or refuses it."""

    def __init__(self) -> None:
        self.posted: list[Message] = []
        self.asked = 0
        self.error: Exception | None = None

    def post(self, message: Message) -> Posted:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.posted.append(message)
        return Posted(message.channel, "1.1")


class Point:
    """Refuses, or does what it is asked."""

    def __init__(self) -> None:
        self.ok = False

    def reconcile(self, *, adds: Any, removes: Any, wanted: Any, expected: str, known: Any = ()) -> Reconciled:
        return Reconciled("", tuple(Applied(target=one.target, ok=self.ok) for one in adds))

    def list_owned(self) -> list[Any]:
        return []

    def exposure(self, spec: Any, *, window: Any) -> Exposure:
        return Exposure(unknown=0.0)


class Once(FakeTemporal):
    """Starts a workflow of one id once, as a policy of REJECT_DUPLICATE has it."""

    async def start_workflow(self, workflow: str, argument: Any, **options: Any) -> None:
        if any(start["id"] == options["id"] for start in self.starts):
            raise WorkflowAlreadyStartedError(options["id"], workflow)
        await super().start_workflow(workflow, argument, **options)

    @property
    def news(self) -> list[BreakerNews]:
        return [start["argument"] for start in self.starts if start["workflow"] == contract.BREAKER_WORKFLOW]


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path, points=EDGE, chat={"team": {"kind": "slack"}}) as made:
        yield made


@pytest.fixture
def chat(glue: Glue) -> Chat:
    made = Chat()
    glue.world._built["chat", "team"] = made
    return made


@pytest.fixture
def temporal(glue: Glue) -> Iterator[Once]:
    made = Once()
    with reachable(glue.world, made):
        yield made


def opened(glue: Glue, at: datetime) -> BreakerNews:
    """Open it in records; the news of that."""
    for number in range(RULES.failures):
        glue.records.change_failed([SCOPE], RULES, now=at, cause=str(number))
    return BreakerNews(scope=SCOPE, turn=Turn.OPENED, at=at + RULES.rest, code="V004")


def titles(chat: Chat) -> list[str]:
    return [message.title for message in chat.posted]


def test_failed_writes_open_it_and_one_that_works_closes_it_each_told_once(glue: Glue, temporal: Once) -> None:
    point = standing_in(glue, Point())
    for name in "abcdefg":
        points.reconcile(glue.world, Reconcile(point="edge", adds=(lease(name),)))
    told = {news.scope: news for news in temporal.news}
    assert sorted(told) == ["playbook:contain_attacker", SCOPE]
    assert all((news.turn, news.code) == (Turn.OPENED, "V002") for news in temporal.news)
    assert dict(glue.records.breakers())[SCOPE].until == told[SCOPE].at
    point.ok = True
    for name in "hi":
        points.reconcile(glue.world, Reconcile(point="edge", adds=(lease(name),)))
    assert [news.scope for news in temporal.news if news.turn is Turn.CLOSED] == [SCOPE]


def test_news_that_were_lost_are_made_up_for_once(glue: Glue, temporal: Once) -> None:
    standing_in(glue, Point())
    news = opened(glue, datetime.now(UTC))
    _watch.look(glue.world)
    assert [(one.scope, one.at) for one in temporal.news] == [(SCOPE, news.at)]
    _breaker_news.announce(glue.world, news)
    _watch.look(glue.world)
    assert len(temporal.news) == 1


def test_without_temporal_nothing_is_held_up(glue: Glue) -> None:
    _breaker_news.announce(glue.world, BreakerNews(scope=SCOPE, turn=Turn.CLOSED, at=datetime.now(UTC)))


def test_the_default_owner_hears_what_it_means(glue: Glue, chat: Chat) -> None:
    news = opened(glue, datetime.now(UTC))
    _breaker_news.tell(glue.world, news)
    ((message),) = chat.posted
    assert message.channel == "C0APPSEC"
    assert message.title == "Too many changes of point:edge failed (last: V004)"
    assert f"{news.at:%Y-%m-%d %H:%M} UTC" in message.text


def test_what_is_no_longer_so_is_not_told(glue: Glue, chat: Chat) -> None:
    begun = datetime.now(UTC) - RULES.rest - timedelta(minutes=1)
    news = opened(glue, begun)
    trying = news.model_copy(update={"turn": Turn.TRYING})
    _breaker_news.tell(glue.world, trying)
    assert titles(chat) == ["Changes of point:edge are tried again"]
    glue.records.change_failed([SCOPE], RULES, now=datetime.now(UTC))  # one more failure: it rests again
    _breaker_news.tell(glue.world, trying)
    closed = BreakerNews(scope=SCOPE, turn=Turn.CLOSED, at=datetime.now(UTC))
    _breaker_news.tell(glue.world, closed)
    assert len(chat.posted) == 1
    glue.records.change_worked([SCOPE])
    for one in (news, trying, closed):
        _breaker_news.tell(glue.world, one)
    assert titles(chat)[1:] == ["Changes of point:edge work again"]


def test_a_message_that_is_refused_is_not_tried_for_ever(glue: Glue, chat: Chat) -> None:
    chat.error = Rejected("no such channel")
    _breaker_news.tell(glue.world, opened(glue, datetime.now(UTC)))
    assert (chat.asked, chat.posted) == (1, [])


def test_the_same_news_have_one_name_and_different_ones_do_not() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    names = {BreakerNews(scope=scope, turn=turn, at=at).name for scope in ("point:a", "point:b") for turn in Turn}
    assert len(names) == 6
    assert BreakerNews(scope="point:a", turn=Turn.OPENED, at=at, code="V004").name in names
