"""The state of a case around its run: what was delivered, where its ticket is, which lines wait for the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from stanch.contract import CaseSummary, FindingReport, LedgerNote, PutAway, Resolved, Scene, TicketChange
from stanch.interpreter.context import Evaluator, RunContext
from stanch.interpreter.state import CoreState, Mutable, RunStatus, StepStatus
from stanch.leases import LeaseOutcome, LeaseState
from stanch.noise.state import NoiseState
from stanch.plan import StepKind
from stanch.shapes import is_tuple
from stanch.tickets.moves import Moves
from stanch.views import FindingView, View

MAX_REMEMBERED = 256
MAX_OUTCOMES = 512
ENDED = (LeaseState.LIFTED, LeaseState.EXPIRED)
MAX_CARRIED = 200  # ledger lines that one activity takes along


class CaseStatus(StrEnum):
    """What people see of a case."""

    NEW = "new"
    RUNNING = "running"
    WAITING = "waiting"  # for a fix, a rescan, a timer
    APPROVAL = "approval"  # for a decision
    VERIFYING = "verifying"  # fixed; redeliveries are absorbed, a regression reopens
    NEEDS_PERSON = "needs_person"
    CLOSED = "closed"

    @property
    def over(self) -> bool:
        return self in (CaseStatus.VERIFYING, CaseStatus.NEEDS_PERSON, CaseStatus.CLOSED)

    @property
    def settled(self) -> bool:
        return self in (CaseStatus.VERIFYING, CaseStatus.CLOSED)


class TicketRef(Mutable):
    system: str = ""
    key: str = ""
    url: str = ""
    state: str = ""
    assignee: str = ""
    group: str = ""
    priority: str = ""
    resolution: str = ""
    gone: bool = False
    version: int = 0  # of the newest look at it
    moved_at: int = 0  # version that our own last move gave it; an older look says nothing of its state
    given_at: int = 0  # the same of our own last assignment, and who has it
    closed_here: bool = False  # it was last moved to done by this case
    back: str = ""  # who has opened it again after that
    returns: int = 0  # how often the ticket has opened its case again, by nobody of the directory
    reopens: int = 0  # how often it was sent back, closed without proof
    words: list[str] = Field(default_factory=list)  # ids of people's notes that the ledger has


class Holder(Mutable):
    """Who has the case now, where that is not whom the route named."""

    owner: str = ""
    assignee: str = ""


class CaseState(Mutable):
    """One serialisable object; everything a case carries over continue-as-new."""

    case_id: str
    episode: str = ""
    status: CaseStatus = CaseStatus.NEW
    finding: FindingView | None = None
    source: str = ""
    assurance: str = "A"
    requested_by: str = ""
    resolved: Resolved | None = None
    core: CoreState = Field(default_factory=CoreState)
    round: int = 0
    opened: datetime | None = None
    updated: datetime | None = None
    closed: datetime | None = None
    watch_until: datetime | None = None
    close_when_over: bool = False  # a person has closed it while it ran
    resolution: str = ""  # how a person has closed it
    put_away: PutAway | None = None
    reported_at: dict[str, datetime] = Field(default_factory=dict)  # by source, its own time: newest that was open
    resolved_at: dict[str, datetime] = Field(default_factory=dict)  # and newest that was resolved
    raise_due: bool = False  # severity went up: the route is to be looked at again
    raises: int = 0
    deliveries: list[str] = Field(default_factory=list)
    delivery_count: int = 0
    commands: list[str] = Field(default_factory=list)
    refused_votes: list[str] = Field(default_factory=list[str])  # stored ones whose voters were told, and of what
    ticket: TicketRef = Field(default_factory=TicketRef)
    holder: Holder = Field(default_factory=Holder)
    moves: Moves = Field(default_factory=Moves)
    thread: str = ""
    cards: dict[str, list[tuple[str, str]]] = Field(default_factory=dict)
    outcomes: dict[str, LeaseOutcome] = Field(default_factory=dict)
    noise: NoiseState = Field(default_factory=NoiseState)
    notes: list[LedgerNote] = Field(default_factory=list[LedgerNote])
    next_note: int = 1

    def note(
        self,
        event: str,
        now: datetime,
        *,
        step: str = "",
        actor: str = "stanch",
        data: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Add a line for the ledger; numbered, so that carrying it twice writes it once."""
        body = {**(data or {}), **more}
        self.notes.append(LedgerNote(number=self.next_note, at=now, event=event, step=step, actor=actor, data=body))
        self.next_note += 1

    def written(self, up_to: int) -> None:
        """Lines up to this number are in records."""
        self.notes = [note for note in self.notes if note.number > up_to]

    def remember(self, names: list[str], name: str) -> bool:
        """True the first time a name is seen; the list stays bounded."""
        if name in names:
            return False
        names.append(name)
        del names[:-MAX_REMEMBERED]
        return True

    def hears(self, report: FindingReport) -> bool:
        """True the first time a delivery comes; those it speaks for are known from then on too."""
        is_new = self.remember(self.deliveries, report.delivery_id)
        for name in report.folded if is_new else ():
            self.remember(self.deliveries, name)
        return is_new

    def scene(self, *, with_notes: bool = True, with_views: bool = False) -> Scene:
        """What activities are told; only those that need the finding get it, since each copy stays in history."""
        plan = self.resolved.plan if self.resolved else None
        return Scene(
            case_id=self.case_id,
            episode=self.episode,
            playbook=plan.playbook if plan else "",
            plan_digest=plan.digest if plan else "",
            mode=self.resolved.mode.value if self.resolved else "manual",
            environment=self.finding.api.environment if self.finding else "prod",
            source=self.source,
            host=self.finding.api.host if self.finding else "",
            severity=self.finding.severity if self.finding else "",
            requested_by=self.requested_by,
            ticket_system=self.ticket.system,
            ticket_key=self.ticket.key,
            ticket_url=self.ticket.url,
            moved=bool(self.moves.left),
            thread=self.thread,
            holder=self.holder.assignee or self.holder.owner,
            actor=self.finding.actor if self.finding else None,
            finding=self.finding if with_views else None,
            route=self.resolved.route if with_views and self.resolved else None,
            links=self.resolved.links if with_views and self.resolved else (),
            texts=self.resolved.texts if with_views and self.resolved else "",
            changes=plan.limits.changes if plan else None,
            outbox=tuple(self.notes[:MAX_CARRIED]) if with_notes else (),
        )

    def take_ticket(self, change: TicketChange) -> tuple[TicketRef, TicketRef]:
        """Remember what a ticket looks like now; returns it before and after."""
        before = self.ticket.model_copy()
        update = {"state": change.state, "assignee": change.assignee, "group": change.group, "gone": False}
        if change.version:
            words = {"priority": change.priority, "resolution": change.resolution}
            update |= {"version": max(change.version, before.version), **words}
        self.ticket = self.ticket.model_copy(update=update)
        return before, self.ticket

    def take_outcome(self, outcome: LeaseOutcome) -> bool:
        """Remember what became of a lease; False where that was known, since points may say it more than once."""
        known = self.outcomes.get(outcome.lease_id)
        if known is not None and (known.state is outcome.state or known.state in ENDED):
            return False
        self.outcomes[outcome.lease_id] = outcome
        while len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]
        return True


