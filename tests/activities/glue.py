"""A world of activities in a temporary folder: real records and policy, jobs, and a Temporal that answers."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from activities._run import Job
from activities._world import World
from stanch.approvals import ApprovalRequest, Need
from stanch.catalog import Outputs, catalog
from stanch.contract import ActionCall, LedgerNote, Scene
from stanch.errors import DependencyError
from stanch.keys import Keys
from stanch.leases import ApprovalProof
from stanch.policy import PolicyStore
from stanch.records import Records, TimelineItem
from stanch.settings import Settings

ROOT = Path(__file__).parents[2]
CASE = "case-glue"
EPISODE = "episode-1"
HOST = "api.example.com"
SUBJECT = {"token_id": "tok-attacker"}
NOW = datetime.now(UTC).replace(microsecond=0)


@cache
def shipped_policy() -> PolicyStore:
    """The policy and playbooks that come with Stanch, read once."""
    return PolicyStore(Settings(policy_dir=ROOT / "policy", playbooks_dir=ROOT / "playbooks"))


class Glue:
    """The world of one test.

    Args:
        sections: connectors and other settings.
    """

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.folder = folder
        self.policy_dir = ROOT / "policy"
        given = {"data_dir": folder / "data", "policy_dir": self.policy_dir, "playbooks_dir": ROOT / "playbooks"}
        self.settings = Settings(**{**given, **sections})
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.keys = Keys(self.settings)
        self.records = Records(self.settings.url_of_records, self.keys.ledger)
        self.policy = shipped_policy()
        self.world = self._world(self.records)

    def _world(self, records: Any) -> World:
        return World(settings=self.settings, records=records, policy=self.policy, keys=self.keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.records.close()

    def down(self, *, reading: bool = False) -> World:
        """The same world while records cannot be written, and, where wished, not be read either."""
        world = self._world(_Down(self.records, reading=reading))
        world.client, world.loop, world._built = self.world.client, self.world.loop, self.world._built
        return world

    def change_policy(self, name: str, old: str, new: str) -> None:
        """Edit a file of this world's own policy."""
        own = self.folder / "policy"
        if self.policy_dir != own:
            shutil.copytree(self.policy_dir, own)
            self.policy_dir = own
        text = (own / name).read_text(encoding="utf-8")
        assert old in text
        (own / name).write_text(text.replace(old, new), encoding="utf-8")
        self.policy = PolicyStore(self.settings.model_copy(update={"policy_dir": own}))
        self.world.policy = self.policy

    def timeline(self, case_id: str = CASE) -> list[TimelineItem]:
        return self.records.timeline(case_id)

    def events(self, case_id: str = CASE) -> list[str]:
        return [item.event for item in self.timeline(case_id)]

    def tamper(self, statement: str) -> None:
        """Something happens to the database behind our back."""
        import sqlite3

        with sqlite3.connect(self.settings.data_dir / "records.db") as db:
            db.execute(statement)


class _Down:
    """Records that refuse; what may still be read is read from the real ones."""

    READS = frozenset({"lease", "guard_view", "approval", "timeline", "leases", "approvals", "ping"})

    def __init__(self, records: Records, *, reading: bool) -> None:
        self._records, self._reading = records, reading

    def __getattr__(self, name: str) -> Any:
        if name in self.READS and not self._reading:
            return getattr(self._records, name)

        def refuse(*_: Any, **__: Any) -> Any:
            raise DependencyError("records cannot be used (OperationalError)", code="D010")

        return refuse


def scene(**more: Any) -> Scene:
    given: dict[str, Any] = {
        "case_id": CASE,
        "episode": EPISODE,
        "playbook": "contain_attacker",
        "plan_digest": "f" * 64,
        "mode": "auto",
        "source": "own",
        "host": HOST,
    }
    return Scene(**{**given, **more})


def note(number: int = 1) -> LedgerNote:
    return LedgerNote(number=number, at=NOW, event="case.status", data={"status": "working"})


