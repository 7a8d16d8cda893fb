"""One whole Stanch with a worker that crashes on order, and the semi-automated case driven to its end on it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from temporalio.client import Client, WorkflowHandle, WorkflowHistory, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from stanch import contract
from stanch.approvals import Vote
from stanch.contract import CaseInput, CaseView, Decision, FindingReport, TicketChange
from stanch.records import Records
from stanch.sandbox.stack import Stack
from stanch.views import ApiView, FindingView
from tests.faults.ledgers import RulesWatch, edge_of
from tests.faults.points import Plan, Point, activities_of

HOST = "api.example.com"
QUESTION = timedelta(seconds=3)
TASK = timedelta(seconds=2)
PATIENCE = 60.0


@dataclass(frozen=True)
class Evidence:
    """What the world looks like after a case, from the stand-ins' own ledgers, the gateway and the case's view."""

    state: str
    steps: dict[str, str]
    changes: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    tickets: int
    moves: tuple[tuple[str, str], ...]
    remarks: int
    messages: int
    repeated: int
    blocks: int
    lifts: int
    while_blocked: int
    after: int
    ledger: dict[str, int]
    uncertain: tuple[str, ...]


class NotReached(Exception):
    """The moment to die in did not come."""


class Lane:
    """A stack of its own; one case at a time.

    Args:
        folder: for everything it keeps.
    """

    def __init__(self, folder: Path, *, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        command = (sys.executable, "-m", "tests.faults.crash_worker", str(folder))
        root = Path(__file__).resolve().parents[2]
        more = {"policy_dir": str(root / "policy"), "playbooks_dir": str(root / "playbooks"), **(settings or {})}
        self.stack = Stack(folder, web=False, worker=command, more=more)
        self.plan = Plan(folder)
        self.client: Client
        self.rules: RulesWatch
        self.records: Records

    async def start(self) -> None:
        await asyncio.to_thread(self.stack.start)
        estate = self.stack.estate
        estate.jira.callbacks.url = ""  # there is no web service here; the driver brings the news
        address = self.stack.temporal_address
        self.client = await Client.connect(address, data_converter=pydantic_data_converter)
        self.rules = RulesWatch(edge_of(estate).rules_file)
        self.rules.start()
        self.records = self._records()

    def _records(self) -> Records:
        """Only for checks of the ledger itself; what happened is judged from outside."""
        from stanch.keys import Keys
        from stanch.settings import Settings

        settings = Settings(data_dir=self.stack.data_dir)
        return Records(settings.url_of_records, Keys(settings).ledger)

    async def stop(self) -> None:
        self.rules.stop()
        self.records.close()
        await asyncio.to_thread(self.stack.stop)

    # -- one case ---------------------------------------------------------------------------------------------------

    async def run(self, label: str, point: Point | None = None) -> Evidence:
        """Drive one case from its finding to its end, with a kill at one point.

        Raises:
            AssertionError: it got stuck.
            NotReached: it went well, and the worker never came to the point.
        """
        case_id = f"case-{label}"
        if point is not None:
            self.plan.arm(case_id, point)
        case = Drive(self, label)
        evidence = await case.through()
        self.plan.disarm()
        fired = self.plan.fired(case_id)
        if point is not None and not fired:
            raise NotReached(f"the worker never came to {point}")
        assert fired == ([str(point)] if point is not None else [])
        return evidence

    async def histories(self, label: str) -> list[WorkflowHistory]:
        handles = [self.client.get_workflow_handle(f"case-{label}")]
        handles.append(self.client.get_workflow_handle(contract.enforcement_id("edge")))
        return [await handle.fetch_history() for handle in handles]

    async def points(self, label: str) -> tuple[Counter[str], list[Point]]:
        """What a case without a kill did, by Temporal's histories, and every moment to die in."""
        activities = activities_of(await self.histories(label), f"case-{label}")
        return activities, self.plan.points(f"case-{label}", activities)


