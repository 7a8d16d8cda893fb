"""What several files here stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apigw_support import Seed, Town

from stanch.sandbox.apigw import ApiGatewayStandin


@pytest.fixture(scope="module")
def seed() -> Iterator[Seed]:
    """A customer's API behind API Gateway, one for each file."""
    with ApiGatewayStandin() as gateway:
        yield Seed.of(gateway)


@pytest.fixture
def town(seed: Seed) -> Town:
    """That customer as they were at first, and a connector that remembers nothing."""
    return seed.town()
