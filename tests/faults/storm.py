"""The storm: findings become tickets while trackers misbehave, people work and the worker is killed; then all rests."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from stanch.errors import DependencyError
from tests.faults.storm_faults import Storm
from tests.faults.storm_people import NotDone, Person, Work
from tests.faults.storm_town import Town
from tests.faults.ticket_judge import Evidence, Verdict, judge

PLACES = {"jira": ("api.example.com", "/orders/{}/lines"), "servicenow": ("shop.example.com", "/mobile/{}/config")}
ENDINGS = ("fixed", "fixed", "fixed", "reopened", "open")
AT_ONCE = 30
QUIET = 3.0
PATIENCE = 120.0


@dataclass(frozen=True)
class Report:
    """What a storm did, and what the judge says."""

    verdict: Verdict
    evidence: Evidence
    seconds: float
    kills: int
    calls: int
    callbacks: int
    faults: Counter[str]
    missed: tuple[str, ...]

    def text(self) -> str:
        rate = self.faults.total() / max(1, self.calls + self.callbacks)
        met = ", ".join(f"{name} {number}" for name, number in sorted(self.faults.items()))
        return "\n".join(
            (
                f"{self.seconds:6.0f} seconds",
                f"{self.kills:6} kills of the worker",
                f"{self.calls:6} calls to trackers and {self.callbacks} callbacks from them, {rate:.0%} faulty: {met}",
                *self.verdict.lines(),
            )
        )


class Weather:
    """One storm over one town.

    Args:
        cases: how many findings. kills: how often the worker is killed, spread over the work.
        rate: share of tracker calls that go wrong.
    """

    def __init__(self, town: Town, *, cases: int, kills: int, seed: str, rate: float = 0.3) -> None:
        self._town = town
        self._seed = seed
        self._kills = kills
        self._trackers = {"jira": town.around.jira, "servicenow": town.around.servicenow}
        self._storms = [Storm(tracker, rate=rate, seed=seed) for tracker in self._trackers.values()]
        systems = list(PLACES)
        self.work = [Work(f"{seed}x{n}", systems[n % len(systems)], ENDINGS[n % len(ENDINGS)]) for n in range(cases)]
        self.missed: list[str] = []
        self._through = 0

    async def blow(self) -> Report:
        """All of it."""
        begun = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)
        killing = asyncio.create_task(self._kill())
        await asyncio.gather(*(self._one(work, gate) for work in self.work))
        await killing
        quiet = await self._rest()
        seconds = time.monotonic() - begun
        evidence = await asyncio.to_thread(self._evidence, quiet)
        return Report(
            verdict=judge(evidence),
            evidence=evidence,
            seconds=seconds,
            kills=self._town.kills,
            calls=sum(storm.count("calls") for storm in self._storms),
            callbacks=sum(storm.count("callbacks") for storm in self._storms),
            faults=sum((storm.met() for storm in self._storms), Counter()),
            missed=tuple(self.missed),
        )

    async def _one(self, work: Work, gate: asyncio.Semaphore) -> None:
        async with gate:
            told = await asyncio.to_thread(self._send, work)
            work.case_id, work.finding_id = str(told["case_id"]), str(told["finding_id"])
            person = Person(work, self._trackers[work.system], seed=self._seed, fix=self._fix)
            try:
                await person.through()
            except NotDone as error:  # the judge will see what is wrong
                self.missed.append(str(error))
        self._through += 1

    def _send(self, work: Work) -> dict[str, Any]:
        """The finding, until it is accepted."""
        host, path = PLACES[work.system]
        finding = {
            "schema": "finding/1",
            "uid": work.uid,
            "title": f"Debug answers are on {work.uid}",
            "kind": "weakness",
            "severity": "high",
            "confidence": 0.9,
            "category": "API8:2023",
            "rule": "misconfiguration",
            "api": {"host": host, "method": "GET", "path": path.format(work.uid)},
        }
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._town.client.send("own", json.dumps(finding).encode())
            except (DependencyError, httpx.HTTPError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _fix(self, work: Work) -> None:
        if self._town.around.scanner is not None:
            self._town.around.scanner.mark_fixed(work.finding_id)

    async def _kill(self) -> None:
        """Spread over the work: one at its start, then one each time another share of it is through."""
        for number in range(self._kills):
            await asyncio.sleep(1.5)
            while self._through < len(self.work) * number // (self._kills + 1):  # noqa: ASYNC110 - nobody signals that
                await asyncio.sleep(0.05)
            await self._town.kill_worker()

    # -- afterwards -------------------------------------------------------------------------------------------------

    async def _rest(self) -> dict[str, int]:
        """Wait until no tracker has heard anything for a while; then the air clears, and all is told once more."""
        await self._quiet()
        for storm in self._storms:
            await asyncio.to_thread(storm.end)
        await self._reconcile()
        await self._quiet()
        newest = {name: int(tracker.ledger.everything()[-1]["n"]) for name, tracker in self._trackers.items()}
        await asyncio.sleep(QUIET)
        return newest

    async def _reconcile(self) -> None:
        """What a deployment does every night; callbacks that were lost are made up for by this alone."""
        for _ in range(3):  # what was repaired is at rest when the next comparison finds nothing to do
            if await asyncio.to_thread(self._town.reconcile):
                return
            await self._quiet()

    async def _quiet(self) -> None:
        deadline = time.monotonic() + PATIENCE
        calls, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET and time.monotonic() < deadline:
            now = sum(len(tracker.ledger.everything()) for tracker in self._trackers.values())
            if now != calls:
                calls, since = now, time.monotonic()
            await asyncio.sleep(0.1)

    def _case(self, case_id: str) -> dict[str, Any]:
        """The case, as its workflow sees it unless that has ended; a busy worker may need another question."""
        for _ in range(10):
            found = self._town.client.case(case_id)
            if found.get("live") or (found.get("case") or {}).get("state") == "closed":
                return found
            time.sleep(0.5)
        return self._town.client.case(case_id)

    def _evidence(self, quiet: dict[str, int]) -> Evidence:
        client, cases = self._town.client, {}
        for work in self.work:
            cases[work.case_id] = {**self._case(work.case_id), "timeline": client.timeline(work.case_id)}
        around = self._town.around
        ledgers = {each.name: each.ledger.entries() for each in (around.jira, around.servicenow, around.slack)}
        accepted = {work.uid: work.case_id for work in self.work}
        return Evidence(accepted, ledgers, self._town.tickets(), cases, quiet)


def storm(folder: Path, *, cases: int, kills: int, seed: str, rate: float = 0.3) -> Report:
    """One storm over a town of its own."""
    town = Town(folder)
    town.start()
    try:
        return asyncio.run(Weather(town, cases=cases, kills=kills, seed=seed, rate=rate).blow())
    finally:
        town.stop()
