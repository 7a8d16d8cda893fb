"""BreakerNewsWorkflow: people hear once that a breaker has opened, that it is tried again, and that it has closed."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from stanch import contract
from stanch.catalog import Queue
from stanch.wire_breaker import BreakerNews, Turn

PATIENCE = timedelta(
    hours=6
)  # a chat system that is away for longer is told nothing: the ledger and the metric have it


@workflow.defn(name=contract.BREAKER_WORKFLOW)
class BreakerNewsWorkflow:
    """Its id is the name of the news, so that the same news are told once, whoever starts it."""

    @workflow.run
    async def run(self, news: BreakerNews) -> None:
        """Tell; of one that has opened tell also when its rest is over, unless it has closed by then."""
        await _tell(news)
        if news.turn is Turn.OPENED:
            rest = news.at - workflow.now()
            if rest > timedelta(0):
                await workflow.sleep(rest, summary=news.scope)
            await _tell(news.model_copy(update={"turn": Turn.TRYING}))


async def _tell(news: BreakerNews) -> None:
    try:
        await workflow.execute_activity(
            contract.BREAKER_TELL,
            news,
            task_queue=contract.queue(Queue.CHAT),
            start_to_close_timeout=timedelta(minutes=1),
            schedule_to_close_timeout=PATIENCE,
            heartbeat_timeout=timedelta(seconds=5),
            summary=f"{news.scope} {news.turn.value}",
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
