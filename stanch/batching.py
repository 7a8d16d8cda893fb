"""Group commit: while one batch is being carried out, what arrives waits and becomes the next batch."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from stanch.errors import StanchError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiting(Generic[T, R]):
    item: T
    future: asyncio.Future[R]
    keys: frozenset[Hashable]
    rivals: frozenset[Hashable]
    patience: asyncio.TimerHandle | None


class Batcher(Generic[T, R]):
    """Carries out items together, one batch at a time; an item that comes alone waits for nobody.

    Args:
        work: takes the items of a batch and gives as many results, or raises. An expected error (a dependency that is
            down) is everybody's; for any other, which one item may have caused, each item is carried out alone.
        most: items in one batch.
        weight: of one item, in the unit of `heaviest`.
        heaviest: weight of one batch; a single item may be heavier.
        linger: seconds to wait for more before a batch, while batches are not of single items anyway (of those that
            are in a hurry).
        keys: what an item is about, held from its batch on until whoever enqueued it gives them free (`release`).
        rivals: the keys that an item waits for while another holds them; its own where this is not given. Items of
            one batch are never rivals.
        behind: told when an item has to wait for keys that somebody else holds.
        in_no_hurry: whether an item may wait for others to ride with, at rest too.
        leisure: seconds that such items wait at most (or until `hurry`).
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        most: int,
        weight: Callable[[T], int] = lambda _: 0,
        heaviest: int = 1,
        linger: float = 0.0,
        keys: Callable[[T], Iterable[Hashable]] = lambda _: (),
        rivals: Callable[[T], Iterable[Hashable]] | None = None,
        behind: Callable[[], None] = lambda: None,
        in_no_hurry: Callable[[T], bool] = lambda _: False,
        leisure: float = 0.0,
    ) -> None:
        self._work = work
        self._most = most
        self._weight = weight
        self._heaviest = heaviest
        self._linger = linger
        self._keys = keys
        self._rivals = rivals
        self._behind = behind
        self._in_no_hurry = in_no_hurry
        self._leisure = leisure
        self._at_leisure: asyncio.Future[None] | None = None
        self._is_hurried = False
        self._last = 0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._held: Counter[Hashable] = Counter()
        self._holders: dict[int, frozenset[Hashable]] = {}
        self._running: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is being carried out."""
        return self._running is not None

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the next batch, or for keys."""
        return bool(self._waiting)

    def enqueue(self, item: T, *, patience: float = 0.0, turn: float = 0.0) -> asyncio.Future[R]:
        """The item's result, once its batch is done; an error that nobody asks for is not complained of.

        Args:
            item: to be carried out with others.
            patience: seconds after which the result is a TimeoutError; 0 for none.
            turn: seconds of patience more where somebody else holds a key of this item.

        Raises:
            StanchError: for the whole batch. Exception: this item alone makes the work fail. Both as the result.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        keys = frozenset(self._keys(item))
        rivals = keys if self._rivals is None else frozenset(self._rivals(item))
        if not self._held.keys().isdisjoint(rivals):
            patience += turn if patience else 0.0
            self._behind()
        timer = loop.call_later(patience, _give_up, future) if patience else None
        self._waiting.append(_Waiting(item, future, keys, rivals, timer))
        if self._at_leisure is not None and not self._in_no_hurry(item):
            self.hurry()
        self._start()
        return future

    def hurry(self) -> None:
        """Let those go that wait at leisure, or that are just about to."""
        self._is_hurried = True
        if self._at_leisure is not None and not self._at_leisure.done():
            self._at_leisure.set_result(None)

    async def drained(self) -> None:
        """Return once nothing is carried out or waits, but for what waits for keys."""
        while self._running is not None:
            self.hurry()
            await asyncio.wait([self._running])

    def release(self, item: T) -> None:
        """Give the keys of an item free; nothing where it holds none."""
        for key in self._holders.pop(id(item), ()):
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
        self._start()

    def _start(self) -> None:
        if self._running is None and self._waiting:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._linger_for_more()
                batch = self._next()
                if not batch:
                    return  # all of them wait for keys
                await self._carry_out(batch)
        finally:
            self._running = None

    async def _linger_for_more(self) -> None:
        if self._leisure and not self._is_hurried and all(self._in_no_hurry(one.item) for one in self._waiting):
            loop = asyncio.get_running_loop()
            self._at_leisure = loop.create_future()
            timer = loop.call_later(self._leisure, self.hurry)
            await self._at_leisure
            timer.cancel()
            self._at_leisure = None
        self._is_hurried = False
        if self._linger and self._last > 1 and len(self._waiting) < self._most:
            await asyncio.sleep(self._linger)

    def _next(self) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        behind: list[_Waiting[T, R]] = []
        taken: set[Hashable] = set()
        total = 0
        while self._waiting and len(batch) < self._most:
            one = self._waiting.popleft()
            if one.future.done():
                continue  # its caller went away
            if one.rivals and not (self._held.keys().isdisjoint(one.rivals) and taken.isdisjoint(one.rivals)):
                behind.append(one)
                taken |= one.keys  # whoever came later does not overtake it
                continue
            total += self._weight(one.item)
            if batch and total > self._heaviest:
                behind.append(one)
                break
            batch.append(one)
        self._waiting.extendleft(reversed(behind))
        self._hold(batch)
        self._last = sum(not self._in_no_hurry(one.item) for one in batch)
        return batch

    def _hold(self, batch: Sequence[_Waiting[T, R]]) -> None:
        for one in batch:
            if one.keys:
                self._holders[id(one.item)] = one.keys
                self._held.update(one.keys)

    async def _carry_out(self, batch: Sequence[_Waiting[T, R]]) -> None:
        try:
            results = await self._work([one.item for one in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StanchError):
                for one in batch:
                    await self._carry_out([one])
                return
            for one in batch:
                if self._is_waited_for(one):
                    _fail(one.future, error)
            return
        for one, result in zip(batch, results, strict=True):
            if self._is_waited_for(one):
                one.future.set_result(result)

    def _is_waited_for(self, one: _Waiting[T, R]) -> bool:
        """False where the caller went away or lost its patience; nobody else gives its keys free."""
        if one.patience is not None:
            one.patience.cancel()
        if one.future.done():
            self.release(one.item)
            return False
        return True


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        _fail(future, TimeoutError())


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    future.set_exception(error)
    future.exception()  # asyncio would complain of an error that nobody looks at
