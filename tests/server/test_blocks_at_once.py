"""Many blocks at once at a vendor that takes one update a second: few updates, soon, and nothing lost."""

from __future__ import annotations

import pytest

from bench.blocks import measure


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.long)])
async def test_blocks_at_once(count: int) -> None:
    found = await measure(count)
    assert (found.standing, found.held, found.lost_foreign) == (count, count, 0)
    assert found.updates <= 10
    assert found.settle <= 20
