"""An attempt that Temporal has given up changes nothing more at points, identity providers and devices."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode

from activities._doubt import Doubt
from activities._world import World
from stanch.errors import DependencyError, RetrySafe

ASK_SECONDS = 4.0  # below the five seconds that a heartbeat may be late
Check = Callable[[], None]
_checks: ContextVar[tuple[Check, ...]] = ContextVar("_checks", default=())


def before_write() -> None:
    """To be called right before anything is sent that changes a point, an identity provider or another device.

    Trackers, chat and mail have no fence: what lands there late is settled by its mark, or is one message too many.
    Taking back what the same attempt has just written, under the same lock, needs no leave.

    Raises:
        RetrySafe: T004, this attempt does not count any more, or what allowed it has changed; nothing was sent.
    """
    for check in _checks.get():
        check()


@contextlib.contextmanager
def checked(check: Check) -> Iterator[None]:
    """Have this asked before each write inside."""
    token = _checks.set((*_checks.get(), check))
    try:
        yield
    finally:
        _checks.reset(token)


@contextlib.contextmanager
def fenced(world: World, doubt: Doubt | None = None) -> Iterator[None]:
    """Let an activity write only while its attempt counts; a process without a client has none of Temporal's."""
    if world.client is None:
        yield
        return
    with checked(_Attempt(world, doubt).check):
        yield


def overtaken(why: str) -> RetrySafe:
    """What is raised instead of a write; no failure of the point."""
    return RetrySafe(f"{why}; nothing more is written", code="T004", retry_after=1.0, hint="another attempt looks anew")


class _Attempt:
    """Whether one attempt still counts.

    Temporal gives it up when its time is over or a heartbeat is late, and no process that stands still or is cut off
    hears of that. So Temporal is asked; where it does not answer, its last answer holds for as long as no heartbeat
    can be late. What can still come late is one call: the one that was allowed before the process stood still.
    """

    def __init__(self, world: World, doubt: Doubt | None) -> None:
        info = activity.info()
        self._world, self._doubt, self._token = world, doubt, info.task_token
        self._end = _now() + info.start_to_close_timeout.total_seconds() if info.start_to_close_timeout else None
        self._patience = info.heartbeat_timeout.total_seconds() if info.heartbeat_timeout else ASK_SECONDS
        self._heard: float | None = None

    def check(self) -> None:
        asked = _now()
        if activity.is_cancelled() or (self._end is not None and asked >= self._end):
            raise overtaken("this attempt was given up")
        try:
            self._world.call(self._ask)
        except DependencyError:
            asked = self._heard if self._heard is not None else asked - self._patience
        if _now() - asked >= self._patience:
            raise overtaken("Temporal does not say whether this attempt still counts")
        self._heard = asked

    async def _ask(self, client: Client) -> None:
        handle = client.get_async_activity_handle(task_token=self._token)
        details: tuple[Any, ...] = () if self._doubt is None else (self._doubt.details,)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await handle.heartbeat(*details)
        except AsyncActivityCancelledError:
            raise overtaken("this attempt was called off") from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise overtaken("this attempt was given up") from None
            raise


def _now() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
