"""What goes by the clock around tickets: made and changed by bootstrap, a watermark that lives, notes that arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities._world import World
from activities.board import BoardTickets
from stanch.errors import ConfigError
from stanch.keys import Keys
from stanch.policy import PolicyStore
from stanch.ports import TicketDraft, TicketEvent
from stanch.records import Entry, Records, TicketView
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.schedules import polls, schedule_all
from stanch.settings import Settings
from worker import make_worker

AT = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


@pytest.fixture
def temporal(tmp_path: Path) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False) as server:
        yield server


class Polled(BoardTickets):
    """A board that is polled, and remembers since when."""

    def __init__(self, records: Records) -> None:
        super().__init__(records, "http://127.0.0.1")
        self.since: list[datetime] = []

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        self.since.append(since)
        return [TicketEvent("jira", "OTHER-1", "e1", at=AT)]


async def until(look: Callable[[], object]) -> None:
    for _ in range(200):
        if look():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen in time")


async def test_polls_go_on_where_the_last_one_ended_and_notes_are_written(
    temporal: EmbeddedTemporal, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", trackers={"jira": {"kind": "jira", "changes_every": "1d"}})
    keys = Keys(settings)
    records = Records(f"sqlite:///{tmp_path / 'records.db'}", keys.ledger)
    world = World(settings=settings, records=records, policy=PolicyStore(settings), keys=keys)
    tracker = Polled(records)
    world._built["tickets", "jira"] = world._built["tickets", "board"] = tracker
    made = tracker.ensure_ticket(TicketDraft(key="ab" * 16, case_id="case-a", summary="s", body="b"))
    records.see_ticket(TicketView("board", made.key, "case-a", AT, version=made.version))
    records.append([Entry("case-a", "e", "k", AT, "stanch", "finding.rescanned", data={"clean": True})])
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
    for _ in range(2):  # the second time it changes what is there
        await schedule_all(client, settings.trackers)
    with ThreadPoolExecutor(64) as threads:
        core, tickets = (make_worker(client, world, queue, threads) for queue in ("core", "tickets"))
        async with core, tickets:
            for times in (1, 2):
                await client.get_schedule_handle("stanch-poll-jira").trigger()
                await until(lambda times=times: len(tracker.since) == times)
                await asyncio.sleep(1)  # the run ends after the activity
            await client.get_schedule_handle("stanch-ticket-news").trigger()
            await until(lambda: records.board_ticket(made.key).notes)
    assert tracker.since[1] == AT - timedelta(minutes=5)
    assert "finds the problem no more" in records.board_ticket(made.key).notes[0].text
    await schedule_all(client, {"jira": {"kind": "jira"}})  # it calls back now
    found = {entry.id async for entry in await client.list_schedules()}
    assert "stanch-tickets-nightly" in found
    with pytest.raises(Exception, match="not found"):
        await client.get_schedule_handle("stanch-poll-jira").describe()
    records.close()


async def test_polls_of_trackers_that_are_configured_no_more_are_dropped(temporal: EmbeddedTemporal) -> None:
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)

    async def names() -> set[str]:
        return {entry.id async for entry in await client.list_schedules() if entry.id.startswith("stanch-poll-")}

    await schedule_all(client, {name: {"changes_every": "1d"} for name in ("jira", "old")})
    for _ in range(100):  # lists lag behind
        if await names() == {"stanch-poll-jira", "stanch-poll-old"}:
            break
        await asyncio.sleep(0.2)
    await schedule_all(client, {"jira": {"changes_every": "1d"}})
    with pytest.raises(Exception, match="not found"):
        await client.get_schedule_handle("stanch-poll-old").describe()
    await client.get_schedule_handle("stanch-poll-jira").describe()


@pytest.mark.parametrize("text", ["often", "5s", "-1m", "1"])
def test_an_interval_that_is_none_or_too_short_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError, match="changes_every"):
        polls({"jira": {"changes_every": text}})
