"""Group commit: nothing waits at rest, everything that waits rides together, a failure is everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from stanch.batching import Batcher
from stanch.errors import DependencyError


class Work:
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if 13 in items:
            raise ValueError("unlucky")
        if 17 in items:
            raise DependencyError("down")
        return [item * 2 for item in items]


async def held(batcher: Batcher[int, int], work: Work, numbers: Sequence[int]) -> list[asyncio.Future[int]]:
    """The first number is being carried out, the others wait."""
    work.gate.clear()
    tasks = [batcher.enqueue(numbers[0])]
    while not work.batches:  # noqa: ASYNC110 - one turn of the loop each
        await asyncio.sleep(0)
    tasks += [batcher.enqueue(number) for number in numbers[1:]]
    await asyncio.sleep(0)
    return tasks


async def test_an_item_alone_is_carried_out_alone_and_at_once() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10)
    assert [await batcher.enqueue(1), await batcher.enqueue(2)] == [2, 4]
    assert work.batches == [[1], [2]]
    assert not batcher.busy


async def test_what_arrives_meanwhile_rides_together() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10)
    tasks = await held(batcher, work, [1, 2, 3, 4])
    assert batcher.busy
    work.gate.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert work.batches == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded_in_count_and_weight() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=3, weight=lambda item: item, heaviest=10)
    tasks = await held(batcher, work, [1, 6, 3, 2, 50, 1, 1, 1, 1])
    work.gate.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[1], [6, 3], [2], [50], [1, 1, 1], [1]]


async def test_a_dependency_that_is_down_is_everybodys_and_the_next_batch_goes_on() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=2)
    tasks = await held(batcher, work, [1, 17, 2, 3])
    work.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[0] == 2
    assert [type(item) for item in found[1:3]] == [DependencyError, DependencyError]
    assert found[3] == 6
    assert work.batches == [[1], [17, 2], [3]]


async def test_an_item_that_makes_the_work_fail_takes_nobody_along() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10)
    tasks = await held(batcher, work, [1, 2, 13, 3])
    work.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [found[0], found[1], found[3]] == [2, 4, 6]
    assert isinstance(found[2], ValueError)
    assert work.batches == [[1], [2, 13, 3], [2], [13], [3]]


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10)
    tasks = await held(batcher, work, [1, 2, 3])
    tasks[1].cancel()
    work.gate.set()
    assert await tasks[2] == 6
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert work.batches[1] == [3]  # what nobody waits for any more is not begun


async def test_under_load_a_batch_waits_a_moment_for_more_and_at_rest_it_does_not() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, linger=0.05)
    tasks = await held(batcher, work, [1, 2, 3])
    work.gate.set()
    await asyncio.gather(*tasks)
    began = asyncio.get_running_loop().time()
    late = batcher.enqueue(4)
    await asyncio.sleep(0.01)
    assert await batcher.enqueue(5) == 10
    assert await late == 8
    assert work.batches == [[1], [2, 3], [4, 5]]
    assert asyncio.get_running_loop().time() - began < 1


async def test_items_that_share_a_key_ride_together_or_wait_until_it_is_given_free() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, keys=lambda number: {number % 10})
    tasks = await held(batcher, work, [1, 11, 2, 21])
    work.gate.set()
    assert await tasks[0] == 2
    assert await tasks[2] == 4
    assert work.batches == [[1], [2]]
    batcher.release(1)
    assert await asyncio.gather(tasks[1], tasks[3]) == [22, 42]
    assert work.batches[2] == [11, 21]


async def test_nobody_overtakes_who_waits_for_the_same_key() -> None:
    batches: list[list[tuple[int, ...]]] = []

    async def same(items: Sequence[tuple[int, ...]]) -> Sequence[tuple[int, ...]]:
        batches.append(list(items))
        return items

    batcher: Batcher[tuple[int, ...], tuple[int, ...]] = Batcher(same, most=10, keys=lambda item: item)
    held: tuple[int, ...] = (1,)
    await batcher.enqueue(held)
    first = batcher.enqueue((1, 2))
    second = batcher.enqueue((2, 3))  # its keys are free, and so were they for whoever came before
    await batcher.enqueue((4,))
    batcher.release((9,))  # holds nothing: nothing happens
    assert batches == [[(1,)], [(4,)]]
    batcher.release(held)
    assert list(await asyncio.gather(first, second)) == [(1, 2), (2, 3)]
    assert batches[2:] == [[(1, 2), (2, 3)]]


async def test_the_keys_of_somebody_who_went_away_are_free_again() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, keys=lambda number: {number % 10})
    tasks = await held(batcher, work, [1, 11])
    tasks[0].cancel()
    work.gate.set()
    assert await tasks[1] == 22


async def test_whoever_loses_patience_is_told_so_and_takes_nobody_along() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10)
    tasks = await held(batcher, work, [1])
    hasty, calm = batcher.enqueue(2, patience=0.01), batcher.enqueue(3, patience=60)
    with pytest.raises(TimeoutError):
        await hasty
    work.gate.set()
    assert await asyncio.gather(*tasks, calm) == [2, 6]
    assert work.batches == [[1], [3]]


async def test_patience_is_longer_where_somebody_else_holds_a_key() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, keys=lambda number: {number % 10})
    assert await batcher.enqueue(1) == 2
    behind, same = batcher.enqueue(11, patience=0.01, turn=60), batcher.enqueue(21, patience=0.01)
    with pytest.raises(TimeoutError):
        await same
    batcher.release(1)
    assert await behind == 22
    assert work.batches == [[1], [11]]


async def test_keys_of_work_that_ends_after_patience_are_free_again() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, keys=lambda number: {number % 10})
    work.gate.clear()
    hasty = batcher.enqueue(1, patience=0.01)
    with pytest.raises(TimeoutError):
        await hasty
    late = batcher.enqueue(11, patience=60)
    work.gate.set()
    assert await late == 22


def leisurely(work: Work) -> Batcher[int, int]:
    """Numbers above 100 are in no hurry: they would wait for a minute."""
    return Batcher(work, most=10, in_no_hurry=lambda number: number > 100, leisure=60)


async def test_what_is_in_no_hurry_rides_with_what_comes_next() -> None:
    work = Work()
    batcher = leisurely(work)
    first, second = batcher.enqueue(101), batcher.enqueue(102)
    await asyncio.sleep(0.01)
    assert work.batches == []
    assert await batcher.enqueue(1) == 2
    assert await asyncio.gather(first, second) == [202, 204]
    assert work.batches == [[101, 102, 1]]
    assert await batcher.enqueue(2) == 4  # alone, and at once


async def test_what_is_in_no_hurry_goes_when_it_must() -> None:
    work = Work()
    batcher = leisurely(work)
    first = batcher.enqueue(101)
    await asyncio.sleep(0.01)
    batcher.hurry()
    assert await first == 202
    second = batcher.enqueue(102)
    batcher.hurry()  # before it has begun to wait
    assert await second == 204


async def test_all_is_carried_out_before_the_end() -> None:
    work = Work()
    batcher = leisurely(work)
    await batcher.drained()
    waiting = [batcher.enqueue(101), batcher.enqueue(102)]
    await batcher.drained()
    assert [one.result() for one in waiting] == [202, 204]


async def test_what_is_in_no_hurry_does_not_wait_for_ever() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, in_no_hurry=lambda _: True, leisure=0.01)
    assert await batcher.enqueue(101) == 202


async def test_word_is_given_of_whoever_waits_for_a_key() -> None:
    told: list[str] = []
    work = Work()
    batcher: Batcher[int, int] = Batcher(
        work, most=10, keys=lambda number: {number % 10}, behind=lambda: told.append("behind")
    )
    assert await batcher.enqueue(1) == 2
    assert await batcher.enqueue(2) == 4
    assert (told, batcher.has_waiting) == ([], False)
    late = batcher.enqueue(11)
    await asyncio.sleep(0)
    assert (told, batcher.has_waiting) == (["behind"], True)
    batcher.release(1)
    assert await late == 22


async def test_items_of_one_side_go_beside_each_other_and_wait_for_the_other_side() -> None:
    work = Work()
    batcher: Batcher[int, int] = Batcher(work, most=10, keys=lambda item: {item > 0}, rivals=lambda item: {item <= 0})
    assert await batcher.enqueue(1) == 2
    other = batcher.enqueue(-1)
    late = batcher.enqueue(2)  # does not overtake the other side, which waits
    await asyncio.sleep(0)
    assert work.batches == [[1]]
    batcher.release(1)
    assert await asyncio.gather(other, late) == [-2, 4]
    assert work.batches == [[1], [-1, 2]]
    batcher.release(-1)
    batcher.release(2)
    assert await batcher.enqueue(3) == 6
    assert await batcher.enqueue(4) == 8
    assert work.batches[2:] == [[3], [4]]
