"""The hourly sweep: scheduled once, run by the worker, and old deliveries are gone afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities._world import World
from stanch.keys import Keys
from stanch.policy import PolicyStore
from stanch.records import Finish, New, Records, Repeat
from stanch.records.columns import encoded
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.sealing import Original, seal_original
from stanch.settings import Settings
from stanch.temporal import schedule_sweep
from worker import make_worker


@pytest.fixture
def temporal(tmp_path: Path) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False) as server:
        yield server


async def test_the_schedule_is_made_once_and_old_deliveries_are_forgotten(
    temporal: EmbeddedTemporal, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    keys = Keys(settings)
    records = Records(f"sqlite:///{tmp_path / 'records.db'}", keys.ledger)
    world = World(settings=settings, records=records, policy=PolicyStore(settings), keys=keys)
    old, young = datetime.now(UTC) - timedelta(days=31), datetime.now(UTC)
    for name, at in (("old", old), ("young", young)):
        assert isinstance(records.remember_delivery("own", name, "d", at=at), New)
        records.finish([Finish("own", name, encoded({"results": []}), at)])
        made = Original("own", name, b"body", "application/json", at, ("case-a",))
        records.add_originals([seal_original(made)], keys=keys.sealing)
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
    assert await schedule_sweep(client)
    assert not await schedule_sweep(client)
    with ThreadPoolExecutor(32) as threads:
        async with make_worker(client, world, "core", threads):
            await client.get_schedule_handle("stanch-sweep").trigger()
            for _ in range(100):
                if not isinstance(records.delivery("old", source="own"), Repeat):
                    break
                await asyncio.sleep(0.1)
    assert records.delivery("old", source="own") is None
    for _ in range(100):
        kept = [row["delivery_id"] for row in records.originals_of("case-a")]
        if kept == ["young"]:
            break
        await asyncio.sleep(0.1)
    assert kept == ["young"]
    assert isinstance(records.delivery("young", source="own"), Repeat)
    records.close()
