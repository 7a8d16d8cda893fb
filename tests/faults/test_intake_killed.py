"""128 senders while web service, worker and Temporal are killed in turn: what was accepted reaches its case, once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench._senders import Tally, flood
from bench._site import SECRET, Site

LONG = os.environ.get("STANCH_PROFILE") == "long"
FINDINGS = 3000 if LONG else 320


def _web(site: Site) -> None:
    site.web.kill()
    site.web.start()
    site.web.wait_ready()


def _worker(site: Site) -> None:
    site.worker.kill()
    site.worker.start()
    site.worker.wait_ready()


def _server(site: Site) -> None:
    site.temporal.kill()
    site.temporal.start()


async def _through(site: Site) -> Tally:
    """Flood, and kill one process at each quarter of the way; senders repeat what was not answered."""
    tally = Tally()
    sending = asyncio.create_task(
        flood(site.port, secret=SECRET, senders=128, findings=FINDINGS, retry=lambda: True, tally=tally)
    )
    for quarter, kill in enumerate((_web, _worker, _server), 1):
        while len(tally.accepted) < FINDINGS * quarter // 4:  # noqa: ASYNC110 - nobody signals that
            await asyncio.sleep(0.02)
        await asyncio.to_thread(kill, site)
    await asyncio.wait_for(sending, 120)
    client = await Client.connect(site.temporal.address, data_converter=pydantic_data_converter)
    await site.drained(client, tally.accepted)
    return tally


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_accepted_is_lost_when_processes_are_killed_under_load(tmp_path: Path) -> None:
    with Site(tmp_path, with_worker=True) as site:
        tally = asyncio.run(_through(site))
    assert len(tally.accepted) == FINDINGS
    assert len(set(tally.accepted.values())) == FINDINGS
    assert tally.refused, "nothing was interrupted: the test has shown nothing"
    assert set(tally.refused) <= {0, 503}, "whatever could not be taken was said to be worth repeating"
