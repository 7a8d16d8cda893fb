"""A web service on a real socket, beside an embedded Temporal, with the real worker where a test asks for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

import worker
from activities._world import World
from activities.board import BoardTickets
from stanch.catalog import Queue
from stanch.contract import REPORT
from stanch.guards import GuardPolicy, load_guards
from stanch.intake.config import Sources, parse_sources
from stanch.intake.signatures import sign
from stanch.inventory import ApiInventory, parse_inventory
from stanch.keys import Keys
from stanch.leases import Applied, BlockSpec, Lease
from stanch.playbooks.library import PlaybookSet
from stanch.policy import PolicyStore
from stanch.policy_state import PolicyState, PolicyUse
from stanch.ports import (
    ChatPort,
    ChatUser,
    Check,
    Estimate,
    Excerpt,
    Message,
    Owned,
    Posted,
    Reconciled,
    TicketPort,
    Usage,
)
from stanch.records import Records
from stanch.routing import RouteTable, load_routes
from stanch.settings import Settings
from stanch.web.app import Services, create_app

T = TypeVar("T")
SHIPPED_GUARDS = Path(__file__).parents[2] / "policy" / "guards.yaml"
INVENTORY = """
version: inventory/v1
apis: {shop: {host: shop.example.com, criticality: critical, business_owner: "user:maria"}}
"""
ROUTES = """
version: routing/v1
namespace: test
directory:
  users:
    user:maria: {name: Maria K., slack: U01MARIA, jira: maria.k}
    user:tom: {name: Tom B., slack: U01TOM, jira: tom.b}
    user:gone: {name: Gone, slack: U01GONE, active: false}
  teams:
    team:shop: {lead: user:tom, members: [user:tom, user:maria], slack: C0SHOP}
sla:
  standard:
    critical: {fix: 3d, lane: emergency_patch}
    high: {fix: 7d, lane: emergency_patch}
    medium: {fix: 30d, lane: next_sprint}
    low: {fix: 90d, lane: backlog}
    info: {fix: none, lane: backlog}
default: {id: fallback, owner: team:shop, sla: standard}
rules:
  - {id: shop, match: {host: shop.example.com}, owner: team:shop, assignee: user:maria}
