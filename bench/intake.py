"""Accepted findings per second beside the SDK's bare signal-with-start on the same server (`python -m bench.intake`).

Rounds are interleaved (bare, ours, bare, ours) and medians are printed, since machines are shared and noisy.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench._senders import finding, flood
from bench._site import SECRET, Site
from stanch.contract import FindingReport
from stanch.findings import view_of
from stanch.reporting import bring
from stanch.sources import extract

LOADS = ((1, 150), (128, 2000))  # senders, findings a round


async def bare(client: Client, *, senders: int, findings: int) -> float:
    """Signal-with-start calls a second, as a program would make them by hand: the same payload, nothing else."""
    view, run = view_of(extract(finding("bare")).findings[0]), uuid4().hex[:12]
    waiting = iter(range(findings))

    async def one() -> None:
        for number in waiting:
            await bring(client, f"case-{run}-{number}", FindingReport(delivery_id="d", source="own", finding=view))

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(senders)))
    return findings / (time.perf_counter() - began)


async def measure(site: Site, rounds: int) -> None:
    client = await Client.connect(site.temporal.address, data_converter=pydantic_data_converter)
    await flood(site.port, secret=SECRET, senders=8, findings=100)  # warm
    print(
        f"{'senders':>7} {'bare/s':>8} {'ours/s':>8} {'ratio':>6}  {'p50 ms':>7} {'p99 ms':>7}   (medians of {rounds})"
    )
    for senders, findings in LOADS:
        pairs, slow = [], []
        for _ in range(rounds):
            plain = await bare(client, senders=senders, findings=min(findings, 400))
            tally = await flood(site.port, secret=SECRET, senders=senders, findings=findings)
            assert len(tally.accepted) == findings, tally.refused
            pairs.append((plain, tally.rate))
            slow += tally.latencies
            await site.drained(client, tally.accepted)
        slow.sort()
        plain, own = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(own / plain for plain, own in pairs)
        p50, p99 = (slow[int(len(slow) * share)] * 1000 for share in (0.5, 0.99))
        print(f"{senders:7} {plain:8.0f} {own:8.0f} {ratio:6.2f}  {p50:7.1f} {p99:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", action="store_true", help="with a worker that brings the findings to their cases")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder), with_worker=given.worker) as site:
        asyncio.run(measure(site, given.rounds))


if __name__ == "__main__":
    main()
