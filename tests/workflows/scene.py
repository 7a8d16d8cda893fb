"""Cases on a real Temporal with a world that answers as a test wants; route and plan come from the shipped files."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.ledger import put_away, put_noise
from stanch import contract
from stanch.approvals import Verdict, Vote
from stanch.catalog import Queue
from stanch.contract import (
    ActionCall,
    ActionReply,
    ApprovalCall,
    ApprovalShown,
    CaseInput,
    CaseSummary,
    CaseView,
    Decision,
    FindingReport,
    LedgerNote,
    Recording,
    Resolve,
    Resolved,
)
from stanch.keys import Keys
from stanch.leases import LeaseOutcome, LeaseState
from stanch.noise.words import GroupPost
from stanch.policy import PolicyStore
from stanch.records import Records
from stanch.resolve import resolve
from stanch.settings import Settings
from stanch.views import ApiView, FindingView
from tests.workflows.between import between
from tests.workflows.yard import runner
from workflows import WORKFLOWS

ROOT = Path(__file__).resolve().parents[2]
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "ticket.create": {"system": "jira", "key": "PAY-1", "url": "", "state": "new", "assignee": "user:maria"},
    "ticket.close": {"key": "PAY-1", "state": "done"},
    "ticket.reopen": {"key": "PAY-1", "state": "in_progress"},
    "chat.message": {"channel": "D1", "ref": "1.1", "delivered": True},
    "scanner.rescan": {"clean": False},
    "probe.expect_blocked": {"ok": True, "proof": {}},
}


class World:
    """What the activities of cases meet.

    Args:
        folder: for records that limits are counted in.
        policy: the policy folder.
        playbooks: the folder of playbooks.
        cached: workflows that a worker keeps at hand.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        *,
        policy: Path = ROOT / "policy",
        playbooks: Path = ROOT / "playbooks",
        cached: int = 1000,
    ) -> None:
        self.client = client
        self._cached = cached
        settings = Settings(data_dir=folder, policy_dir=policy, playbooks_dir=playbooks)
        self._settings = settings
        self._keys = Keys(settings)
        self.records = Records(settings.url_of_records, self._keys.ledger)
        self._policy = PolicyStore(settings)
        self.calls: list[ActionCall] = []
        self.shown: list[ApprovalCall] = []
        self.closed: list[ApprovalCall] = []
        self.lines: dict[tuple[str, int], LedgerNote] = {}
        self.summaries: dict[str, CaseSummary] = {}
        self.failing: set[str] = set()
        self.lossy: set[str] = set()  # actions that are carried out once without anybody hearing of it
        self.planless: set[str] = set()
        self.stutter = 1  # how often a word to a group is sent
        self.letters: list[GroupPost] = []

    def reload(self) -> None:
        """Read the policy afresh."""
        self._policy = PolicyStore(self._settings)

    # -- what tests look at -----------------------------------------------------------------------------------------

    def actions(self, case_id: str) -> list[str]:
        return [call.action for call in self.calls if call.scene.case_id == case_id]

    def ledger(self, case_id: str) -> list[LedgerNote]:
        return [note for (name, _), note in sorted(self.lines.items()) if name == case_id]

    # -- what workflows call ----------------------------------------------------------------------------------------

    async def act(self, call: ActionCall) -> ActionReply:
        self.calls.append(call)
        self._note(call.scene.case_id, call.scene.outbox)
        if call.action in self.lossy:
            self.lossy.discard(call.action)
            raise ApplicationError("done, and the answer lost", "V998", type="UNCERTAIN")
        if call.action in self.failing:
            raise ApplicationError("turned away", "V999", type="REJECTED", non_retryable=True)
        outputs = dict(ANSWERS.get(call.action, {}))
        if call.action == "block.scope":
            end = (activity.info().scheduled_time + timedelta(days=1)).astimezone(UTC).isoformat()
            outputs = {"lease_id": call.key, "rule_id": "r-1", "point": "edge", "target": "t-1", "expires_at": end}
            await self._tell(call, call.key, LeaseState.HELD)
        elif call.action == "block.lift":
            outputs = {"lease_id": call.params["lease_id"]}
            await self._tell(call, call.params["lease_id"], LeaseState.LIFTED)
        return ActionReply(outputs=outputs)

    async def _tell(self, call: ActionCall, lease_id: str, state: LeaseState) -> None:
        outcome = LeaseOutcome(
            lease_id=lease_id, case_id=call.scene.case_id, step=call.path, state=state, at=datetime.now(UTC)
        )
        await self.client.get_workflow_handle(call.scene.case_id).signal(contract.LEASE_OUTCOME, outcome)

    def _note(self, case_id: str, notes: Sequence[LedgerNote]) -> None:
        self.lines |= {(case_id, note.number): note for note in notes}

    def workers(self) -> list[Worker]:
        @activity.defn(name=contract.RESOLVE)
        async def pin(question: Resolve) -> Resolved:
            known = {"settings": self._settings, "key": self._keys.cases}
            found = resolve(self._policy.current, self.records, question, **known)
            return found.model_copy(update={"plan": None}) if question.case_id in self.planless else found

        @activity.defn(name=contract.RECORD)
        async def record(recording: Recording) -> None:
            self._note(recording.scene.case_id, recording.scene.outbox)
            if recording.summary is not None:
                put_away(self.records, recording.summary)
                put_noise(self.records, recording.summary)
                self.summaries[recording.summary.case_id] = recording.summary

        @activity.defn(name=contract.SHOW_APPROVAL)
        async def show(call: ApprovalCall) -> ApprovalShown:
            self.shown.append(call)
            return ApprovalShown(cards=(("D1", "1.2"),))

        @activity.defn(name=contract.CLOSE_APPROVAL)
        async def close(call: ApprovalCall) -> ApprovalShown:
            self.closed.append(call)
            return ApprovalShown()

        @activity.defn(dynamic=True)
        async def act(given: Sequence[RawValue]) -> ActionReply:
            call = activity.payload_converter().from_payload(given[0].payload, ActionCall)
            return await self.act(call)

        core = [pin, record, *between(self)]
        own: dict[Queue, list[Any]] = {Queue.CORE: core, Queue.CHAT: [show, close]}
        return [
            Worker(
                self.client,
                task_queue=contract.queue(queue),
                workflows=list(WORKFLOWS) if queue is Queue.CORE else [],
                activities=[act, *own.get(queue, [])],
                workflow_runner=runner(),
                max_cached_workflows=self._cached,
            )
            for queue in Queue
        ]

    def close(self) -> None:
        self.records.close()


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[World]:
    """Workers of all queues for a world."""
    workers = world.workers()
    running = [asyncio.create_task(each.run()) for each in workers]
    try:
        yield world
    finally:
        for each in workers:
            await each.shutdown()
        await asyncio.gather(*running)
        world.close()