"""
SOURCES = """
version: sources/v1
sources:
  own: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/STANCH_TEST_OWN]}, max_bytes: 65536}
  open: {adapter: own, auth: {scheme: none}}
  old: {adapter: own, state: retired, auth: {scheme: standard_webhooks, secrets: [secret://env/STANCH_TEST_OWN]}}
"""
PLAYBOOK = """
version: playbook/v1
id: hold_endpoint
title: Hold an endpoint
mode: semi
owner: team:shop
on: {match: {host: "*.example.com", path: /**}}
steps:
  - id: ticket
    do: ticket.create
    with: {system: board, summary: "${{ finding.title }}", assignee: "${{ route.assignee }}", template: data_exposure}
  - id: ok
    approve:
      ask: "Block ${{ finding.api.method }} ${{ finding.api.path_template }} for 2 hours?"
      need: [{from: [user:maria], count: 1}]
      binds: [block]
      expires: 4h
      on_timeout: reject
  - id: block
    when: steps.ok.approved
    do: block.scope
    with: {host: "${{ finding.api.host }}", path: "${{ finding.api.path_template }}", method: GET, ttl: 2h}
    undo: auto
  - id: fixed
    wait: {for: [{event: ticket.resolved, key: "${{ steps.ticket.outputs.key }}"}], timeout: 30d, on_timeout: escalate}
  - id: unblock
    when: steps.block.ok
    revert: block
  - id: close
    do: ticket.close
    with: {key: "${{ steps.ticket.outputs.key }}", resolution: fixed_and_verified}
"""
SECRET = "whsec_" + base64.b64encode(b"a test secret of 24 bytes").decode()


def finding(**more: Any) -> dict[str, Any]:
    """A report in our own format."""
    return {
        "schema": "finding/1",
        "uid": "F-1",
        "title": "Orders give out card numbers",
        "kind": "exposure",
        "severity": "high",
        "category": "API3:2023",
        "type": "excessive-data",
        "api": {"host": "shop.example.com", "method": "GET", "path": "/orders/17"},
        **more,
    }


def signed(body: bytes, *, delivery_id: str, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    headers = sign(body, secret=secret, delivery_id=delivery_id, now=at or datetime.now(UTC))
    return headers | {"content-type": "application/json"}


@dataclass(frozen=True)
class Rules:
    sources: Sources
    routes: RouteTable
    inventory: ApiInventory
    guards: GuardPolicy | None = None
    playbooks: PlaybookSet = field(default_factory=PlaybookSet)


STATE = PolicyState("0" * 64, datetime(2026, 3, 1, tzinfo=UTC))


@dataclass(frozen=True)
class FixedPolicy:
    current: Rules
    state: PolicyState = STATE
    fellows: tuple[PolicyUse, ...] = ()


def fixed_policy() -> FixedPolicy:
    inventory = parse_inventory(INVENTORY, folder=Path())
    guards = load_guards(SHIPPED_GUARDS.read_text(encoding="utf-8"))
    return FixedPolicy(Rules(parse_sources(SOURCES), load_routes(ROUTES), inventory, guards))


class MemoryPoint:
    """An enforcement point that holds leases in memory and can be read back."""

    def __init__(self) -> None:
        self.held: dict[str, Lease] = {}

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        for lease in wanted if wanted is not None else adds:
            self.held[lease.target] = lease
        for target in removes:
            self.held.pop(target, None)
        results = tuple(Applied(target=lease.target, ok=True) for lease in adds)
        results += tuple(Applied(target=target, ok=True) for target in removes)
        digest = hashlib.sha256(repr(sorted(self.held)).encode()).hexdigest()
        return Reconciled(digest=digest, results=results)

    def list_owned(self) -> Sequence[Owned]:
        return [Owned(lease.lease_id, lease.case_id, lease.expires_at, lease.target) for lease in self.held.values()]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        return Estimate(0, 0, 0, 0.0, 0, window)

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        return Usage(0, 0, 0, 0, None, window)

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        return Excerpt()

    def doctor(self) -> Sequence[Check]:
        return []


class FakeChat:
    """A Slack whose accounts a test chooses."""

    def __init__(self, *people: str) -> None:
        self.users = {name: ChatUser(id=name, name=name, team="T0HOME") for name in people}
        self.posted: list[Message] = []
        self.updated: list[Message] = []

    def user(self, user_id: str) -> ChatUser:
        return self.users[user_id]

    def post(self, message: Message) -> Posted:
        self.posted.append(message)
        return Posted(message.channel, "1.1")

    def update(self, posted: Posted, message: Message) -> None:
        self.updated.append(message)

    def doctor(self) -> Sequence[Check]:
        return []


@dataclass
class Ports:
    """The connectors that a test gives the edge."""

    by_name: dict[str, TicketPort] = field(default_factory=dict)
    chat_port: ChatPort | None = None

    def tickets(self, name: str) -> TicketPort:
        return self.by_name[name]

    def chat(self) -> ChatPort | None:
        return self.chat_port


class Edge:
    """One web service with its own event loop in a thread; `worker` adds the real workflows and activities."""

    def __init__(
        self,
        folder: Path,
        temporal: str,
        *,
        with_worker: bool = False,
        chat: tuple[ChatPort, dict[str, Any]] | None = None,
    ):
        self.folder = folder
        self.address = temporal
        self.namespace = "default"
        self.ports = Ports(chat_port=chat[0] if chat else None)
        self.point = MemoryPoint()
        self._with_worker = with_worker
        self._chat = {"slack": chat[1]} if chat else {}
        # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.settings = self._settings()
        self.keys = Keys(self.settings)
        self.records = Records(self.settings.url_of_records, self.keys.ledger)
        self.ports.by_name["board"] = BoardTickets(self.records, self.url)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="edge", daemon=True)

    def _settings(self) -> Settings:
        policy, playbooks = self.folder / "policy", self.folder / "playbooks"
        for path in (policy / "texts", playbooks, self.folder / "data"):
            path.mkdir(parents=True, exist_ok=True)
        (policy / "routes.yaml").write_text(ROUTES, encoding="utf-8")
        (policy / "sources.yaml").write_text(SOURCES, encoding="utf-8")
        (policy / "guards.yaml").write_text(SHIPPED_GUARDS.read_text(encoding="utf-8"), encoding="utf-8")
        (playbooks / "hold_endpoint.yaml").write_text(PLAYBOOK, encoding="utf-8")
        given: dict[str, Any] = {
            "data_dir": self.folder / "data",
            "policy_dir": policy,
            "playbooks_dir": playbooks,
            "web": {"port": int(self.url.rsplit(":", 1)[1])},
            "points": {"edge": {"kind": "memory", "hosts": ["*.example.com"]}} if self._with_worker else {},
        }
        return Settings(**given, chat=self._chat)

    def __enter__(self) -> Edge:
        self._thread.start()
        assert self._ready.wait(90), "the edge did not start"
        if self._failure is not None:
            self._listener.close()
            raise self._failure
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._listener.close()
        self.records.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.client = await Client.connect(
            self.address, namespace=self.namespace, data_converter=pydantic_data_converter
        )
        self.services = Services(
            settings=self.settings.model_copy(
                update={"chat": self._chat}
            ),  # the worker's own cards are not tested here
            records=self.records,
            policy=fixed_policy(),
            keys=self.keys,
            client=self.client,
            registry=self.ports,
            trackers=("jira",),
            login_token="one-time-token",
        )
        server = uvicorn.Server(uvicorn.Config(create_app(self.services), log_level="warning", access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        running = await self._start_workers() if self._with_worker else []
        self._ready.set()
        await self._stop.wait()
        server.should_exit = True
        for one in running:
            await one.shutdown()
        await serving

    async def _start_workers(self) -> list[Any]:
        world = self.world = World(
            settings=self.settings, records=self.records, policy=PolicyStore(self.settings), keys=self.keys
        )
        world.loop, world.client = asyncio.get_running_loop(), self.client
        world._built["point", "edge"] = self.point
        world._built["chat", "slack"] = self.ports.chat_port
        threads = ThreadPoolExecutor(worker.THREADS)
        workers = [worker.make_worker(self.client, world, queue.value, threads) for queue in Queue]
        self._tasks = [asyncio.create_task(one.run()) for one in workers]
        return workers

    def in_loop(self, work: Callable[[Client], Any]) -> Any:
        """Run something with the Temporal client and wait for it."""
        return asyncio.run_coroutine_threadsafe(work(self.client), self._loop).result(20)

    def api(self, *, by: str = "") -> dict[str, str]:
        token = self.services.api_token
        return {"authorization": f"Bearer {token}"} | ({"stanch-as": by} if by else {})

    def send(self, body: Any, *, delivery_id: str, source: str = "own") -> httpx.Response:
        raw = json.dumps(body).encode()
        return self.http.post(f"/v1/findings/{source}", content=raw, headers=signed(raw, delivery_id=delivery_id))

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/v1/cases/{case_id}", headers=self.api()).json()
        return found

    def reports(self, case_id: str) -> list[dict[str, Any]]:
        """The reports that Temporal has stored for a case."""

        async def look(client: Client) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            async for event in client.get_workflow_handle(case_id).fetch_history_events():
                told = event.workflow_execution_signaled_event_attributes
                if told.signal_name == REPORT:
                    found += [json.loads(payload.data) for payload in told.input.payloads]
            return found

        reports: list[dict[str, Any]] = self.in_loop(look)
        return reports

    def signals(self, case_id: str) -> list[str]:
        """Names of the signals that Temporal has stored for a case."""

        async def look(client: Client) -> list[str]:
            names: list[str] = []
            async for event in client.get_workflow_handle(case_id).fetch_history_events():
                if event.HasField("workflow_execution_signaled_event_attributes"):
                    names.append(event.workflow_execution_signaled_event_attributes.signal_name)
            return names

        found: list[str] = self.in_loop(look)
        return found


def eventually(look: Callable[[], T | None], *, seconds: float = 60.0) -> T:
    """The first truthy answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(KeyError, TypeError, httpx.HTTPError, RPCError):  # what is looked at may not be there yet
            found = look()
            if found:
                return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
