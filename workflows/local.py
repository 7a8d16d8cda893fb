"""What a case asks of our own process, for one history event each: its route and plan, a place for its records."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from stanch import contract
from stanch.case_view import voted
from stanch.cases import CaseState, CaseStatus, summary_of
from stanch.contract import Recording, Resolve, Resolved
from stanch.views import FindingView
from workflows.effects import Effects
from workflows.searching import make_searchable

LOCAL_ATTEMPT = timedelta(seconds=10)


async def ask_route(state: CaseState, finding: FindingView, *, route_only: bool = False) -> Resolved:
    """Route, plan and people as they are now."""
    question = Resolve(
        case_id=state.case_id,
        finding=finding,
        assurance=state.assurance,
        now=workflow.now(),
        route_only=route_only,
    )
    answer: Resolved = await workflow.execute_local_activity(
        contract.RESOLVE, question, result_type=Resolved, start_to_close_timeout=LOCAL_ATTEMPT
    )
    return answer


class Keeper:
    """Keeps records and search attributes in step with a case, writing as little as it can."""

    def __init__(self, state: CaseState, effects: Effects, *, carried: bool) -> None:
        self._state = state
        self._effects = effects
        self._listed = carried
        self._shown: CaseStatus | None = state.status if carried else None
        self.flushing = False

    def touch(self, status: CaseStatus) -> None:
        """Follow the status; search attributes are written only when it changes."""
        state = self._state
        state.status = status
        if status is self._shown:
            return
        first, self._shown = self._shown is None, status
        state.updated = workflow.now()
        state.note("case.status", workflow.now(), status=status.value)
        if status is CaseStatus.RUNNING and not first:
            return  # passing through: the next resting place is what searches are for
        make_searchable(state)

    @property
    def needs_flush(self) -> bool:
        """Lines ride along with effects; only a case that rests, or has just been routed, writes them by itself."""
        state, notes = self._state, self._state.notes
        waiting = bool(notes) and not self.flushing and notes[-1].number > self._effects.carried
        rests = state.status is not CaseStatus.RUNNING or not self._effects.busy
        return waiting and (rests or not self._listed)

    async def flush(self) -> None:
        """Carry waiting ledger lines and the newest summary to records."""
        await workflow.wait_condition(lambda: not self.flushing)
        self.flushing = self._listed = True
        scene = self._state.scene()
        recording = Recording(scene=scene, summary=summary_of(self._state), approvals=voted(self._state))
        try:
            await workflow.execute_local_activity(contract.RECORD, recording, start_to_close_timeout=LOCAL_ATTEMPT)
            self._state.written(scene.outbox[-1].number if scene.outbox else 0)
        finally:
            self.flushing = False
