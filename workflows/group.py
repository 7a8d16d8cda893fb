"""GroupWorkflow: one parent ticket and one message for findings that belong together, until the last is proven."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from stanch import contract
from stanch.case_view import view_of
from stanch.cases import CaseStatus
from stanch.contract import CaseCommand, CaseView, Recording, TicketChange
from stanch.interpreter.messages import ActionDone, ActionFailed, Event, TimerFired
from stanch.noise import words
from stanch.noise.group import BATCH, GroupState, Phase, answer, begin, gone, hear
from stanch.noise.group_view import summary_of_group
from stanch.noise.group_words import changed, commanded
from stanch.noise.group_work import is_over, next_due, outcome, work
from stanch.noise.words import GroupInput, GroupPost, GroupPosted, GroupTell, GroupTold
from workflows.effects import Effects
from workflows.local import LOCAL_ATTEMPT

POST_ATTEMPT = timedelta(minutes=2)
TIMER = "group"
MAX_PROBLEMS = 20


@workflow.defn(name=words.GROUP_WORKFLOW)
class GroupWorkflow:
    """The group. Handlers are synchronous and only change state; `run` does the work, one thing of a kind at a time."""

    @workflow.init
    def __init__(self, start: GroupInput) -> None:
        episode = workflow.info().first_execution_run_id
        self._state = GroupState.model_validate(start.carried) if start.carried else begin(start.group_id, episode)
        self._effects = Effects(self._state.case, self._feed)
        self._posting = False
        self._writing = False
        self._written = ""  # what records know
        self._touched = False

    @workflow.run
    async def run(self, start: GroupInput) -> str:
        """Live until nobody is expected any more.

        Returns:
            The last phase.
        """
        while not (is_over(self._state, workflow.now()) and self._rests):
            self._effects.check()
            self._turn()
            if self._may_continue_as_new():
                carried = self._state.model_dump(mode="json")
                workflow.continue_as_new(GroupInput(group_id=start.group_id, carried=carried))
            await workflow.wait_condition(lambda: self._touched or self._may_continue_as_new())
        return self._state.phase.value

    def _turn(self) -> None:
        """Do everything that is due now."""
        self._touched = False
        state, now = self._state, workflow.now()
        for command in work(state, now):
            self._effects.carry_out(command)
        if (state.posts or self._answers_due or state.visitors) and not self._posting:
            self._effects.spawn(self._post())
        if self._record_due and not self._writing:
            self._effects.spawn(self._record(), quiet=True)
        self._arm()

    @property
    def _answers_due(self) -> bool:
        return bool(self._state.unanswered) and self._state.phase not in (Phase.WAITING, Phase.OPENING)

    @property
    def _rests(self) -> bool:
        state = self._state
        pending = state.posts or state.visitors or self._answers_due or self._effects.busy or self._writing
        return not pending and workflow.all_handlers_finished()

    def _may_continue_as_new(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and self._rests and not self._touched

    def _arm(self) -> None:
        """One timer, for whatever is due next; words that come in between cost no timer events."""
        due = next_due(self._state)
        timers = self._state.case.core.timers
        if due is None or due <= workflow.now():  # it waits for something under way, which ends with a word
            timers.pop(TIMER, None)
        else:
            timers[TIMER] = due
        self._effects.arm()

    def _feed(self, event: Event) -> None:
        """An effect has ended, or it is time."""
        self._touched = True
        if isinstance(event, ActionDone):
            outcome(self._state, event.ref, event.outputs, workflow.now())
        elif isinstance(event, ActionFailed):
            self._state.case.note("group.failed", workflow.now(), step=event.ref, code=event.code, reason=event.reason)
            problems = self._state.case.core.problems
            self._state.case.core.problems = [*problems, f"{event.ref}: {event.reason}"][-MAX_PROBLEMS:]
            outcome(self._state, event.ref, None, workflow.now(), why=event.reason)
        elif isinstance(event, TimerFired):
            self._state.case.core.timers.pop(event.ref, None)

    # -- what members are told --------------------------------------------------------------------------------------

    async def _post(self) -> None:
        """Signal members, a batch an activity; what could not be sent yet stays in the state."""
        self._posting = True
        state = self._state
        try:
            while state.posts or state.visitors or self._answers_due:
                if state.visitors:
                    await self._send_on()
                elif self._answers_due:
                    part = tuple(state.unanswered[:BATCH])
                    told = answer(state).model_dump(mode="json")
                    await self._signal(GroupPost(signal=words.GROUP_TOLD, message=told, members=part))
                    state.unanswered = [name for name in state.unanswered if name not in part]
                else:
                    await self._signal(state.posts[0])
                    del state.posts[0]
        finally:
            self._posting = False
            self._touched = True

    async def _signal(self, post: GroupPost) -> None:
        posted: GroupPosted = await workflow.execute_activity(
            words.POST_MEMBERS,
            post,
            result_type=GroupPosted,
            start_to_close_timeout=POST_ATTEMPT,
            heartbeat_timeout=timedelta(seconds=10),
            summary=f"{post.signal} to {len(post.members)}",
        )
        gone(self._state, posted.gone)

    async def _send_on(self) -> None:
        """Whoever comes too late, or where it is full, joins the next generation; new findings are told at once."""
        state = self._state
        following = state.ref.generation + 1
        told = GroupTold(group_id=state.ref.group_id, generation=state.ref.generation, elsewhere=following)
        part = tuple(state.visitors[:BATCH])
        next_ref = state.ref.model_copy(update={"generation": following})
        await workflow.execute_local_activity(words.NEXT_GENERATION, next_ref, start_to_close_timeout=LOCAL_ATTEMPT)
        await self._signal(GroupPost(signal=words.GROUP_TOLD, message=told.model_dump(mode="json"), members=part))
        state.visitors = [name for name in state.visitors if name not in part]

    # -- records ----------------------------------------------------------------------------------------------------

    @property
    def _record_due(self) -> bool:
        """Phases are shown at once, numbers when something else happens anyway."""
        first = self._written == "" and self._state.case.opened is not None
        settled = self._state.phase in (Phase.CLOSED, Phase.OPEN) and not self._effects.busy
        lines = bool(self._state.case.notes) and not self._effects.busy
        return first or lines or (settled and self._written != self._phase)

    @property
    def _phase(self) -> str:
        return f"{self._state.phase.value} {self._state.case.ticket.key} {self._state.case.ticket.state}"

    async def _record(self) -> None:
        self._writing = True
        state = self._state
        state.case.updated = workflow.now()
        state.case.status = CaseStatus.VERIFYING if state.phase is Phase.CLOSED else CaseStatus.WAITING
        self._written = self._phase
        scene = state.case.scene()
        state.case.next_note += 1  # the summary's version: a later one never loses to an earlier
        recording = Recording(scene=scene, summary=summary_of_group(state))
        try:
            await workflow.execute_local_activity(contract.RECORD, recording, start_to_close_timeout=LOCAL_ATTEMPT)
            state.case.written(scene.outbox[-1].number if scene.outbox else 0)
        finally:
            self._writing = False
            self._touched = True

    # -- what comes in ----------------------------------------------------------------------------------------------

    @workflow.signal(name=words.GROUP_TELL)
    def tell(self, tell: GroupTell) -> None:
        """A member joins, is done, is back, or wants somebody told."""
        self._touched = True
        hear(self._state, tell, workflow.now())

    @workflow.signal(name=contract.TICKET_CHANGED)
    def ticket_changed(self, change: TicketChange) -> None:
        """The parent ticket was read again after a hint."""
        self._touched = True
        changed(self._state, change, workflow.now(), is_new=workflow.patched)

    @workflow.signal(name=contract.CASE_COMMAND)
    def case_command(self, command: CaseCommand) -> None:
        """A person's word, said to all members."""
        self._touched = True
        commanded(self._state, command, workflow.now())

    @workflow.query(name=contract.VIEW)
    def view(self) -> CaseView | None:
        """The group as it stands, in the form of a case."""
        summary, view = summary_of_group(self._state), view_of(self._state.case)
        return view.model_copy(update={"summary": summary}) if view is not None and summary is not None else None
