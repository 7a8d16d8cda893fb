"""Many blocks at once at a vendor that takes one update a second: few updates, soon, and nothing lost."""

from __future__ import annotations

import pytest

from bench.blocks import measure

LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("count", "waf"),
    [(60, False), (12, True), pytest.param(500, False, marks=LONG), pytest.param(500, True, marks=LONG)],
)
async def test_blocks_at_once(count: int, waf: bool) -> None:
    found = await measure(count, waf=waf)
    assert (found.standing, found.held, found.lost_foreign) == (count, count, 0)
    assert found.updates <= 10
    assert found.settle <= 20
