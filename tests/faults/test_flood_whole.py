"""Findings that each want another address blocked, through the whole of Stanch: within budget, and none is lost."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch import contract
from stanch.catalog import Queue
from stanch.contract import CaseInput, FindingReport
from stanch.keys import Keys
from stanch.records import Records
from stanch.sandbox.stack import Stack
from stanch.settings import Settings
from stanch.views import ActorView, ApiView, FindingView

ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("STANCH_FLOOD", "300"))
BUDGET = 40  # changes in an hour of the shipped contain_attacker
PATIENCE = 900.0
UNDER_WAY = ("new", "running")


def report(number: int) -> FindingReport:
    api = ApiView(host="api.example.com", path="/orders/7", path_template="/orders/{id}", method="GET")
    finding = FindingView(
        id=f"f-{number}",
        title="Object ids are tried one after the other",
        source="own",
        severity="high",
        confidence=0.97,
        category="API1:2023",
        phase="exploit",
        api=api,
        actor=ActorView(ip=f"198.18.{number // 250}.{number % 250 + 1}"),
    )
    return FindingReport(delivery_id=f"d-{number}", source="own", finding=finding)


async def flood(client: Client) -> None:
    async def one(number: int) -> None:
        case_id = f"case-flood{number}"
        await client.start_workflow(
            contract.CASE_WORKFLOW,
            CaseInput(case_id=case_id),
            id=case_id,
            task_queue=contract.queue(Queue.CORE),
            start_signal=contract.REPORT,
            start_signal_args=[report(number)],
        )

    await asyncio.gather(*(one(number) for number in range(COUNT)))


def settled(records: Records) -> Counter[str]:
    """States of the cases that have come to rest: they wait for a person, or watch what they have done."""
    found: Counter[str] = Counter()
    for number in range(COUNT):
        row = records.case(f"case-flood{number}")
        if row is not None and row.state not in UNDER_WAY:
            found[row.state] += 1
    return found


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_flood_through_temporal_stays_under_budget_and_nobody_is_forgotten(tmp_path: Path) -> None:
    more = {"policy_dir": str(ROOT / "policy"), "playbooks_dir": str(ROOT / "playbooks")}
    stack = Stack(tmp_path, web=False, more=more)
    await asyncio.to_thread(stack.start)
    settings = Settings(data_dir=stack.data_dir)
    records = Records(settings.url_of_records, Keys(settings).ledger)
    try:
        client = await Client.connect(stack.temporal_address, data_converter=pydantic_data_converter)
        begun = time.monotonic()
        await flood(client)
        while settled(records).total() < COUNT and time.monotonic() - begun < PATIENCE:  # noqa: ASYNC110
            await asyncio.sleep(2)
        states = settled(records)
        lines = [line for number in range(COUNT) for line in records.timeline(f"case-flood{number}")]
        verified = records.verify()
    finally:
        records.close()
        await asyncio.to_thread(stack.stop)
    events = Counter(line.event for line in lines)
    print(f"{COUNT} findings in {time.monotonic() - begun:.0f} s: {dict(states)}")
    print({name: events[name] for name in ("block.ip.intent", "point.hold.intent", "block.ip.refused")})
    assert states.total() == COUNT
    assert 0 < events["point.hold.intent"] <= BUDGET
    assert verified.ok