def handed_over(before: TicketRef, after: TicketRef) -> tuple[str, str] | None:
    """From whom to whom a ticket went; a new team counts more than a new person. None where it stayed."""
    if after.group and after.group != before.group:
        return before.group or before.assignee, after.group
    if after.assignee and after.assignee != before.assignee:
        return before.assignee or before.group, after.assignee
    return None


def present(view: View) -> dict[str, Any]:
    """A view as expressions read it: a field without a value is absent, so that `has()` tells the truth."""
    return {name: _present(value) for name, value in view if value is not None}


def _present(value: Any) -> Any:
    if isinstance(value, View):
        return present(value)
    if is_tuple(value):
        return [_present(item) for item in value]
    return value


def context_of(state: CaseState, evaluator: Evaluator) -> RunContext:
    """The fixed part of the run.

    Raises:
        ValueError: the case has no plan or finding yet.
    """
    resolved = state.resolved
    if resolved is None or resolved.plan is None or state.finding is None:
        raise ValueError("the case has no plan yet")
    return RunContext(
        plan=resolved.plan,
        finding=present(state.finding),
        route=present(resolved.route),
        case_id=state.case_id,
        episode=state.episode,
        evaluator=evaluator,
        people=resolved.people,
        inputs=resolved.inputs,
        mode=resolved.mode,
        round=state.round,
        requested_by=state.requested_by,
        asks=resolved.asks,
    )


