"""A breaker that opens is told at once and again when its rest is over; chat that is away keeps nobody waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from stanch import contract
from stanch.wire_breaker import BreakerNews, Turn
from tests.workflows.yard import runner
from workflows.breaker import BreakerNewsWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")
REST = timedelta(minutes=30)


async def told(env: WorkflowEnvironment, turn: Turn, *, away: bool = False) -> list[tuple[Turn, timedelta]]:
    """What chat was asked to say, and how long after the end of the rest, which is half an hour from now."""
    found: list[tuple[Turn, timedelta]] = []

    @activity.defn(name=contract.BREAKER_TELL)
    async def tell(news: BreakerNews) -> None:
        if away:
            raise ApplicationError("no answer", type="RETRY_SAFE")
        found.append((news.turn, activity.info().scheduled_time - news.at))

    news = BreakerNews(scope="point:edge", turn=turn, at=await env.get_current_time() + REST)
    core = Worker(env.client, task_queue="breaker", workflows=[BreakerNewsWorkflow], workflow_runner=runner())
    chat = Worker(env.client, task_queue=contract.queue("chat"), activities=[tell])
    async with core, chat:
        await env.client.execute_workflow(contract.BREAKER_WORKFLOW, news, id=news.name, task_queue="breaker")
    return found


async def test_opening_is_told_now_and_when_the_rest_is_over(skipping: WorkflowEnvironment) -> None:
    (first, early), (second, late) = await told(skipping, Turn.OPENED)
    assert (first, second) == (Turn.OPENED, Turn.TRYING)
    assert early < timedelta(0) <= late < timedelta(minutes=1)


async def test_closing_is_told_once(skipping: WorkflowEnvironment) -> None:
    assert [turn for turn, _ in await told(skipping, Turn.CLOSED)] == [Turn.CLOSED]


async def test_a_chat_that_is_away_for_a_day_ends_the_news(skipping: WorkflowEnvironment) -> None:
    assert await told(skipping, Turn.OPENED, away=True) == []
