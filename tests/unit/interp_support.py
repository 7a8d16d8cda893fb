"""Drives the core by hand, one event at a time; every event also checks what must hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from stanch.approvals import Verdict, Vote
from stanch.catalog import catalog
from stanch.interpreter.context import RunContext
from stanch.interpreter.core import advance, judge_vote
from stanch.interpreter.messages import (
    ActionDone,
    ActionFailed,
    ApprovalEnded,
    AskApproval,
    Cancelled,
    Command,
    Event,
    Finish,
    Happened,
    Note,
    RunAction,
    Started,
    TimerFired,
    Voted,
)
from stanch.interpreter.state import CoreState, RunStatus
from stanch.plan import Mode, Plan
from stanch.playbooks import Playbook, compile_plan, evaluator_for, typed_inputs

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PEOPLE = {
    "team:appsec": ("user:tom", "user:ines"),
    "team:owner": ("user:lead", "user:maria"),
    "user:lead": ("user:lead",),
    "user:maria": ("user:maria",),
    "user:boss": ("user:boss",),
}
FINDING: dict[str, Any] = {
    "id": "f-1",
    "title": "Debug endpoint",
    "severity": "high",
    "kind": "weakness",
    "labels": ("one", "two", "three"),
    "count": 3,
    "api": {"host": "api.example.com", "path": "/debug", "method": "GET"},
    "actor": {"ip": "192.0.2.7"},
}
ROUTE: dict[str, Any] = {
    "owner": {"id": "team:owner", "lead": "user:lead", "slack": "C1", "members": ("user:lead", "user:maria")},
    "assignee": "user:maria",
    "cc": ("user:boss", "user:maria"),
}
BLOCK = "do: block.scope, with: {host: api.example.com, ttl: 4h}"
ATTACH = "do: policy.attach, with: {host: api.example.com, groups: [Common]}"
TICKET = "do: ticket.create, with: {summary: A problem}"


def plan_of(steps: str, *, mode: str = "auto", rest: str = "") -> Plan:
    """A plan from the `steps` of a playbook; what the loader would refuse is let through, the core must stand it."""
    text = f"version: playbook/v1\nid: small\ntitle: Small\nowner: team:appsec\nmode: {mode}\n{rest}\nsteps:\n{steps}"
    return compile_plan(Playbook.model_validate(yaml.safe_load(text)))


def dump(commands: list[Command]) -> list[dict[str, Any]]:
    return [command.model_dump(mode="json") for command in commands]


class Bench:
    """One run under test.

    After every event: the core has not touched the state it was given; from a state that went through JSON (as
    continue-as-new does) the same event gives the same state and commands; no ref is ever used twice.
    """

    def __init__(
        self,
        plan: Plan | str,
        *,
        mode: Mode | None = None,
        route: dict[str, Any] | None = None,
        requested_by: str = "",
        people: dict[str, tuple[str, ...]] | None = None,
        start: bool = True,
    ) -> None:
        self.plan = plan_of(plan) if isinstance(plan, str) else plan
        self.context = RunContext(
            plan=self.plan,
            finding=FINDING,
            route={**ROUTE, **(route or {})},
            case_id="case-1",
            episode="e1",
            evaluator=evaluator_for(self.plan),
            people=PEOPLE if people is None else people,
            inputs=typed_inputs(self.plan),
            mode=mode or self.plan.mode,
            requested_by=requested_by,
        )
        self.state = CoreState()
        self.now = START
        self.commands: list[Command] = []
        self.pending: dict[str, RunAction] = {}
        self.refs: set[str] = set()
        self.votes = 0
        if start:
            self.feed(Started(now=self.now))

    # -- events -----------------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> list[Command]:
        before = self.state.model_dump_json()
        carried = CoreState.model_validate_json(before)
        state, commands = advance(self.context, self.state, event)
        assert self.state.model_dump_json() == before, "advance changed the state it was given"
        again, same = advance(self.context, carried, event)
        assert dump(same) == dump(commands)
        assert again.model_dump_json() == state.model_dump_json()
        self.state = state
        self.commands += commands
        for command in commands:
            if isinstance(command, RunAction):
                assert command.ref not in self.refs, f"{command.ref} was used twice"
                self.refs.add(command.ref)
                self.pending[command.ref] = command
        assert set(self.state.inflight) == set(self.pending) - ({event.ref} if isinstance(event, _ENDS) else set())
        return commands

    def done(self, ref: str, **outputs: Any) -> list[Command]:
        """End an action well; a step id stands for its newest action."""
        command = self.action(ref)
        event = ActionDone(now=self.now, ref=command.ref, outputs={**default_outputs(command, self.now), **outputs})
        given = self.feed(event)
        self.pending.pop(command.ref, None)
        return given

    def fail(self, ref: str, *, outcome: str = "REJECTED", code: str = "V002", reason: str = "no") -> list[Command]:
        command = self.action(ref)
        event = ActionFailed(now=self.now, ref=command.ref, code=code, reason=reason, outcome=outcome)
        given = self.feed(event)
        self.pending.pop(command.ref, None)
        return given

    def settle(self, *, but: tuple[str, ...] = ()) -> None:
        """End everything under way well, and what follows from it, until nothing moves."""
        while ready := [ref for ref in self.pending if not ref.startswith(but or ("\0",))]:
            self.done(ready[0])

    def vote(self, path: str, who: str, verdict: str = "approve", **more: Any) -> Verdict:
        request = self.state.approvals[path].request
        self.votes += 1
        vote = Vote(
            approval_id=more.get("approval_id", request.approval_id),
            digest=more.get("digest", request.digest),
            principal=who,
            verdict=verdict,
            reason="because",
            via="api",
            decision_id=more.get("decision_id", f"d{self.votes}"),
            at=self.now,
            step_up=more.get("step_up", False),
        )
        verdict_of = judge_vote(self.state, vote, self.now)
        self.feed(Voted(now=self.now, vote=vote))
        return verdict_of

    def happen(self, name: str, /, **data: Any) -> list[Command]:
        return self.feed(Happened(now=self.now, event=name, data=data))

    def cancel(self, reason: str = "by user:ana") -> list[Command]:
        return self.feed(Cancelled(now=self.now, reason=reason))

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass; timers fire in the order in which they are due."""
        end, given = self.now + timedelta(seconds=seconds), list[Command]()
        while due := min(((when, ref) for ref, when in self.state.timers.items() if when <= end), default=None):
            self.now = max(self.now, due[0])
            given += self.feed(TimerFired(now=self.now, ref=due[1]))
        self.now = end
        return given

    # -- looks ------------------------------------------------------------------------------------------------------

    def action(self, ref: str) -> RunAction:
        if ref in self.pending:
            return self.pending[ref]
        found = [command for command in self.pending.values() if command.path == ref or command.action == ref]
        assert found, f"nothing of {ref} is under way, but {list(self.pending)}"
        return found[-1]

    def status(self, path: str) -> str:
        return self.state.steps[path].status.value if path in self.state.steps else "unseen"

    def running(self) -> list[str]:
        """Paths of the actions under way."""
        return [command.path for command in self.pending.values()]

    def under_way(self, ref: str) -> bool:
        return any(ref in (command.ref, command.path, command.action) for command in self.pending.values())

    def acted(self, *purposes: str) -> list[str]:
        """Actions commanded so far, with purpose `do` where nothing else is said."""
        wanted = purposes or ("do",)
        return [item.action for item in self.of(RunAction) if item.purpose in wanted]

    def of(self, kind: type[Any]) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    def notes(self) -> list[str]:
        return [note.event for note in self.of(Note)]

    @property
    def asked(self) -> list[str]:
        return [item.path for item in self.of(AskApproval)]

    @property
    def ended(self) -> list[tuple[str, str]]:
        return [(item.path, item.outcome) for item in self.of(ApprovalEnded)]

    @property
    def finished(self) -> str:
        ends: list[Finish] = self.of(Finish)
        assert len(ends) <= 1
        return ends[0].status if ends else ""

    def changes(self) -> list[tuple[str, str]]:
        return [(change.path, change.state.value) for change in self.state.changes]

    def stuck_without_reason(self) -> bool:
        """Invariant 4: an open run has an action, a timer, an approval or an awaited event that will wake it."""
        if self.state.status.final:
            return False
        return not (self.pending or self.state.timers or list(self.awaiting()))

    def awaiting(self) -> Iterator[str]:
        for name, step in self.plan.walk().items():
            state = self.state.steps.get(name)
            if step.wait is not None and state is not None and state.status.value == "running":
                yield name


_ENDS = (ActionDone, ActionFailed)


def default_outputs(command: RunAction, now: datetime) -> dict[str, Any]:
    """What the action would give: a lease is known by the key of the effect that took it."""
    spec = catalog()[command.action]
    outputs: dict[str, Any] = spec.outputs().model_dump(mode="json")
    if "expires_at" in outputs:
        ends = now + timedelta(hours=4)
        outputs |= {"lease_id": command.key, "expires_at": ends.isoformat()}
    elif "lease_id" in outputs:
        outputs |= {"lease_id": str(command.params.get("lease_id", ""))}
    elif "attachment_id" in outputs:
        outputs |= {"attachment_id": str(command.params.get("attachment", "a-1"))}
    elif command.action == "ticket.create":
        outputs |= {"key": "T-1"}
    return outputs


__all__ = ["ATTACH", "BLOCK", "START", "TICKET", "Bench", "RunStatus", "plan_of"]
