"""CaseWorkflow: one durable case per deduplicated finding, from the first delivery to the proven end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from stanch import contract
from stanch.approvals import Verdict, open_lines
from stanch.cases import CaseState, CaseStatus, context_of, handed_over, status_of, summary_of, waiting_approvals
from stanch.contract import (
    ApprovalView,
    CaseCommand,
    CaseInput,
    CaseView,
    Decision,
    FindingReport,
    Recording,
    Resolve,
    Resolved,
    TicketChange,
)
from stanch.interpreter.context import Evaluator, RunContext
from stanch.interpreter.core import advance, judge_vote
from stanch.interpreter.messages import Cancelled, Command, Event, Happened, Started, Voted
from stanch.interpreter.state import ChangeState, CoreState
from stanch.leases import LeaseOutcome
from stanch.playbooks.evaluator import evaluator_for
from stanch.ports import TicketState
from stanch.views import SEVERITIES, FindingView, RouteView
from workflows.effects import ENDED, Effects, outcome_event

LOCAL_ATTEMPT = timedelta(seconds=10)
NUDGE = timedelta(days=1)
MAX_OUTCOMES = 512
MAX_WAITING_NOTES = 500
STANDING = (ChangeState.OPEN, ChangeState.UNDOING, ChangeState.STUCK)
_STATE = SearchAttributeKey.for_keyword("StanchState")
_OWNER = SearchAttributeKey.for_keyword("StanchOwner")
_SOURCE = SearchAttributeKey.for_keyword("StanchSource")
_SEVERITY = SearchAttributeKey.for_int("StanchSeverity")
_DEADLINE = SearchAttributeKey.for_datetime("StanchDeadline")


@workflow.defn(name=contract.CASE_WORKFLOW)
class CaseWorkflow:
    """The case. Handlers are synchronous and only change state; `run` does the work."""

    @workflow.init
    def __init__(self, start: CaseInput) -> None:
        self._state = CaseState.model_validate(start.carried) if start.carried else CaseState(case_id=start.case_id)
        self._state.episode = self._state.episode or workflow.info().first_execution_run_id
        self._commands: list[Command] = []
        self._effects = Effects(self._state, self._feed)
        self._evaluator: Evaluator | None = None
        self._flushing = False
        self._closing = False
        self._ended = False
        self._early: list[Event] = []  # came while route and plan were being looked up
        self._listed = bool(start.carried)
        self._shown_status: CaseStatus | None = self._state.status if start.carried else None

    @workflow.run
    async def run(self, start: CaseInput) -> str:
        """Live until the verify window is over.

        Returns:
            The final status.
        """
        while not self._ended:
            try:
                await (self._end() if self._closing else self._live())
            except (asyncio.CancelledError, ActivityError) as error:
                if not is_cancelled_exception(error):
                    raise
                self._cancel("cancelled")
        return self._state.status.value

    # -- life -------------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Write the last lines; a finding that comes in the meantime starts a new round instead of being lost."""
        self._work()
        await workflow.wait_condition(lambda: not self._effects.busy and workflow.all_handlers_finished())
        self._effects.check()
        if self._closing:
            self._touch(CaseStatus.CLOSED)
            await self._flush()
            self._ended = self._closing and not self._state.notes

    async def _live(self) -> None:
        """One turn: do what is commanded, write what is due, then sleep until something happens."""
        self._effects.check()
        if self._state.resolved is None:
            await workflow.wait_condition(lambda: self._closing or self._state.finding is not None)
            if self._closing:
                return  # a close signal for something that was never open
            await self._resolve()
        self._work()
        self._touch(status_of(self._state))
        if self._needs_flush():
            self._effects.spawn(self._flush(), quiet=True)
        if self._may_continue_as_new():
            workflow.continue_as_new(
                CaseInput(case_id=self._state.case_id, carried=self._state.model_dump(mode="json"))
            )
        if self._state.status.over:
            await self._watch()
        else:
            await workflow.wait_condition(lambda: self._has_work() or self._may_continue_as_new())

    def _has_work(self) -> bool:
        stale = self._state.status is not status_of(self._state)  # the last effect may end without a word
        waiting = bool(self._commands) or self._needs_flush() or stale
        return waiting or self._closing or self._state.resolved is None or self._effects.broken is not None

    def _work(self) -> None:
        while self._commands:
            self._effects.carry_out(self._commands.pop(0))
        self._effects.arm()

    async def _resolve(self) -> None:
        """Pin route, plan and people; the result lives in history, so later edits change nothing here."""
        state = self._state
        if state.finding is None:
            return
        question = Resolve(case_id=state.case_id, finding=state.finding, assurance=state.assurance, now=workflow.now())
        answer: Resolved = await workflow.execute_local_activity(
            contract.RESOLVE, question, result_type=Resolved, start_to_close_timeout=LOCAL_ATTEMPT
        )
        if self._closing:
            return  # called off before anything was begun
        state.resolved = answer
        state.core = CoreState()
        data = {"rule": answer.route.rule, "owner": answer.route.owner.id, "why": answer.why}
        state.note("case.routed", workflow.now(), data=data)
        early, self._early = self._early, []
        for event in (Started(now=workflow.now()), *early):
            self._feed(event)

    def _context(self) -> RunContext | None:
        resolved = self._state.resolved
        if resolved is None or resolved.plan is None:
            return None
        if self._evaluator is None:
            self._evaluator = evaluator_for(resolved.plan)
        return context_of(self._state, self._evaluator)

    def _feed(self, event: Event) -> None:
        """The one door into the core; events are taken in the order in which they come."""
        context = self._context()
        if context is None:
            self._early += [event] if self._state.resolved is None else []
            return
        self._state.core, commands = advance(context, self._state.core, event)
        self._commands += commands

    async def _watch(self) -> None:
        """After the run: absorb redeliveries for the verify window, or wait for a person, nudged daily."""
        state = self._state
        now = workflow.now()
        if state.status is CaseStatus.VERIFYING:
            window = state.resolved.verify_window if state.resolved else 0.0
            state.closed = state.closed or now
            state.watch_until = state.watch_until or now + timedelta(seconds=window)
            await self._until(self._has_work, state.watch_until - now)
            self._closing = self._closing or (self._window_is_over() and not self._commands)
        elif state.close_when_over and not any(change.state in STANDING for change in state.core.changes):
            self._closing = True
        elif not await self._until(lambda: self._has_work() or self._may_continue_as_new(), NUDGE):
            state.note("case.waiting_for_person", workflow.now())

    def _window_is_over(self) -> bool:
        """False also where the finding has just come back, which takes the window away."""
        until = self._state.watch_until
        return until is not None and until <= workflow.now()

    async def _until(self, done: Callable[[], bool], limit: timedelta) -> bool:
        """Wait for a condition; false when time was over first."""
        if limit <= timedelta(0):
            return done()
        try:
            await workflow.wait_condition(done, timeout=limit)
        except TimeoutError:
            return False
        return True

    def _may_continue_as_new(self) -> bool:
        suggested = workflow.info().is_continue_as_new_suggested()
        idle = not self._effects.busy and not self._commands and not self._flushing
        settled = self._state.resolved is not None and not self._closing
        return suggested and idle and settled and workflow.all_handlers_finished()

    def _cancel(self, reason: str) -> None:
        if self._state.core.status.final or self._context() is None:
            self._closing = True
        else:
            self._feed(Cancelled(now=workflow.now(), reason=reason))

    # -- records ----------------------------------------------------------------------------------------------------

    def _touch(self, status: CaseStatus) -> None:
        """Follow the status; search attributes are written only when it changes."""
        state = self._state
        state.status = status
        if status is self._shown_status:
            return
        first, self._shown_status = self._shown_status is None, status
        state.updated = workflow.now()
        state.note("case.status", workflow.now(), status=status.value)
        if status is CaseStatus.RUNNING and not first:
            return  # passing through: the next resting place is what searches are for
        updates: list[SearchAttributeUpdate[Any]] = [_STATE.value_set(status.value)]
        if state.resolved is not None:
            route = state.resolved.route
            updates += [_OWNER.value_set(route.owner.id), _SEVERITY.value_set(SEVERITIES.index(route.severity) + 1)]
            updates += [_SOURCE.value_set(state.source)]
            updates += [_DEADLINE.value_set(route.due)] if route.due else []
        workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]  the SDK's overloads

    def _needs_flush(self) -> bool:
        """Lines ride along with effects; only a case that rests, or has just been routed, writes them by itself."""
        state, notes = self._state, self._state.notes
        waiting = bool(notes) and not self._flushing and notes[-1].number > self._effects.carried
        rests = state.status is not CaseStatus.RUNNING or not self._effects.busy
        return waiting and (rests or not self._listed)

    async def _flush(self) -> None:
        """Carry waiting ledger lines and the newest summary to records (one history event)."""
        await workflow.wait_condition(lambda: not self._flushing)
        self._flushing = self._listed = True
        scene = self._state.scene()
        recording = Recording(scene=scene, summary=summary_of(self._state))
        try:
            await workflow.execute_local_activity(contract.RECORD, recording, start_to_close_timeout=LOCAL_ATTEMPT)
            self._state.written(scene.outbox[-1].number if scene.outbox else 0)
        finally:
            self._flushing = False

    # -- what comes in ----------------------------------------------------------------------------------------------

    @workflow.signal(name=contract.REPORT)
    def report(self, report: FindingReport) -> None:
        """A finding was delivered; a repeat is counted, a close signal ends waiting, a regression reopens."""
        state = self._state
        if not state.remember(state.deliveries, report.delivery_id):
            return
        for name in report.folded:
            state.remember(state.deliveries, name)
        now = workflow.now()
        state.delivery_count += 1
        first = state.finding is None
        if first:
            state.finding, state.source, state.assurance = report.finding, report.source, report.assurance
            state.requested_by, state.opened, state.updated = report.requested_by, now, now
            state.note("finding.accepted", now, source=report.source, finding=report.finding.id, status=report.status)
            self._closing = report.status == "resolved"
        elif state.finding is not None:
            count = state.finding.count + report.finding.count
            state.finding = state.finding.model_copy(update={"count": count, "last_seen": report.finding.last_seen})
            if len(state.notes) < MAX_WAITING_NOTES:  # records are down: the count says enough
                state.note("finding.repeated", now, source=report.source, count=count, status=report.status)
            self._after_repeat(report)

    def _after_repeat(self, report: FindingReport) -> None:
        now = workflow.now()
        if report.status == "resolved" and report.assurance > self._state.assurance:
            self._state.note("finding.close_not_believed", now, source=report.source, assurance=report.assurance)
        elif report.status == "resolved":
            self._feed(Happened(now=now, event="finding.rescan_clean"))
        elif self._closing or (self._state.status is CaseStatus.VERIFYING and self._state.core.status.final):
            self._reopen(report.finding, "the finding came back")
        elif self._state.core.facts.get("finding") == "clean":
            self._feed(Happened(now=now, event="finding.reported"))

    def _reopen(self, finding: FindingView, why: str) -> None:
        """A new round of the same case: routed and planned afresh, on the same ticket."""
        state = self._state
        state.round += 1
        count = state.finding.count if state.finding else finding.count
        state.finding, state.resolved = finding.model_copy(update={"count": count}), None
        state.core, state.status = CoreState(), CaseStatus.NEW
        state.closed = state.watch_until = None
        state.close_when_over = self._closing = False
        self._evaluator = None
        state.note("case.reopened", workflow.now(), why=why, round=state.round)

    @workflow.signal(name=contract.LEASE_OUTCOME)
    def lease_outcome(self, outcome: LeaseOutcome) -> None:
        """A point says what became of a lease; it may say so more than once."""
        known = self._state.outcomes.get(outcome.lease_id)
        if known is not None and (known.state is outcome.state or known.state in ENDED):
            return
        self._state.outcomes[outcome.lease_id] = outcome
        while len(self._state.outcomes) > MAX_OUTCOMES:
            del self._state.outcomes[next(iter(self._state.outcomes))]
        if outcome.state in ENDED:
            self._feed(Happened(now=workflow.now(), event="lease.ended", data=outcome_event(outcome)))

    @workflow.signal(name=contract.TICKET_CHANGED)
    def ticket_changed(self, change: TicketChange) -> None:
        """The ticket was read again after a hint; only what really changed becomes an event."""
        state, now = self._state, workflow.now()
        is_ours = state.ticket.key in ("", change.key)
        if not is_ours or not state.remember(state.commands, change.event_id):
            return
        before, after = state.take_ticket(change)
        done = TicketState.DONE.value
        data = {"by": change.by, "as": change.resolution, "key": change.key}
        if after.state == done and before.state != done:
            self._feed(Happened(now=now, event="ticket.resolved", data=data))
        elif before.state == done and after.state != done:
            self._feed(Happened(now=now, event="ticket.reopened", data={"by": change.by}))
        moved = handed_over(before, after)
        if moved is not None:
            data = {"from": moved[0], "to": moved[1], "by": change.by}
            self._feed(Happened(now=now, event="ticket.reassigned", data=data))

    @workflow.signal(name=contract.CASE_COMMAND)
    def case_command(self, command: CaseCommand) -> None:
        """A person's word: comment, close, reopen, cancel, signal."""
        state, now = self._state, workflow.now()
        if not state.remember(state.commands, command.command_id):
            return
        data = {"text": command.text[:2000], "to": command.to}
        state.note(f"case.{command.kind}", now, actor=command.by, data=data)
        if command.kind == "reopen" and state.status.over and state.finding is not None:
            self._reopen(state.finding, command.text)
        elif command.kind == "close" and state.status.over:
            self._closing = True
        elif command.kind in ("cancel", "close"):
            state.close_when_over = command.kind == "close"
            self._cancel(f"by {command.by}")
        elif command.kind == "signal":
            self._feed(Happened(now=now, event=f"signal.{command.text[:64]}"))

    @workflow.update(name=contract.DECIDE)
    def decide(self, decision: Decision) -> Verdict:
        """Count a vote and say what came of it; refusals are recorded here, so that they leave a trace."""
        return self._vote(decision)

    @decide.validator
    def _decide_validator(self, decision: Decision) -> None:
        """Turn away what would add nothing to history: unknown approvals, repeated refusals."""
        verdict = judge_vote(self._state.core, decision.vote, workflow.now())
        if not verdict.accepted and not verdict.fresh:
            raise ApplicationError(verdict.message, verdict.code.value, type=verdict.code.value, non_retryable=True)

    @workflow.signal(name=contract.DECIDE_LATER)
    def decide_later(self, decision: Decision) -> None:
        """The same decision, stored while no worker could answer; it counts once."""
        self._vote(decision)

    def _vote(self, decision: Decision) -> Verdict:
        now = workflow.now()
        verdict = judge_vote(self._state.core, decision.vote, now)
        if verdict.fresh:
            self._feed(Voted(now=now, vote=decision.vote))
        return verdict

    @workflow.query(name=contract.VIEW)
    def view(self) -> CaseView | None:
        """The case as it stands."""
        state = self._state
        summary = summary_of(state)
        if summary is None or state.finding is None:
            return None
        core = state.core
        approvals = [
            ApprovalView(
                path=path,
                request=core.approvals[path].request,
                votes=core.approvals[path].votes,
                open_lines=open_lines(core.approvals[path]),
            )
            for path in waiting_approvals(core)
        ]
        return CaseView(
            summary=summary,
            steps={name: step.model_dump(mode="json", exclude={"seen"}) for name, step in core.steps.items()},
            approvals=tuple(approvals),
            changes=tuple(change.model_dump(mode="json") for change in core.changes),
            problems=tuple(core.problems),
            route=state.resolved.route if state.resolved else RouteView(),
            finding=state.finding,
            why=state.resolved.why if state.resolved else "",
        )
