"""Group commit: while one batch is being carried out, what arrives waits and becomes the next batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from stanch.errors import StanchError

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Carries out items together, one batch at a time; an item that comes alone waits for nobody.

    Args:
        work: takes the items of a batch and gives as many results, or raises. An expected error (a dependency that is
            down) is everybody's; for any other, which one item may have caused, each item is carried out alone.
        most: items in one batch.
        weight: of one item, in the unit of `heaviest`.
        heaviest: weight of one batch; a single item may be heavier.
        linger: seconds to wait for more before a batch, while batches are not of single items anyway.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        most: int,
        weight: Callable[[T], int] = lambda _: 0,
        heaviest: int = 1,
        linger: float = 0.0,
    ) -> None:
        self._work = work
        self._most = most
        self._weight = weight
        self._heaviest = heaviest
        self._linger = linger
        self._last = 0
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._running: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is being carried out."""
        return self._running is not None

    async def submit(self, item: T) -> R:
        """The item's result, once its batch is done.

        Raises:
            StanchError: for the whole batch. Exception: this item alone makes the work fail.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if self._linger and self._last > 1 and len(self._waiting) < self._most:
                    await asyncio.sleep(self._linger)
                await self._carry_out(self._next())
        finally:
            self._running = None

    def _next(self) -> list[tuple[T, asyncio.Future[R]]]:
        batch = [self._waiting.popleft()]
        total = self._weight(batch[0][0])
        while self._waiting and len(batch) < self._most:
            total += self._weight(self._waiting[0][0])
            if total > self._heaviest:
                break
            batch.append(self._waiting.popleft())
        self._last = len(batch)
        return batch

    async def _carry_out(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StanchError):
                for one in batch:
                    await self._carry_out([one])
                return
            for _, future in batch:
                if not future.done():  # a caller that went away has cancelled its own
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
