"""Writers of a gateway and of an identity provider with a worker that dies on order, and what the vendors saw of it."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter

from stanch import contract
from stanch.keys import Keys
from stanch.leases import BlockSpec, Lease, LeaseState, Principal, SuspendSpec, target_of
from stanch.records import LeaseRow, Records
from stanch.sandbox._aws.seed import client as aws_client
from stanch.sandbox.stack import Stack
from stanch.settings import Settings
from stanch.wire_points import EnforcementInput, Release
from tests.faults.block_judge import Change, Claim, Figures, Intent, judge
from tests.faults.ledgers import edge_of
from tests.faults.writer_worker import FIRED, ORDER, SEEN

ROOT = Path(__file__).resolve().parents[2]
HOST, EVERY = "api.example.com", 0.005
BEAT = "3"  # seconds until a silent worker counts as lost; beats come one a second, and this machine may be busy
PATIENCE = 300.0  # how late something may be is for the judge to say; this only ends a test that hangs
OPERATIONS = {"AdminDisableUser": True, "AdminEnableUser": False}
FOREIGN = {"customer-maintenance": {"permissions": [{"any": True}], "principals": [{"not_id": {"any": True}}]}}


class WriterLane:
    """A stack whose only clients are writers; `ask` and `give_back` are what cases do.

    Args:
        folder: for everything it keeps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = (sys.executable, "-m", "tests.faults.writer_worker", str(folder))
        more = {"policy_dir": str(ROOT / "policy"), "playbooks_dir": str(ROOT / "playbooks")}
        self.stack = Stack(folder, web=False, worker=command, more=more, variables={"STANCH_CRASH_HEARTBEAT": BEAT})
        self.client: Client
        self.records: Records
        self.claims: dict[str, Claim] = {}
        self.leases: dict[str, Lease] = {}
        self._changes: list[Change] = []
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    async def start(self) -> None:
        await asyncio.to_thread(self.stack.start)
        self.client = await Client.connect(self.stack.temporal_address, data_converter=pydantic_data_converter)
        settings = Settings(data_dir=self.stack.data_dir)
        self.records = Records(settings.url_of_records, Keys(settings).ledger)
        self._edit_by_hand()
        await self._traffic()
        self._watch.start()

    async def stop(self) -> None:
        self._stop.set()
        if self._watch.ident is not None:
            self._watch.join()
            self.records.close()
        await asyncio.to_thread(self.stack.stop)

    async def _traffic(self) -> None:
        """A request that the gateway has logged: guards refuse every block where they see nothing of the traffic."""
        edge, token = edge_of(self.stack.estate), self.stack.estate.issuer.mint("carol")
        async with httpx.AsyncClient() as client:
            await client.get(f"{edge.url}/users/1", headers={"host": HOST, "authorization": f"Bearer {token}"})
        deadline = time.monotonic() + PATIENCE
        while not (edge.access_log.exists() and edge.access_log.stat().st_size):
            assert time.monotonic() < deadline, "the gateway logs nothing"
            await asyncio.sleep(0.02)

    # -- asking -----------------------------------------------------------------------------------------------------

    def lease(self, name: str, *, point: str, seconds: float = 3600.0) -> Lease:
        """A block of a token of its own, or a suspension of a user of its own."""
        spec: BlockSpec | SuspendSpec
        if point == "users":
            spec = SuspendSpec(user_id=name)
            self._pool.admin_create_user(**self._in_pool, Username=name)
        else:
            spec = BlockSpec(host=HOST, path=f"/{name}", principal=Principal(token_id=f"tok-{name}"))
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        made = Lease(
            lease_id=name,
            case_id=f"case-{name}",
            episode="e1",
            step="block",
            point=point,
            target=target_of(spec),
            spec=spec,
            expires_at=end,
            playbook="contain_attacker",
            source="own",
        )
        self.leases[name] = made
        return made

    async def ask(self, lease: Lease) -> None:
        self.records.put_lease(LeaseRow(lease=lease, state=LeaseState.REQUESTED, updated=datetime.now(UTC)))
        self.claims[lease.lease_id] = Claim(lease.target, lease.expires_at)
        await self._signal(lease, contract.HOLD, lease)

    def keep(self, leases: Iterable[Lease], until: datetime) -> None:
        """A freeze has kept these until then, whatever their end."""
        for lease in leases:
            self.claims[lease.lease_id] = replace(self.claims[lease.lease_id], kept=until)

    async def give_back(self, lease: Lease) -> None:
        self.claims[lease.lease_id] = replace(self.claims[lease.lease_id], released=datetime.now(UTC))
        await self._signal(lease, contract.RELEASE, Release(lease=lease))

    async def _signal(self, lease: Lease, signal: str, message: Any) -> None:
        shard = lease.target if lease.point == "users" else ""
        await self.client.start_workflow(
            contract.ENFORCEMENT_WORKFLOW,
            EnforcementInput(point=lease.point, shard=shard),
            id=contract.enforcement_id(lease.point, shard),
            task_queue=contract.queue("core"),
            start_signal=signal,
            start_signal_args=[message],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def until(self, lease: Lease, *states: LeaseState, seconds: float = PATIENCE) -> None:
        """Wait until records say so of a lease; this is when its holder is told."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            row = self.records.lease(lease.lease_id)
            if row is not None and row.state in states:
                if row.state is LeaseState.HELD:
                    self.claims[lease.lease_id] = replace(self.claims[lease.lease_id], held=datetime.now(UTC))
                return
            await asyncio.sleep(0.02)
        found = f"{row.state} {row.code} {row.reason}" if row is not None else "unknown"
        raise AssertionError(f"{lease.lease_id} never came to {states}, it is {found}")

    def state(self, lease: Lease) -> str:
        """What records say of it now; of a refusal, why."""
        row = self.records.lease(lease.lease_id)
        return "" if row is None else row.code if row.state is LeaseState.REFUSED else row.state.value

    # -- dying ------------------------------------------------------------------------------------------------------

    @property
    def workers(self) -> int:
        """How many have begun to serve so far."""
        return (self.folder / "worker.log").read_text(encoding="utf-8").count("worker ready")

    @property
    def worker(self) -> int:
        """The process that serves, or is about to."""
        return int((self.folder / "worker.pid").read_text(encoding="utf-8"))

    def arm(self, moment: Mapping[str, Any]) -> None:
        draft = self.folder / "order.new"
        draft.write_text(json.dumps(dict(moment)), encoding="utf-8")
        draft.replace(self.folder / ORDER)

    def seen(self, lease: Lease, verb: str) -> list[dict[str, Any]]:
        """The moments of a lease's attempts, each once, in order."""
        return list({json.dumps(line): line for line in self._met(lease, verb)}.values())

    async def attempts(self, lease: Lease, verb: str, *, more: int) -> None:
        """Wait until the writer has ended so many more attempts of a lease."""
        deadline, before = time.monotonic() + PATIENCE, self._ended(lease, verb)
        while self._ended(lease, verb) < before + more:
            assert time.monotonic() < deadline, f"{lease.lease_id}: nobody tries to {verb} it"
            await asyncio.sleep(0.05)

    def _ended(self, lease: Lease, verb: str) -> int:
        return sum((line["call"], line["when"]) == ("attempt", "after") for line in self._met(lease, verb))

    def _met(self, lease: Lease, verb: str) -> list[dict[str, Any]]:
        lines = _lines(self.folder / SEEN)
        return [line for line in lines if (line["lease"], line["verb"]) == (lease.lease_id, verb)]

    @property
    def fired(self) -> list[dict[str, Any]]:
        return list(_lines(self.folder / FIRED))

    # -- what the vendors saw ---------------------------------------------------------------------------------------

    @cached_property
    def _pool(self) -> Any:
        estate = self.stack.estate
        return aws_client("cognito-idp", estate.aws.url, estate.aws.region)

    @property
    def _in_pool(self) -> dict[str, str]:
        return {"UserPoolId": self.stack.estate.seeded.user_pool_id}

    def _edit_by_hand(self) -> None:
        """The customer's own: a policy at the gateway, a user who was disabled before."""
        self._pool.admin_disable_user(**self._in_pool, Username="bob")
        path = edge_of(self.stack.estate).rules_file
        body = json.loads(path.read_bytes())
        _policies(body).update(FOREIGN)
        draft = path.with_suffix(".hand")
        draft.write_text(json.dumps(body), encoding="utf-8")
        draft.replace(path)

    def foreign(self) -> dict[str, object]:
        """What others own, as it is now."""
        path = edge_of(self.stack.estate).rules_file
        found = _policies(json.loads(path.read_bytes()))
        theirs: dict[str, object] = {name: body for name, body in found.items() if not name.startswith("stanch-")}
        for name in ("alice", "bob"):
            user = self._pool.admin_get_user(**self._in_pool, Username=name)
            noted = [item["Value"] for item in user["UserAttributes"] if item["Name"] == "custom:stanch_lease"]
            theirs[f"user {name}"] = (user["Enabled"], noted)
        return theirs

    def _look(self) -> None:
        """The gateway's file, again and again."""
        path, seen, standing = edge_of(self.stack.estate).rules_file, (0, 0), frozenset[str]()
        while not self._stop.wait(EVERY):
            found = path.stat()
            if (found.st_ino, found.st_mtime_ns) == seen:
                continue
            seen = (found.st_ino, found.st_mtime_ns)
            at = datetime.fromtimestamp(found.st_mtime, UTC)
            names = _policies(json.loads(path.read_bytes()))
            now = frozenset(name.rpartition("-")[2] for name in names if name.startswith("stanch-"))
            self._changes += [Change(at, target, True) for target in now - standing]
            self._changes += [Change(at, target, False) for target in standing - now]
            standing = now

    def _user_changes(self) -> Iterator[Change]:
        targets = {one.spec.user_id: one.target for one in self.leases.values() if isinstance(one.spec, SuspendSpec)}
        for entry in self.stack.estate.aws.ledger.entries():
            name = str(entry.get("Username", ""))
            if entry["event"] in OPERATIONS and name in targets:
                yield Change(datetime.fromisoformat(entry["at"]), targets[name], OPERATIONS[entry["event"]])

    def _intents(self) -> Iterator[Intent]:
        for lease in self.leases.values():
            for line in self.records.timeline(lease.case_id):
                words = line.event.split(".")
                if words[0] == "point" and words[-1] == "intent":
                    yield Intent(line.time, lease.target, words[1])

    def figures(self, foreign: Mapping[str, object], *, slow: float = 1.0) -> Figures:
        """By the judge, from everything that the vendors and the ledger know.

        Args:
            foreign: what others own, as it was at the start.
            slow: how many times longer than a minute a lift may take on this machine.
        """
        changes = [*self._changes, *self._user_changes()]
        claims, intents = list(self.claims.values()), list(self._intents())
        return judge(changes, claims, intents, foreign=(foreign, self.foreign()), now=datetime.now(UTC), slow=slow)


def _policies(node: Any) -> dict[str, Any]:
    """The policies of the first filter that has some."""
    if isinstance(node, dict):
        if isinstance(node.get("policies"), dict):
            return node["policies"]
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        found = _policies(child)
        if found is not None:
            return found
    return None  # type: ignore[return-value]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
