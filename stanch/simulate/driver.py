"""Drives the core with a virtual clock: what is due first happens first, and nothing waits in real time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stanch.approvals import Vote
from stanch.interpreter.context import RunContext
from stanch.interpreter.core import advance, judge_vote
from stanch.interpreter.messages import Event, Happened, RunAction, Started, StartTimer, StopTimer, TimerFired, Voted
from stanch.interpreter.state import CoreState
from stanch.plan import Mode, Plan
from stanch.playbooks.evaluator import evaluator_for, typed_inputs
from stanch.playbooks.examples import Moment
from stanch.simulate.narrator import Narrator
from stanch.simulate.people import directory
from stanch.simulate.report import Refused, Report
from stanch.simulate.world import World
from stanch.views import FindingView, RouteView

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MAX_EVENTS = 5000
_APPROVE, _DENY = "approve", "deny"


class TooLong(RuntimeError):
    """The run did not come to rest: a playbook that reminds or retries without an end."""


@dataclass(frozen=True)
class Setting:
    """What surrounds a simulated run.

    Args:
        people: names such as `team:appsec` -> users; where not given, everybody who votes is in every group.
        mode: the effective mode; the plan's own where not given.
    """

    mocks: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timeline: Sequence[Moment] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    requested_by: str = ""
    mode: Mode | None = None
    start: datetime = START


def simulate(
    plan: Plan, finding: FindingView, route: RouteView | None = None, *, setting: Setting | None = None
) -> Report:
    """Run a plan against invented answers until it ends or only people and the world could move it on.

    Time passes through the timeline; beyond it only while an action runs or a `wait` counts on a timer.

    Raises:
        TooLong: the run does not come to rest.
    """
    given = setting or Setting()
    route = route or default_route(finding)
    people = dict(given.people) or directory(plan, route, given.timeline)
    context = RunContext(
        plan=plan,
        finding=finding.model_dump(exclude_none=True),
        route=route.model_dump(exclude_none=True),
        case_id="case-simulated",
        episode="simulated",
        evaluator=evaluator_for(plan),
        people=people,
        inputs=typed_inputs(plan),
        mode=given.mode or plan.mode,
        requested_by=given.requested_by,
    )
    return _Simulation(context, given).run()


def default_route(finding: FindingView) -> RouteView:
    """A route for a finding that nobody has routed."""
    owner = {"id": "team:owner", "lead": "user:lead", "slack": "C0OWNER", "members": ("user:lead", "user:assignee")}
    words = {"owner": owner, "assignee": "user:assignee", "lane": "next_sprint", "severity": finding.severity}
    return RouteView.model_validate(words)


@dataclass(order=True)
class _Due:
    """Something that will happen: actions before ends of leases before timers, each in written order."""

    at: datetime
    rank: int
    order: int
    number: int
    event: Event = field(compare=False)
    command: RunAction | None = field(compare=False, default=None)
    own_pace: bool = field(compare=False, default=False)


class _Simulation:
    def __init__(self, context: RunContext, setting: Setting) -> None:
        self._context, self._setting = context, setting
        self._world = World(setting.mocks)
        self._narrator = Narrator(context, setting.start)
        self._order = {name: index for index, name in enumerate(context.plan.walk())}
        self._state = CoreState()
        self._now = setting.start
        self._due: list[_Due] = []
        self._number = 0
        self._refused: list[Refused] = []
        self._counted: dict[str, Any] = {}

    def run(self) -> Report:
        self._feed(Started(now=self._now))
        for moment in self._setting.timeline:
            at = self._setting.start + moment.at
            self._pass_until(at)
            self._now = max(self._now, at)
            self._happen(moment)
        self._come_to_rest()
        refused, counted = tuple(self._refused), self._counted
        return self._narrator.report(self._state, now=self._now, refused=refused, counted=counted)

    def _pass_until(self, end: datetime) -> None:
        while self._due and (due := min(self._due)).at <= end:
            self._fire(due)

    def _come_to_rest(self) -> None:
        while any(due.own_pace for due in self._due):
            self._pass_until(max(due.at for due in self._due if due.own_pace))

    def _fire(self, due: _Due) -> None:
        self._due.remove(due)
        self._now = max(self._now, due.at)
        if due.command is not None:
            self._narrator.acted(due.command, due.event, at=self._now)
            self._lease(due.command, due.event)
        self._feed(due.event)

    def _feed(self, event: Event) -> None:
        self._number += 1
        if self._number > MAX_EVENTS:
            raise TooLong(f"more than {MAX_EVENTS} events; the playbook does not come to rest")
        self._state, commands = advance(self._context, self._state, event)
        for command in commands:
            self._narrator.commanded(command, at=self._now)
            if isinstance(command, RunAction):
                self._start(command)
            elif isinstance(command, StartTimer):
                timer = TimerFired(now=command.due, ref=command.ref)
                counts = command.ref.partition("|")[2].startswith("after#")
                self._plan(command.due, timer, rank=2, path=command.ref, own_pace=counts)
            elif isinstance(command, StopTimer):
                self._due = [due for due in self._due if getattr(due.event, "ref", "") != command.ref or due.command]

    def _start(self, command: RunAction) -> None:
        answer = self._world.answer(command, self._now)
        at = self._now + answer.takes
        self._plan(at, answer.event, rank=0, path=command.path, own_pace=True, command=command)

    def _plan(
        self, at: datetime, event: Event, *, rank: int, path: str, own_pace: bool, command: RunAction | None = None
    ) -> None:
        self._number += 1
        order = self._order.get(path.partition("|")[0].partition("#")[0].partition(":")[0], 0)
        due = _Due(max(at, self._now), rank, order, self._number, event, command, own_pace)
        self._due.append(due)

    def _lease(self, command: RunAction, event: Event) -> None:
        """A lease ends by itself at its time, unless it was given back before."""
        outputs: Mapping[str, Any] = getattr(event, "outputs", {})
        lease_id, ends = str(outputs.get("lease_id", "")), str(outputs.get("expires_at", ""))
        if "lease_id" in command.params:
            self._due = [due for due in self._due if not _ends(due.event, lease_id)]
        elif lease_id and ends:
            at = datetime.fromisoformat(ends)
            data = {"lease_id": lease_id, "state": "expired"}
            self._plan(at, Happened(now=at, event="lease.ended", data=data), rank=1, path=command.path, own_pace=False)

    def _happen(self, moment: Moment) -> None:
        if moment.event:
            data = self._data(moment)
            if moment.event == "ticket.reassigned":
                self._counted["reassigned_to"] = moment.to
            self._narrator.say(f"the world: {moment.event}", at=self._now)
            self._feed(Happened(now=self._now, event=moment.event, data=data))
            self._pass_until(self._now)
        elif moment.check:
            self._narrator.check(moment.check, self._state, at=self._now)
        else:
            self._vote(moment)
            self._pass_until(self._now)

    def _data(self, moment: Moment) -> dict[str, Any]:
        """An event about a ticket is about the one that this run has opened."""
        key = {"key": self._narrator.ticket_key} if moment.event and moment.event.startswith("ticket.") else {}
        return {**key, **({"to": moment.to} if moment.to else {}), **moment.data}

    def _vote(self, moment: Moment) -> None:
        path = moment.approve or moment.reject or moment.choose or ""
        verdict = _APPROVE if moment.approve else _DENY if moment.reject else moment.option
        approval = self._state.approvals.get(path)
        at = self._now - self._setting.start
        if approval is None:
            self._refused.append(Refused(at, moment.by, "A001", f"{path} has not been asked"))
            return
        self._number += 1
        vote = Vote(
            approval_id=approval.request.approval_id,
            digest=approval.request.digest,
            principal=moment.by,
            verdict=verdict,
            reason=moment.reason,
            via="cli",
            decision_id=f"decision-{self._number}",
            at=self._now,
        )
        answer = judge_vote(self._state, vote, self._now)
        if not answer.accepted:
            self._refused.append(Refused(at, moment.by, answer.code.value, answer.message))
            self._narrator.say(f"vote of {moment.by} refused: {answer.message}", at=self._now, step=path)
            return
        self._narrator.say(f"{moment.by} says {verdict}", at=self._now, step=path)
        self._feed(Voted(now=self._now, vote=vote))


def _ends(event: Event, lease_id: str) -> bool:
    return isinstance(event, Happened) and event.event == "lease.ended" and event.data.get("lease_id") == lease_id