class Case:
    """One case and the people and tools that speak to it."""

    def __init__(self, world: World, name: str, *, requested_by: str = "") -> None:
        self.world = world
        self.id = f"case-{name}"
        self._name = name
        self._requested_by = requested_by
        self.handle: WorkflowHandle[Any, Any] = world.client.get_workflow_handle(self.id)

    async def report(
        self,
        delivery: str,
        *,
        status: Literal["open", "resolved"] = "open",
        times: int = 1,
        said: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Deliver the finding; `said` changes what it says, the rest what is said of it."""
        api = ApiView(
            host="api.example.com", path=f"/{self._name}/7", path_template=f"/{self._name}/{{id}}", method="GET"
        )
        finding = FindingView(
            id=f"f-{self._name}",
            title="Users endpoint exposes personal data",
            source="own",
            severity="high",
            confidence=0.97,
            category="API3:2023",
            api=api,
        )
        finding = FindingView.model_validate({**finding.model_dump(), **(said or {})})
        report = FindingReport.model_validate(
            {
                "delivery_id": delivery,
                "source": "own",
                "finding": finding,
                "status": status,
                "requested_by": self._requested_by,
                **more,
            }
        )
        for _ in range(times):
            await self.world.client.start_workflow(
                contract.CASE_WORKFLOW,
                CaseInput(case_id=self.id),
                id=self.id,
                task_queue=contract.queue(Queue.CORE),
                start_signal=contract.REPORT,
                start_signal_args=[report],
            )

    async def view(self) -> CaseView:
        view: CaseView = await self.handle.query(contract.VIEW, result_type=CaseView)
        return view

    async def facts(self) -> dict[str, str]:
        """What the run has been told of ticket and finding, in the order of its ledger."""
        await self.view()
        facts: dict[str, str] = {}
        for note in self.world.ledger(self.id):
            facts |= {"finding": "clean"} if note.event == "finding.rescan_clean" else {}
            facts |= {"finding": "open"} if note.event == "finding.reported" else {}
        return facts

    async def until(self, state: str, *, seconds: float = 40.0) -> CaseView:
        """Poll until the case is in a state and rests there."""
        async with asyncio.timeout(seconds):
            while True:
                view: CaseView | None = await self.handle.query(contract.VIEW, result_type=CaseView)
                if view is not None and view.summary.state == state:
                    return view
                await asyncio.sleep(0.02)

    async def vote(
        self, person: str, verdict: str = "approve", *, again: str = "", at: CaseView | None = None
    ) -> Verdict:
        """Press a button; `again` makes it another click of the same person."""
        return await self.give(self.ballot(at or await self.view(), person, verdict, again=again))

    async def give(self, vote: Vote) -> Verdict:
        """The same with a vote of the test's own making."""
        answer: Verdict = await self.handle.execute_update(
            contract.DECIDE, Decision(vote=vote), id=vote.decision_id.replace(":", "-"), result_type=Verdict
        )
        return answer

    def ballot(self, view: CaseView, person: str, verdict: str = "approve", *, again: str = "") -> Vote:
        request = view.approvals[0].request
        return Vote(
            approval_id=request.approval_id,
            digest=request.digest,
            principal=person,
            verdict=verdict,
            via="cli",
            decision_id=f"{self._name}-{person}-{verdict}{again}",
            at=datetime.now(UTC),
        )

    async def activities(self) -> Counter[str]:
        """How often each activity was scheduled."""
        history = await self.handle.fetch_history()
        scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
        return Counter(one.activity_type.name for one in scheduled if one.activity_type.name)

    async def kinds(self) -> Counter[str]:
        """How many events there are of each kind, without those that timing decides.

        Those are turns, what shares them, and the marks of paths that only some orders of news come to.
        """
        history = await self.handle.fetch_history()
        found = Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)
        timing = ("WORKFLOW_TASK_", "ACTIVITY_TASK_", "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "MARKER_")
        return Counter({kind: count for kind, count in found.items() if not kind.startswith(timing)})

    async def events(self, kind: str = "") -> int:
        """How many history events there are, or how many of a kind (`WORKFLOW_TASK_FAILED`)."""
        history = await self.handle.fetch_history()
        wanted = EventType.Value(f"EVENT_TYPE_{kind}") if kind else None
        return sum(wanted is None or event.event_type == wanted for event in history.events)
