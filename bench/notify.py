"""Time from the 202 to the product manager's message in Slack: one at a time, in a burst, and with a slow tracker.

`python -m bench.notify` starts the whole of Stanch on this machine: embedded Temporal, a worker, the web service, and
stand-ins for ServiceNow and Slack. Each finding is a misconfiguration under `/mobile`, so the shipped playbook opens a
ticket and writes to the manager. The stand-in's ledger says when the message was there, and when it named the ticket.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stanch.sandbox._server import Fault
from stanch.sandbox.client import StanchClient
from stanch.sandbox.stack import Stack

ROOT = Path(__file__).parent.parent
MANAGER = "U01MARIA"
TARGET = 5.0  # seconds within which people should hear of it, at the 95th percentile
PATIENCE = 180.0
SENDERS = 8
WARM = 3
CREATE = "create"  # the stand-in's word for it


def finding(name: str) -> bytes:
    """A misconfiguration of the mobile app, a problem of its own for each name."""
    return json.dumps(
        {
            "schema": "finding/1",
            "uid": name,
            "title": "Debug endpoint is public",
            "kind": "weakness",
            "severity": "high",
            "confidence": 0.9,
            "category": "API8:2023",
            "rule": "debug-enabled",
            "api": {"host": "shop.example.com", "method": "GET", "path": f"/mobile/v2/{name}"},
        }
    ).encode()


@dataclass
class Round:
    """When each case was accepted, when its manager had a message, and when that named the ticket."""

    accepted: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    linked: dict[str, float] = field(default_factory=dict)

    def waits(self, ends: Mapping[str, float]) -> list[float]:
        return sorted(max(0.0, end - self.accepted[case]) for case, end in ends.items() if case in self.accepted)


class Bench:
    """Sends findings to a running stack and reads what people saw in the ledger of its Slack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        secret = stack.estate.secret
        self._clients = [
            StanchClient(stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: secret(f"source_{name}"))
            for _ in range(SENDERS)
        ]
        self._read = 0

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def rest(self, name: str, count: int) -> Round:
        """One after another: each is sent when the one before is through."""
        made = Round()
        for number in range(count):
            self._send(made, f"{name}-{number}", client=self._clients[0])
            self._settle(made)
        return made

    def burst(self, name: str, count: int) -> Round:
        """All at once, as a scanner does at the end of its run."""
        made = Round()
        with ThreadPoolExecutor(SENDERS) as pool:
            jobs = [
                pool.submit(self._send, made, f"{name}-{number}", client=self._clients[number % SENDERS])
                for number in range(count)
            ]
        for job in jobs:
            job.result()
        self._settle(made)
        return made

    def slow(self, name: str, count: int, *, seconds: float) -> Round:
        """A tracker that takes its time for each ticket."""
        faults = self._stack.estate.servicenow.faults
        faults.script(CREATE, *(Fault("delay", seconds=seconds) for _ in range(count)))
        made = self.burst(name, count)
        faults.clear()
        return made

    def _send(self, made: Round, name: str, *, client: StanchClient) -> None:
        case = str(client.send("own", finding(name))["case_id"])
        made.accepted[case] = time.time()

    def _settle(self, made: Round) -> None:
        """Wait until everybody was told of everything.

        Raises:
            SystemExit: somebody never was.
        """
        deadline = time.monotonic() + PATIENCE
        while missing := made.accepted.keys() - made.linked.keys():
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(missing)} of {len(made.accepted)} messages never came whole: {missing}")
            time.sleep(0.05)
            self._look(made)

    def _look(self, made: Round) -> None:
        entries = self._stack.estate.slack.ledger.entries()
        for entry in entries[self._read :]:
            self._note(made, entry)
        self._read = len(entries)

    def _note(self, made: Round, entry: Mapping[str, object]) -> None:
        text = json.dumps(entry)
        at = datetime.fromisoformat(str(entry["at"])).timestamp()
        for case in made.accepted:
            if case in text:
                made.told.setdefault(case, at)
                if "INC" in text:
                    made.linked.setdefault(case, at)


def row(name: str, waits: Sequence[float]) -> str:
    p50, p95 = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.95))
    return f"{name:44} {len(waits):6} {p50:7.2f} {p95:7.2f} {waits[-1]:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=50, help="of a burst")
    parser.add_argument("--slow", type=float, default=8.0, help="seconds that the slow tracker takes for a ticket")
    given = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        bench = Bench(stack)
        bench.rest("warm", WARM)
        rounds = {
            "at rest": bench.rest("rest", 10),
            f"burst of {given.findings}": bench.burst("burst", given.findings),
            f"10 at once, tracker takes {given.slow:g} s": bench.slow("slow", 10, seconds=given.slow),
        }
        bench.close()
    print(f"{'seconds after the 202':44} {'cases':>6} {'p50':>7} {'p95':>7} {'max':>7}")
    for name, made in rounds.items():
        print(row(f"{name}: manager told", made.waits(made.told)))
        print(row(f"{name}: message names the ticket", made.waits(made.linked)))
    late = [name for name, made in rounds.items() if _p95(made) > TARGET]
    print(f"p95 of the message above {TARGET:g} s: {', '.join(late) or 'nowhere'}")


def _p95(made: Round) -> float:
    waits = made.waits(made.told)
    return waits[min(len(waits) - 1, int(len(waits) * 0.95))]


if __name__ == "__main__":
    main()
