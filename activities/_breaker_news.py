"""People hear in chat what a circuit breaker does: whoever owns what nobody else owns, once for each turn."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities import _ways as ways
from activities._world import World
from stanch import contract
from stanch.catalog import Queue
from stanch.errors import ConfigError, DependencyError, Rejected
from stanch.guards.breaker import Breaker
from stanch.ports import Message
from stanch.wire_breaker import BreakerNews, Turn


def announce(world: World, news: BreakerNews) -> None:
    """Have people told, once, however often this is called; without Temporal the next look at the points does it."""

    async def start(client: Client) -> None:
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await client.start_workflow(
                contract.BREAKER_WORKFLOW,
                news,
                id=news.name,
                task_queue=contract.queue(Queue.CORE),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )

    with contextlib.suppress(DependencyError, ConfigError):
        world.call(start)


def announce_open(world: World) -> None:
    """Make up for news that were lost with the process that had them."""
    now = datetime.now(UTC)
    for scope, breaker in world.records.breakers():
        if breaker.until is not None and breaker.is_open(now):
            announce(world, BreakerNews(scope=scope, turn=Turn.OPENED, at=breaker.until))


def tell(world: World, news: BreakerNews) -> None:
    """Post it; what is no longer so is not told."""
    way = ways.way_to(world, world.policy.current.routes.file.default.owner)
    if way is None or not _still(dict(world.records.breakers()).get(news.scope, Breaker()), news):
        return
    title, text = _words(news)
    key = hashlib.sha256(news.name.encode()).hexdigest()[:32]
    with contextlib.suppress(Rejected):  # asking again cannot help; the ledger and the metric have it
        ways.deliver(world, way, Message(key=key, channel=way.place, title=title, text=text))


def _still(breaker: Breaker, news: BreakerNews) -> bool:
    """A breaker that has closed, or opened anew, in the meantime has news of its own."""
    return breaker.until is None if news.turn is Turn.CLOSED else breaker.until == news.at


def _words(news: BreakerNews) -> tuple[str, str]:
    if news.turn is Turn.CLOSED:
        return f"Changes of {news.scope} work again", "Stanch makes them without asking where the playbook allows that."
    if news.turn is Turn.TRYING:
        text = "The next change is tried without asking. If it fails, people are asked again."
        return f"Changes of {news.scope} are tried again", text
    why = f" (last: {news.code})" if news.code else ""
    end = news.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = f"Until {end}, or until one works, people are asked before each. Lifts go on. See `stanch doctor`."
    return f"Too many changes of {news.scope} failed{why}", text