def job(action: str, params: Mapping[str, Any], *, attempt: int = 1, since: datetime = NOW, **more: Any) -> Job:
    """One attempt; `more` goes into the call."""
    spec = catalog()[action]
    given: dict[str, Any] = {
        "action": action,
        "params": dict(params),
        "ref": "step|do|1",
        "path": "step",
        "purpose": "do",
        "key": "0f" * 16,
        "scene": scene(),
    }
    unsure = since if attempt > 1 else None
    return Job(call=ActionCall(**{**given, **more}), spec=spec, attempt=attempt, since=since, uncertain_since=unsure)


def block(**more: Any) -> dict[str, Any]:
    """Parameters of a block that the shipped guards allow a run to take alone."""
    return {"host": HOST, "path": "/orders/**", "principal": SUBJECT, "ttl": "2h", **more}


def rendered(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the core renders them into calls and requests."""
    return catalog()[action].params.model_validate(dict(params)).model_dump(mode="json", exclude_none=True)


def request(action: str, params: Mapping[str, Any], **more: Any) -> ApprovalRequest:
    given: dict[str, Any] = {
        "approval_id": "a1" * 16,
        "case_id": CASE,
        "episode": EPISODE,
        "step": "ok",
        "question": "Block it?",
        "action": action,
        "params": dict(params),
        "needs": (Need(from_=("user:ana", "user:tom"), label="team:appsec"),),
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=4),
    }
    return ApprovalRequest(**{**given, **more})


def proof(asked: ApprovalRequest, *people: str) -> ApprovalProof:
    votes = tuple((person, "approve") for person in people)
    return ApprovalProof(approval_id=asked.approval_id, digest=asked.digest, votes=votes)


def approved(action: str, params: Mapping[str, Any], *people: str, **more: Any) -> dict[str, Any]:
    """What a call carries that these people consented to; `more` is about the request."""
    asked = request(action, rendered(action, params), **more)
    return {"params": rendered(action, params), "approval": proof(asked, *people), "consent": asked}


class Recorder:
    """An implementation that remembers being called."""

    def __init__(self, outputs: Outputs | None = None, error: Exception | None = None) -> None:
        self.jobs: list[Job] = []
        self._outputs, self._error = outputs, error

    def __call__(self, world: World, job: Job, params: Any) -> Outputs:
        self.jobs.append(job)
        if self._error is not None:
            raise self._error
        return self._outputs if self._outputs is not None else job.spec.outputs()


def nothing(_world: World, _job: Job, _params: Any) -> None:
    """A guard that lets everything pass."""


class FakeTemporal:
    """Takes what activities tell Temporal: starts with a signal, and signals to cases."""

    def __init__(self, *, missing: Sequence[str] = (), error: Exception | None = None) -> None:
        self.starts: list[dict[str, Any]] = []
        self.signals: list[tuple[str, str, Any]] = []
        self._missing, self._error = missing, error

    async def start_workflow(self, workflow: str, argument: Any, **options: Any) -> None:
        if self._error is not None:
            raise self._error
        self.starts.append({"workflow": workflow, "argument": argument, **options})

    def get_workflow_handle(self, workflow_id: str) -> _Handle:
        return _Handle(self, workflow_id)


class _Handle:
    def __init__(self, temporal: FakeTemporal, workflow_id: str) -> None:
        self._temporal, self._id = temporal, workflow_id

    async def signal(self, name: str, argument: Any) -> None:
        from temporalio.service import RPCError, RPCStatusCode

        if self._temporal._error is not None:
            raise self._temporal._error
        if self._id in self._temporal._missing:
            raise RPCError("workflow not found for ID", RPCStatusCode.NOT_FOUND, b"")
        self._temporal.signals.append((self._id, name, argument))


@contextmanager
def reachable(world: World, temporal: FakeTemporal) -> Iterator[FakeTemporal]:
    """Give a world an event loop and this Temporal."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world.loop, world.client = loop, temporal  # type: ignore[assignment]
    try:
        yield temporal
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def raised(kind: type[Exception], work: Callable[[], object]) -> Any:
    """The error that this ends in."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