class Drive:
    """The people and tools around one case."""

    def __init__(self, lane: Lane, label: str) -> None:
        self._lane = lane
        self._label = label
        self._case_id = f"case-{label}"
        self._estate = lane.stack.estate
        self._slack_before = len(self._estate.slack.ledger.entries())
        self._handle: WorkflowHandle[Any, Any] = lane.client.get_workflow_handle(self._case_id)

    async def through(self) -> Evidence:
        await self._report("found", status="open")
        await self._rest(lambda view: view.summary.state == "approval" and view.steps["tell_pm"]["status"] == "ok")
        for person in ("user:maria", "user:ana"):
            await self._vote(person)
        await self._rest(lambda view: view.summary.state in ("waiting", "needs_person"))
        blocked = await self._knock()
        key = (await self._view()).summary.ticket_key
        self._estate.jira.transition(key, by="maria.k")
        await self._ticket("too-early", key)
        await self._rest(lambda view: view.summary.state == "waiting" and view.summary.ticket_state != "done")
        await self._report("rescanned", status="resolved")
        await self._rest(lambda view: view.summary.state == "waiting")
        await self._ticket("done", key)
        view = await self._rest(lambda view: view.summary.state in ("verifying", "needs_person"))
        await self._lane.rules.until_absent(self._case_id)
        return await self._evidence(view, blocked)

    # -- what comes in ----------------------------------------------------------------------------------------------

    async def _report(self, name: str, *, status: Literal["open", "resolved"]) -> None:
        finding = FindingView(
            id=f"f-{self._label}",
            title="Users endpoint exposes personal data",
            source="own",
            type="excessive_data",
            severity="high",
            confidence=0.97,
            category="API3:2023",
            api=ApiView(host=HOST, path=f"/{self._label}/7", path_template=f"/{self._label}/{{id}}", method="GET"),
            data_classification=("pii",),
        )
        delivery = f"{self._label}-{name}"
        report = FindingReport(delivery_id=delivery, source="own", finding=finding, status=status)
        await self._lane.client.start_workflow(
            contract.CASE_WORKFLOW,
            CaseInput(case_id=self._case_id),
            id=self._case_id,
            task_queue=contract.queue("core"),
            task_timeout=TASK,
            start_signal=contract.REPORT,
            start_signal_args=[report],
        )

    async def _vote(self, person: str) -> None:
        """Press until there is an answer, as a person would; the decision has one id."""
        view = await self._view()
        request = view.approvals[0].request
        vote = Vote(
            approval_id=request.approval_id,
            digest=request.digest,
            principal=person,
            verdict="approve",
            via="cli",
            decision_id=f"{self._label}-{person}",
            at=datetime.now(UTC),
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                await self._handle.execute_update(
                    contract.DECIDE, Decision(vote=vote), id=vote.decision_id.replace(":", "-"), rpc_timeout=QUESTION
                )
            except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
                continue
            return
        raise AssertionError("no answer to a vote")

    async def _ticket(self, name: str, key: str) -> None:
        """A callback was understood as: somebody has moved the ticket to done."""
        change = TicketChange(event_id=f"{self._label}-{name}", key=key, state="done", by="maria.k")
        await self._handle.signal(contract.TICKET_CHANGED, change)

    # -- what is seen -----------------------------------------------------------------------------------------------

    async def _view(self) -> CaseView:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                view: CaseView | None = await self._handle.query(
                    contract.VIEW, result_type=CaseView, rpc_timeout=QUESTION
                )
            except RPCError:
                view = None
            if view is not None:
                return view
            await asyncio.sleep(0.05)
        raise AssertionError("the case does not answer")

    async def _rest(self, reached: Callable[[CaseView], bool]) -> CaseView:
        """Wait until the case is there and nothing of it moves any more."""
        deadline = time.monotonic() + PATIENCE
        length = -1
        while time.monotonic() < deadline:
            view = await self._view()
            described = await self._handle.describe()
            moving = described.raw_description.pending_activities or described.raw_description.HasField(
                "pending_workflow_task"
            )
            if reached(view) and not moving and described.history_length == length:
                return view
            length = described.history_length
            await asyncio.sleep(0.1)
        pending = [
            f"{item.activity_type.name} attempt {item.attempt}: {item.last_failure.message}"
            for item in described.raw_description.pending_activities
        ]
        steps = {name: step["status"] for name, step in view.steps.items()}
        raise AssertionError(f"stuck in {view.summary.state}, waiting on {view.summary.waiting_on}: {steps} {pending}")

    async def _knock(self) -> int:
        """What somebody else gets at the gateway."""
        token = self._estate.issuer.mint("mallory")
        headers = {"host": HOST, "authorization": f"Bearer {token}"}
        async with httpx.AsyncClient() as client:
            reply = await client.get(f"{edge_of(self._estate).url}/{self._label}/7", headers=headers)
        if reply.status_code >= 500:
            print(f"{self._case_id}: {reply.status_code} {reply.text[:200]}")
        return reply.status_code

    async def _evidence(self, view: CaseView, blocked: int) -> Evidence:
        jira = self._estate.jira.ledger.entries()
        path = f"/{self._label}/"
        keys = [entry["key"] for entry in jira if entry["event"] == "jira.issue_created" and path in entry["summary"]]
        own = [entry for entry in jira if entry.get("key") in keys]
        slack = self._estate.slack.ledger.entries()[self._slack_before :]
        lines = self._lane.records.timeline(self._case_id)
        effects = Counter(f"{line.event} {line.step}" for line in lines if line.effect)
        return Evidence(
            state=view.summary.state,
            steps={name: str(step["status"]) for name, step in view.steps.items()},
            changes=tuple((str(change["action"]), str(change["state"])) for change in view.changes),
            problems=view.problems,
            tickets=len(keys),
            moves=tuple((entry["by"], entry["to"]) for entry in own if entry["event"] == "jira.transition"),
            remarks=sum(entry["event"] == "jira.comment" for entry in own),
            messages=len({said(entry) for entry in slack if entry["event"] == "slack.posted"}),
            repeated=sum(entry["event"] == "slack.posted" for entry in slack)
            - len({said(entry) for entry in slack if entry["event"] == "slack.posted"}),
            blocks=self._lane.rules.appeared(self._case_id),
            lifts=self._lane.rules.vanished(self._case_id),
            while_blocked=blocked,
            after=await self._knock(),
            ledger=dict(effects),
            uncertain=tuple(line.event for line in lines if line.uncertain),
        )


def said(entry: Mapping[str, Any]) -> tuple[str, str]:
    """What a message is to its reader: where, and about which effect of ours (its metadata)."""
    return str(entry["channel"]), str(entry["metadata"]["event_payload"]["key"])
