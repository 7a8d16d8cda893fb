"""CaseWorkflow: one durable case per deduplicated finding, from the first delivery to the proven end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from stanch import contract
from stanch.approvals import Verdict
from stanch.case_view import view_of
from stanch.cases import ENDED, CaseState, CaseStatus, status_of
from stanch.contract import (
    CaseCommand,
    CaseInput,
    CaseView,
    Decision,
    FindingReport,
    PutAway,
    TicketChange,
)
from stanch.endings import end_as, may_attest, put_away, taken_back
from stanch.interpreter.core import judge_vote
from stanch.interpreter.messages import Happened, Voted
from stanch.interpreter.state import ChangeState, CoreState
from stanch.late_votes import refused
from stanch.leases import LeaseOutcome
from stanch.life import Means, begin_again, first_report, next_report
from stanch.noise import words
from stanch.noise.telling import told_of
from stanch.noise.words import GroupTold, QuietOver
from stanch.raising import news_of_raise, take_over
from stanch.tickets.assigning import assigned
from stanch.views import FindingView
from workflows.desk import Desk
from workflows.effects import outcome_event
from workflows.local import Keeper, ask_route
from workflows.run import Run
from workflows.searching import make_searchable

LOCAL_ATTEMPT = timedelta(seconds=10)
NUDGE = timedelta(days=1)
STANDING = (ChangeState.OPEN, ChangeState.UNDOING, ChangeState.STUCK)


@workflow.defn(name=contract.CASE_WORKFLOW)
class CaseWorkflow:
    """The case. Handlers are synchronous and only change state; `run` does the work."""

    @workflow.init
    def __init__(self, start: CaseInput) -> None:
        self._state = CaseState.model_validate(start.carried) if start.carried else CaseState(case_id=start.case_id)
        self._state.episode = self._state.episode or workflow.info().first_execution_run_id
        self._run = Run(self._state)
        self._effects = self._run.effects
        self._desk = Desk(self._state, self._run, put_away=self._put_away, come_back=self._come_back)
        self._keeper = Keeper(self._state, self._effects, carried=bool(start.carried))
        self._closing = False
        self._ended = False

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
        self._run.work()
        await workflow.wait_condition(lambda: not self._effects.busy and workflow.all_handlers_finished())
        self._effects.check()
        if self._closing:
            self._keeper.touch(CaseStatus.CLOSED)
            if self._run.hush.has_last_words:
                await self._run.hush.last_words()
            await self._keeper.flush()
            self._ended = self._closing and not self._state.notes

    async def _live(self) -> None:
        """One turn: do what is commanded, write what is due, then sleep until something happens."""
        self._effects.check()
        if self._state.resolved is None:
            await workflow.wait_condition(lambda: self._closing or self._state.finding is not None)
            if self._closing:
                return  # a close signal for something that was never open
            await self._resolve()
        if self._state.ticket.back:
            self._come_back()
        if self._state.raise_due:
            await self._raise()
        if self._state.noise.look_again:
            await self._look_again()
        self._run.work()
        self._keeper.touch(status_of(self._state))
        if self._run.hush.has_last_words:
            self._effects.spawn(self._run.hush.last_words())
        if self._keeper.needs_flush:
            self._effects.spawn(self._keeper.flush(), quiet=True)
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
        waiting = not self._run.idle or self._keeper.needs_flush or stale
        asked = self._state.resolved is None or self._state.raise_due or self._state.noise.look_again
        return waiting or self._closing or asked or self._effects.broken is not None

    async def _raise(self) -> None:
        """A running case got worse: the stricter of both routes holds from here, and its owner is told."""
        state = self._state
        state.raise_due = False
        if state.finding is None or state.resolved is None:
            return
        answer = await ask_route(state, state.finding, route_only=True)
        if self._closing:
            return
        state.noise.judged(answer.noise, raised=True)
        if not take_over(state, answer.route, workflow.now()):
            return
        make_searchable(state)
        self._run.commands[:0] = news_of_raise(state)
        if self._run.hush.is_member and workflow.patched("group-hears-of-raise"):
            self._effects.spawn(self._run.hush.raised())

    async def _look_again(self) -> None:
        """What has held this case back is over, or may be; what it says now is decided afresh."""
        state = self._state
        state.noise.look_again = False
        if state.finding is None or state.status.settled:
            return  # it has nothing to say, and must not hold others back again
        answer = await ask_route(state, state.finding, route_only=True)
        state.noise.judged(answer.noise)
        if state.noise.quiet is None:
            state.note("noise.over", workflow.now())

    async def _resolve(self) -> None:
        """Pin route, plan and people; the result lives in history, so later edits change nothing here."""
        state = self._state
        if state.finding is None:
            return
        answer = await ask_route(state, state.finding)
        if self._closing:
            return  # called off before anything was begun
        state.resolved = answer
        state.core = CoreState()
        data = {"rule": answer.route.rule, "owner": answer.route.owner.id, "why": answer.why}
        state.note("case.routed", workflow.now(), data=data | told_of(answer.noise))
        state.noise.take(answer.noise)
        self._run.begin()

    async def _watch(self) -> None:
        """After the run: absorb redeliveries for the verify window, or wait for a person, nudged daily."""
        state = self._state
        now = workflow.now()
        if state.status is CaseStatus.VERIFYING:
            window = state.resolved.verify_window if state.resolved else 0.0
            state.closed = state.closed or now
            state.watch_until = state.watch_until or now + timedelta(seconds=window)
            await self._until(self._has_work, state.watch_until - now)
            self._closing = self._closing or (self._window_is_over() and not self._run.commands)
        elif state.close_when_over and not self._stuck():
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
        idle = not self._effects.busy and not self._run.commands and not self._keeper.flushing
        settled = self._state.resolved is not None and not self._closing
        return suggested and idle and settled and workflow.all_handlers_finished()

    def _cancel(self, reason: str) -> None:
        if not self._run.cancel(reason):
            self._closing = True

    # -- what comes in ----------------------------------------------------------------------------------------------

    @workflow.signal(name=contract.REPORT)
    def report(self, report: FindingReport) -> None:
        """A finding was delivered; a repeat is counted, a close signal ends waiting, a regression reopens."""
        state = self._state
        if not state.hears(report):
            return
        if state.finding is None:
            first_report(state, report, workflow.now())
            self._closing = report.status == "resolved"
            return
        means, rises = next_report(state, report, workflow.now(), ending=self._closing, is_new=workflow.patched)
        self._act_on(means, report)
        state.raise_due = state.raise_due or rises

    def _act_on(self, means: Means, report: FindingReport) -> None:
        if means is Means.CLEAN:
            self._clean({"how": report.basis or "source", "source": report.source})
        elif means in (Means.REOPEN, Means.REAL):
            self._reopen(report.finding, "the finding came back" if means is Means.REOPEN else "no test this time")
        elif means is Means.REPORTED:
            self._run.feed(Happened(now=workflow.now(), event="finding.reported"))

    def _clean(self, data: dict[str, str]) -> None:
        """There is proof that it is gone; a case without a plan has nothing else to wait for."""
        self._run.feed(Happened(now=workflow.now(), event="finding.rescan_clean", data=data))
        resolved = self._state.resolved
        if resolved is not None and resolved.plan is None and workflow.patched("clean-closes"):
            self._state.note("finding.rescan_clean", workflow.now(), actor=data.get("by", "stanch"), data=data)
            self._closing = True

    def _reopen(self, finding: FindingView, why: str) -> None:
        begin_again(self._state, finding, why, workflow.now())
        self._closing = False
        self._run.forget_plan()

    @workflow.signal(name=contract.LEASE_OUTCOME)
    def lease_outcome(self, outcome: LeaseOutcome) -> None:
        """A point says what became of a lease; it may say so more than once."""
        if self._state.take_outcome(outcome) and outcome.state in ENDED:
            self._run.feed(Happened(now=workflow.now(), event="lease.ended", data=outcome_event(outcome)))

    @workflow.signal(name=words.GROUP_TOLD)
    def group_told(self, told: GroupTold) -> None:
        """The group that this case belongs to has opened its ticket, or takes nobody more."""
        self._state.noise.hears(told)

    @workflow.signal(name=words.QUIET_OVER)
    def quiet_over(self, over: QuietOver) -> None:
        """A case that has held this one back is over."""
        self._state.noise.ended(over.source)

    @workflow.signal(name=contract.TICKET_CHANGED)
    def ticket_changed(self, change: TicketChange) -> None:
        """The ticket was read again after a hint; only what really changed becomes an event."""
        self._desk.hear(change)

    def _put_away(self, away: PutAway) -> bool:
        """End the case as its tracker's resolution says; False where something that it has changed still stands."""
        if self._stuck() or not workflow.patched("tracker-puts-away"):
            return False
        self._close(away.kind, away, f"{away.kind} by {away.by}")
        return True

    def _come_back(self) -> None:
        """Somebody has opened the ticket again after this case had ended, or while it was ending."""
        state, by = self._state, self._state.ticket.back
        ends = self._closing or status_of(state).over
        if by and ends and state.finding is not None and not self._stuck():
            state.put_away = taken_back(state.put_away, by=by, now=workflow.now())
            self._reopen(state.finding, f"its ticket was opened again by {by}")

    @workflow.signal(name=contract.CASE_COMMAND)
    def case_command(self, command: CaseCommand) -> None:
        """A person's word: assign, comment, close, reopen, cancel, signal."""
        state, now = self._state, workflow.now()
        if not state.remember(state.commands, command.command_id):
            return
        if command.kind == "assign":
            self._run.commands += assigned(state, command, now)
            make_searchable(state)
            return
        data = {"text": command.text[:2000], "as": command.resolution}
        state.note(f"case.{command.kind}", now, actor=command.by, data=data)
        if command.kind == "reopen" and state.status.over and state.finding is not None:
            state.put_away = taken_back(state.put_away, by=command.by, now=now)
            self._reopen(state.finding, command.text)
        elif command.kind == "close":
            self._close(command.resolution, put_away(command, state.finding, now), f"by {command.by}")
        elif command.kind == "cancel":
            state.close_when_over = False
            self._cancel(f"by {command.by}")
        elif command.kind == "attest":
            self._attest(command)
        elif command.kind == "signal":
            self._run.feed(Happened(now=now, event=f"signal.{command.text[:64]}"))

    def _close(self, resolution: str, away: PutAway | None, reason: str) -> None:
        """End the case; what it has changed is taken back first, and what was put away stays away."""
        state = self._state
        end_as(state, resolution, away)
        state.close_when_over = True
        if not state.status.over:
            self._cancel(reason)
        else:
            self._closing = True

    def _attest(self, command: CaseCommand) -> None:
        """A named person says that it is fixed; whoever has reported it cannot also be its proof."""
        state = self._state
        if not may_attest(state, command.by):
            state.note("finding.attest_refused", workflow.now(), actor=command.by)
            return
        self._clean({"how": "attested", "by": command.by, "reason": command.text[:2000]})
        self._closing = self._closing or (state.status.over and not self._stuck())

    def _stuck(self) -> bool:
        """Whether a run that is over has left something standing: only a person who looks can end that."""
        return self._state.status.over and any(change.state in STANDING for change in self._state.core.changes)

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
        """The same decision, stored while no worker could answer; it counts once, and a refusal is told."""
        verdict = self._vote(decision)
        if not verdict.accepted and workflow.patched("stored-vote-told"):
            self._run.commands += refused(self._state, decision.vote, verdict)

    def _vote(self, decision: Decision) -> Verdict:
        now = workflow.now()
        verdict = judge_vote(self._state.core, decision.vote, now)
        if verdict.fresh and (not self._state.core.status.final or workflow.patched("vote-after-run")):
            self._run.feed(Voted(now=now, vote=decision.vote))
        return verdict

    @workflow.query(name=contract.VIEW)
    def view(self) -> CaseView | None:
        """The case as it stands."""
        return view_of(self._state)