def status_of(state: CaseState) -> CaseStatus:
    """The status people see, derived from the run."""
    core = state.core
    if core.status.final:
        return CaseStatus.VERIFYING if core.status is RunStatus.DONE and not core.problems else CaseStatus.NEEDS_PERSON
    if state.resolved is None:
        return CaseStatus.NEW
    if state.resolved.plan is None:
        is_test = state.finding is not None and state.finding.is_test
        return CaseStatus.VERIFYING if is_test or state.resolved.quiet else CaseStatus.NEEDS_PERSON
    if waiting_approvals(core):
        return CaseStatus.APPROVAL
    kinds = {step.id: step.kind for step in (state.resolved.plan.walk().values() if state.resolved.plan else ())}
    waits = [name for name, step in core.steps.items() if step.status is StepStatus.RUNNING and _is_wait(kinds, name)]
    return CaseStatus.WAITING if waits and not core.inflight else CaseStatus.RUNNING


def _is_wait(kinds: Mapping[str, StepKind], name: str) -> bool:
    return kinds.get(name) is StepKind.WAIT


def waiting_approvals(core: CoreState) -> list[str]:
    """Paths of approvals that wait for people."""
    return [
        path
        for path, approval in core.approvals.items()
        if approval.settled is None and core.steps[path].status is StepStatus.RUNNING
    ]


def waiting_on(state: CaseState) -> str:
    """In a few words, what the case waits for."""
    asked = waiting_approvals(state.core)
    if asked:
        return f"decision: {', '.join(asked)}"
    if state.core.inflight:
        return ", ".join(dict.fromkeys(state.core.inflight.values()))
    running = [name for name, step in state.core.steps.items() if step.status is StepStatus.RUNNING]
    return running[0] if running else ""


def summary_of(state: CaseState) -> CaseSummary | None:
    """The case as lists show it; None before the first finding."""
    if state.finding is None or state.opened is None or state.updated is None:
        return None
    route = state.resolved.route if state.resolved else None
    plan = state.resolved.plan if state.resolved else None
    api = state.finding.api
    return CaseSummary(
        case_id=state.case_id,
        episode=state.episode,
        version=state.next_note,
        state=state.status.value,
        severity=route.severity if route else state.finding.severity,
        title=state.finding.title,
        source=state.source,
        category=state.finding.category,
        host=api.host,
        path=api.path_template or api.path,
        method=api.method,
        owner=state.holder.owner or (route.owner.id if route else ""),
        assignee=state.holder.assignee or state.ticket.assignee or (route.assignee if route else ""),
        rule=route.rule if route else "",
        playbook=plan.playbook if plan else "",
        mode=state.resolved.mode.value if state.resolved else "",
        opened=state.opened,
        updated=state.updated,
        due=route.due if route else None,
        closed=state.closed,
        waiting_on=waiting_on(state),
        findings=state.finding.count,
        deliveries=state.delivery_count,
        ticket_system=state.ticket.system,
        ticket_key=state.ticket.key,
        ticket_url=state.ticket.url,
        ticket_state=state.ticket.state,
        problems=tuple(state.core.problems[-20:]),
        resolution=state.resolution,
        put_away=state.put_away,
        **state.noise.shown,
    )
