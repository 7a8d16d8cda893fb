"""Records the histories that the replay tests guard: the four shipped playbooks and the writers of their points.

Run `python -m tests.replay.record` after a change of workflow code that is meant to break old histories; otherwise keep
those that are there.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch.contract import ENFORCEMENT_WORKFLOW
from stanch.sandbox.client import StanchClient
from stanch.sandbox.scenarios import Scenarios
from stanch.sandbox.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = Path(__file__).parent / "histories"
GROUPED = "grouped-"  # recorded by tests.replay.record_groups
SCENARIOS = ("manual", "semi", "auto", "attack")


def play(stack: Stack) -> dict[str, str]:
    """Live through all four; gives each scenario's case."""
    estate = stack.estate
    client = StanchClient(
        stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: estate.secret(f"source_{name}")
    )
    scenarios = Scenarios(stack, client, lambda *_: None)
    try:
        scenarios.normal_traffic()
        failed = [name for name in SCENARIOS if not getattr(scenarios, name)()]
    finally:
        client.close()
    if failed:
        raise SystemExit(f"not as expected: {', '.join(failed)}")
    return scenarios.cases


async def fetch(address: str, cases: dict[str, str]) -> dict[str, str]:
    """The histories as JSON, by file name."""
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    wanted = {f"case-{name}": case_id for name, case_id in cases.items()}
    async for found in client.list_workflows(f"WorkflowType = '{ENFORCEMENT_WORKFLOW}'"):
        wanted[f"point-{found.id.split('-')[1]}"] = found.id
    histories = {name: await client.get_workflow_handle(key).fetch_history() for name, key in wanted.items()}
    return {name: neutral(history.to_json()) for name, history in histories.items()}


def neutral(text: str) -> str:
    """Without the names of the machine that recorded it; payloads stay as they were, since digests depend on them."""
    body = json.loads(text)
    plain = json.dumps(body, indent=1, sort_keys=True)
    plain = re.sub(r'"identity": "[^"]*"', '"identity": "recorder"', plain)
    return re.sub(r'"(name|normalName)": "[^"]*-[0-9a-f]{32}"', r'"\1": "sticky"', plain) + "\n"


def main() -> None:
    """Start everything, play, fetch, write."""
    os.chdir(ROOT)  # plans name their files as settings do: relative, the same on every machine
    more = {"playbooks": {"attach_owasp_policy": {"inputs": {"soak": "2s"}}}}
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), more=more) as stack:
        cases = play(stack)
        histories = asyncio.run(fetch(stack.temporal_address, cases))
    HISTORIES.mkdir(exist_ok=True)
    for path in HISTORIES.glob("*.json"):
        if not path.stem.startswith(GROUPED):
            path.unlink()
    for name, text in histories.items():
        (HISTORIES / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {text.count(chr(34) + 'eventId' + chr(34))} events")


if __name__ == "__main__":
    main()
