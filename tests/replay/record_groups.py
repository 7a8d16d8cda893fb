"""Records a group that opens one ticket and closes it with its last proof, and one of its members.

Run `python -m tests.replay.record_groups` after a change of workflow code that is meant to break old histories.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch.sandbox.client import StanchClient, wait_until
from stanch.sandbox.stack import Stack
from tests.replay.record import GROUPED, HISTORIES, ROOT, neutral

MEMBERS = 5


def finding(number: int, *, status: str = "open") -> bytes:
    """A small weakness of nobody's host: the default owner, the triage playbook, the shipped grouping."""
    body: dict[str, Any] = {
        "uid": f"header-{number}",
        "title": "A security header is missing",
        "type": "missing_header",
        "kind": "weakness",
        "severity": "low",
        "category": "API8:2023",
        "status": status,
        "api": {"host": "www.example.org", "path": f"/page/{number}", "method": "GET", "environment": "prod"},
    }
    return json.dumps(body).encode()


def play(stack: Stack, client: StanchClient) -> dict[str, str]:
    """From the first finding to the parent's end; gives the cases and the group by the names of their histories."""
    cases = [client.send("own", finding(number))["case_id"] for number in range(MEMBERS)]
    ticket_of = _tickets(client, cases)
    wait_until("one ticket for all", lambda: len(set(ticket_of())) == 1 and "" not in ticket_of(), seconds=200)
    print(f"tickets: {set(ticket_of())}")
    group = client.case(cases[0])["noise"]["group_id"]
    wait_until("the group is listed", lambda: client.state(group) == "waiting")
    for number in range(MEMBERS):
        client.send("own", finding(number, status="resolved"))
    stack.estate.jira.transition(ticket_of()[0], by="tom.b")
    wait_until("the group is proven", lambda: client.state(group) == "verifying", seconds=60)
    members = client.case(group)["members"]
    print(f"{len(members)} members, states {sorted({row['state'] for row in members})}")
    print("ledger of the group:", [entry["event"] for entry in client.timeline(group)])
    return {f"{GROUPED}case": cases[0], f"{GROUPED}group": group}


def _tickets(client: StanchClient, cases: list[str]) -> Any:
    return lambda: [(client.case(case)["case"] or {}).get("ticket_key", "") for case in cases]


async def fetch(address: str, wanted: dict[str, str]) -> dict[str, str]:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    histories = {name: await client.get_workflow_handle(key).fetch_history() for name, key in wanted.items()}
    return {name: neutral(history.to_json()) for name, history in histories.items()}


def main() -> None:
    """Start everything, play, fetch, write."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        secret_of = stack.estate.secret
        client = StanchClient(
            stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: secret_of(f"source_{name}")
        )
        try:
            histories = asyncio.run(fetch(stack.temporal_address, play(stack, client)))
        finally:
            client.close()
    for name, text in histories.items():
        (HISTORIES / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {text.count(chr(34) + 'eventId' + chr(34))} events")


if __name__ == "__main__":
    main()
