"""Commands of the core become activities and timers; their outcomes come back as events, in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from stanch import contract
from stanch.cases import ENDED, CaseState
from stanch.catalog import ActionSpec, Queue, catalog
from stanch.contract import ActionReply, ApprovalCall, ApprovalShown, Scene
from stanch.interpreter.context import LINGERS
from stanch.interpreter.messages import (
    ActionDone,
    ActionFailed,
    ApprovalEnded,
    AskApproval,
    Command,
    Event,
    Happened,
    Note,
    RunAction,
    TimerFired,
)
from stanch.leases import LeaseOutcome, LeaseState
from stanch.tickets import moving
from stanch.tickets.moves import PURPOSE
from workflows.calling import call_action, chat_activity, failure
from workflows.hush import Hush
from workflows.opened import take_opened

LINGER = timedelta(seconds=3)  # longer than an edge takes to bring a click, or to leave it as a signal
ANSWERS = (LeaseState.HELD, LeaseState.REFUSED)


class Effects:
    """Runs what the core commands for one case; holds nothing that must survive continue-as-new."""

    def __init__(self, state: CaseState, feed: Callable[[Event], None]) -> None:
        self._state = state
        self._feed = feed
        self._tasks: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.Task[None] | None = None
        self._armed: datetime | None = None
        self._showing: set[str] = set()
        self._carrying: dict[str, int] = {}
        self.broken: BaseException | None = None
        self.hush: Hush | None = None  # a group speaks without one
        self.ticket_written: Callable[[], None] = lambda: None
        self._ticket_writes = 0

    @property
    def busy(self) -> bool:
        """True while an outcome is due that must not be lost by continue-as-new."""
        return bool(self._tasks)

    @property
    def writes_ticket(self) -> bool:
        """True while a write to the ticket is under way, so that nobody can tell its echo from a person's change."""
        return self._ticket_writes > 0

    @property
    def carried(self) -> int:
        """The newest ledger line that an activity under way has with it."""
        return max(self._carrying.values(), default=0)

    def carry_out(self, command: Command) -> None:
        """Start one command; never blocks."""
        match command:
            case RunAction():
                self.spawn(self._run(command))
            case AskApproval():
                self.spawn(self._show(command))
            case ApprovalEnded():
                self.spawn(self._close(command))
            case Note():
                actor = str(command.data.get("principal") or command.data.get("by") or "stanch")
                self._state.note(command.event, workflow.now(), step=command.step, actor=actor, data=command.data)
            case _:
                pass  # timers are read from the core's state by `arm`

    def spawn(self, work: Coroutine[Any, Any, None], *, quiet: bool = False) -> None:
        """Run beside the case; `quiet` work is not waited for."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        tasks = self._background if quiet else self._tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._look)

    def _look(self, task: asyncio.Task[None]) -> None:
        """Asyncio would only log what went wrong in a task, and its outcome would be lost."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, FailureError):
            self.broken = error

    def check(self) -> None:
        """Fail the workflow task where an effect has met a mistake of ours, so that a better worker takes it up."""
        if self.broken is not None:
            raise self.broken

    def _carry(self, ref: str, scene: Scene) -> None:
        if scene.outbox:
            self._carrying[ref] = scene.outbox[-1].number

    def _delivered(self, ref: str, *, written: bool) -> None:
        number = self._carrying.pop(ref, 0)
        if written:
            self._state.written(number)

    # -- timers -----------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Have one Temporal timer for the nearest due time of all; its history events are what timers cost."""
        due = self._due
        if due == self._armed:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._armed = due
        self._alarm = None if due is None else asyncio.create_task(self._ring(due))
        if self._alarm is not None:
            self._alarm.add_done_callback(self._look)

    @property
    def _due(self) -> datetime | None:
        own = self.hush.due if self.hush is not None else None
        timers = (self._rings_at(ref, when) for ref, when in self._state.core.timers.items())
        return min((*timers, *((own,) if own is not None else ())), default=None)

    def _rings_at(self, ref: str, when: datetime) -> datetime:
        """The end of a request is rung once whoever has clicked before it has been heard."""
        resolved = self._state.resolved
        lingers = ref.endswith("|expire") and resolved is not None and resolved.asks >= LINGERS
        return when + LINGER if lingers else when

    async def _ring(self, due: datetime) -> None:
        left = due - workflow.now()
        if left > timedelta(0):
            await workflow.sleep(left, summary="next timer")
        self._armed = self._alarm = None
        now = workflow.now()
        timers = self._state.core.timers.items()
        late = sorted((when, ref) for ref, when in timers if self._rings_at(ref, when) <= now)
        for _, ref in late:
            self._feed(TimerFired(now=now, ref=ref))
        if self.hush is not None:
            self.hush.ring()
        if (self._due or now) > now:
            self.arm()

    # -- actions ----------------------------------------------------------------------------------------------------

    async def _run(self, command: RunAction) -> None:
        if not command.action.startswith("ticket."):
            await self._carried_out(command)
            return
        self._ticket_writes += 1
        try:
            await self._carried_out(command)
        finally:
            self._ticket_writes -= 1
            if not self.writes_ticket:
                self.ticket_written()

    async def _carried_out(self, command: RunAction) -> None:
        if self.hush is not None:
            command = self.hush.meant(command)
            instead = await self.hush.instead(command)
            if instead is not None:
                self._tell(command, instead.outputs, learned=instead.learned)
                return
        spec = catalog()[command.action]
        try:
            reply = await self._activity(command, spec)
            outputs = await self._settle_lease(command, spec, reply.outputs) if spec.leased else reply.outputs
        except ActivityError as error:
            self._delivered(command.ref, written=False)
            failed = failure(command.ref, error)
            self._feed(failed)
            if command.purpose == PURPOSE:
                self._follow(moving.failed(self._state, command, failed, workflow.now()))
            return
        except _LeaseRefused as refused:
            self._feed(refused.event(command.ref))
            return
        self._tell(command, outputs, learned=True)

    def _tell(self, command: RunAction, outputs: dict[str, Any], *, learned: bool) -> None:
        missed = self._learn(command, outputs) if learned else []
        self._feed(ActionDone(now=workflow.now(), ref=command.ref, outputs=outputs))
        for event in missed:
            self._feed(event)

    async def _activity(self, command: RunAction, spec: ActionSpec) -> ActionReply:
        """One retried activity; lines that wait for the ledger ride along."""
        consent = None
        if command.approval is not None:
            wanted = command.approval.approval_id
            approvals = self._state.core.approvals.values()
            consent = next((item.request for item in approvals if item.request.approval_id == wanted), None)
        scene = self._state.scene(with_views=spec.queue is not Queue.CONTAIN)
        self._carry(command.ref, scene)
        reply = await call_action(command, spec, scene, consent=consent)
        self._delivered(command.ref, written=True)
        return reply

    async def _settle_lease(self, command: RunAction, spec: ActionSpec, outputs: dict[str, Any]) -> dict[str, Any]:
        """A lease was asked for or given back; the point says what became of it."""
        lease_id = str(outputs.get("lease_id", ""))
        lifting = spec.inverse is None
        limit = None if lifting else spec.total

        def told() -> bool:
            outcome = self._state.outcomes.get(lease_id)
            return outcome is not None and (outcome.state in ENDED or (not lifting and outcome.state in ANSWERS))

        try:
            await workflow.wait_condition(told, timeout=limit)
        except TimeoutError:
            raise _LeaseRefused("L003", "the enforcement point did not answer in time", "TIMEOUT") from None
        outcome = self._state.outcomes[lease_id]
        if outcome.state is LeaseState.REFUSED:
            raise _LeaseRefused(outcome.code, outcome.reason, "REJECTED")
        if not lifting and outcome.state in ENDED:
            raise _LeaseRefused("L004", f"the block {outcome.state.value} before it was confirmed", "REJECTED")
        return {**outputs, "state": outcome.state.value, "proof": outcome.proof}

    def _learn(self, command: RunAction, outputs: dict[str, Any]) -> list[Happened]:
        """What the case remembers of some outputs: its ticket, its thread; and what nobody else will tell it."""
        if command.action == "ticket.create":
            return take_opened(self._state, command.params, outputs)
        if command.action in (moving.MOVE, moving.LEAVE):
            self._follow(moving.learned(self._state, command, outputs, workflow.now()))
        elif command.action in ("ticket.close", "ticket.assign", "ticket.reopen"):
            moving.answered(self._state, command, outputs)
        elif command.action == "chat.message" and command.purpose == "do" and not self._state.thread:
            self._state.thread = str(outputs.get("ref", ""))
        return []

    def _follow(self, commands: Iterable[RunAction]) -> None:
        for command in commands:
            self.carry_out(command)

    # -- approvals --------------------------------------------------------------------------------------------------

    async def _show(self, command: AskApproval) -> None:
        scene = self._state.scene(with_views=True)
        call = ApprovalCall(scene=scene, request=command.request)
        self._showing.add(command.request.approval_id)
        self._carry(command.path, scene)
        try:
            shown = await chat_activity(contract.SHOW_APPROVAL, call, ApprovalShown, command.path)
        except ActivityError as error:
            self._delivered(command.path, written=False)
            self._problem("approval.not_shown", command.path, error)
            return
        finally:
            self._showing.discard(command.request.approval_id)
        self._delivered(command.path, written=True)
        self._state.cards[command.request.approval_id] = list(shown.cards)

    async def _close(self, command: ApprovalEnded) -> None:
        await workflow.wait_condition(lambda: command.request.approval_id not in self._showing)
        cards = self._state.cards.pop(command.request.approval_id, [])
        call = ApprovalCall(
            scene=self._state.scene(with_notes=False, with_views=True),
            request=command.request,
            outcome=command.outcome,
            by=command.by,
            reason=command.reason,
            stood_in=command.stood_in,
            cards=tuple(cards),
        )
        try:
            await chat_activity(contract.CLOSE_APPROVAL, call, ApprovalShown, command.path)
        except ActivityError as error:
            self._problem("approval.card_not_updated", command.path, error)

    def _problem(self, event: str, path: str, error: ActivityError) -> None:
        failed = failure(path, error)
        self._state.note(event, workflow.now(), step=path, code=failed.code, reason=failed.reason)


class _LeaseRefused(Exception):
    def __init__(self, code: str, reason: str, outcome: str) -> None:
        super().__init__(reason)
        self._code, self._reason, self._outcome = code, reason, outcome

    def event(self, ref: str) -> ActionFailed:
        return ActionFailed(now=workflow.now(), ref=ref, code=self._code, reason=self._reason, outcome=self._outcome)


def outcome_event(outcome: LeaseOutcome) -> dict[str, str]:
    """What the core is told of a lease that ended at its point."""
    return {"lease_id": outcome.lease_id, "state": outcome.state.value}
