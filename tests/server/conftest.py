"""What tests of the HTTP edge share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import slack_desk
from web_support import SECRET, Edge

from stanch.sandbox.slack import SlackStandin
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.web.services import Services


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with slack_desk.workspace() as made:
        yield made


@pytest.fixture
def desk(slack: SlackStandin, tmp_path: Path) -> Iterator[Callable[..., Services]]:
    """Makes services whose chat system is `slack`, with settings of a test's own."""
    with slack_desk.desk(slack, tmp_path) as build:
        yield build


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTemporal]:
    database = tmp_path_factory.mktemp("temporal") / "temporal.db"
    with EmbeddedTemporal(database=database, durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def edge(temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A web service with nobody to work on its cases."""
    with pytest.MonkeyPatch.context() as patch, Edge(tmp_path_factory.mktemp("edge"), temporal.address) as made:
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made


@pytest.fixture(scope="module")
def whole(temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A web service with the real worker and an enforcement point in memory."""
    folder: Path = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch, Edge(folder, temporal.address, with_worker=True) as made:
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made
