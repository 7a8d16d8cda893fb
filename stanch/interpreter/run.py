"""One turn of the core at work: the state it may change, the commands it has given, and how values are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from stanch.durations import format_duration, parse_duration
from stanch.interpreter.context import RunContext
from stanch.interpreter.messages import Command, Note, RunAction, StartTimer, StopTimer
from stanch.interpreter.state import CoreState, StepState, StepStatus
from stanch.plan import PlanStep
from stanch.shapes import is_dict, is_items, is_mapping

MAX_PROBLEMS = 100
MAX_SPAN = 20 * 366 * 86400.0


class ValueProblem(Exception):
    """A value could not be made; the step that needs it fails closed."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass
class Run:
    """The working object of one `advance`: context is fixed, state is our own copy."""

    context: RunContext
    state: CoreState
    now: datetime
    commands: list[Command] = field(default_factory=list[Command])
    reached: set[str] = field(default_factory=set[str])

    @cached_property
    def plan_steps(self) -> dict[str, PlanStep]:
        return self.context.plan.walk()

    # -- commands ---------------------------------------------------------------------------------------------------

    def emit(self, command: Command) -> None:
        self.commands.append(command)

    def act(self, command: RunAction) -> None:
        """Start an action and remember that its outcome is due."""
        self.state.inflight[command.ref] = command.action
        self.emit(command)

    def note(self, event: str, step: str = "", /, **data: Any) -> None:
        self.emit(Note(event=event, step=step, data=data))

    def problem(self, text: str) -> None:
        """Something a person should know; the newest are kept."""
        self.state.problems.append(text[:300])
        del self.state.problems[:-MAX_PROBLEMS]

    def start_timer(self, ref: str, due: datetime) -> None:
        self.state.timers[ref] = due
        self.emit(StartTimer(ref=ref, due=due))

    def stop_timers(self, path: str) -> None:
        for ref in [ref for ref in self.state.timers if ref.partition("|")[0] == path]:
            self.stop_timer(ref)

    def stop_timer(self, ref: str) -> None:
        del self.state.timers[ref]
        self.emit(StopTimer(ref=ref))

    # -- step results -----------------------------------------------------------------------------------------------

    def finish_step(self, path: str, status: StepStatus, *, code: str = "", reason: str = "") -> None:
        step = self.state.step(path)
        step.status, step.code, step.reason = status, code, reason
        self.stop_timers(path)
        self.note(f"step.{status.value}", path, code=code, reason=reason)

    def fail_step(self, path: str, code: str, reason: str) -> None:
        self.problem(f"{path}: {reason}")
        self.finish_step(path, StepStatus.FAILED, code=code, reason=reason)

    # -- values -----------------------------------------------------------------------------------------------------

    def values(self, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What expressions may name at this moment."""
        context = self.context
        return {
            "finding": context.finding,
            "route": context.route,
            "inputs": {**context.inputs, **self.state.inputs} if self.state.inputs else context.inputs,
            "vars": self.state.vars,
            "steps": {name: self._step_view(step) for name, step in self.plan_steps.items()},
            "run": {
                "id": context.case_id,
                "episode": context.episode,
                "mode": context.mode.value,
                "playbook": context.plan.playbook,
                "requested_by": context.requested_by,
            },
            "now": self.now,
            **(extra or {}),
        }

    def _step_view(self, step: PlanStep) -> dict[str, Any]:
        state = self.state.steps.get(step.id) or StepState()
        ok = state.status is StepStatus.OK
        approved = ok and state.outputs.get("approved") is True
        return {"ok": ok, "status": state.status.value, "approved": approved, "outputs": state.outputs}

    def evaluate(self, source: str, extra: Mapping[str, Any] | None = None) -> Any:
        """Evaluate one expression.

        Raises:
            ValueProblem: E301, whatever went wrong; an expression that cannot be evaluated never counts as true.
        """
        try:
            return self.context.evaluator.evaluate(source, self.values(extra))
        except Exception as error:
            raise ValueProblem("E301", f"expression could not be evaluated: {source[:120]}") from error

    def true(self, source: str) -> bool:
        """Evaluate a condition; anything but the boolean true is false."""
        return self.evaluate(source) is True

    def render(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """Make a value of the plan concrete; data is never scanned for expressions."""
        if is_dict(value):
            if set(value) == {"$"}:
                return self.evaluate(value["$"], extra)
            if set(value) == {"$t"}:
                return "".join(self._text(part, extra) for part in value["$t"])
            return {key: self.render(item, extra) for key, item in value.items()}
        if is_items(value):
            return [self.render(item, extra) for item in value]
        return value

    def _text(self, part: Any, extra: Mapping[str, Any] | None) -> str:
        if isinstance(part, str):
            return part
        value = self.evaluate(part["$"], extra)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, timedelta):
            return format_duration(value)
        if isinstance(value, datetime):
            return value.isoformat()
        if not isinstance(value, str | int | float):
            raise ValueProblem("E302", f"not a single value for a text: {part['$'][:120]}")
        return str(value)

    def seconds(self, value: Any) -> float:
        """A span of time from a plan value: seconds, a duration, or text such as 30m.

        Raises:
            ValueProblem: E303, not a span of time, or one that no calendar holds.
        """
        span = self.render(value)
        if isinstance(span, str):
            try:
                span = parse_duration(span)
            except ValueError as error:
                raise ValueProblem("E303", "not a span of time") from error
        if isinstance(span, timedelta):
            span = span.total_seconds()
        if isinstance(span, bool) or not isinstance(span, int | float) or not abs(span) <= MAX_SPAN:
            raise ValueProblem("E303", "not a span of time")
        return float(span)

    def people(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The users behind approver names, in stable order; unknown names are nobody."""
        targets = [target for name in names for target in self._targets(name)]
        return tuple(dict.fromkeys(user for target in targets for user in self._users(target)))

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The users, teams and schedules behind approver names; the members of an owner are that team's."""
        plain = ("route.owner.id" if name == "route.owner.members" else name for name in names)
        return tuple(dict.fromkeys(target for name in plain for target in self._targets(name) if target))

    def _users(self, target: str) -> tuple[str, ...]:
        return self.context.people.get(target, (target,) if target.startswith("user:") else ())

    def _targets(self, name: str) -> tuple[str, ...]:
        """What a name stands for: itself, or who is written in the route, which may be several."""
        if not name.startswith(("route.", "run.")):
            return (name,)
        if name == "run.requested_by":
            return (self.context.requested_by,)
        value: Any = self.context.route
        for part in name.split(".")[1:]:
            value = value.get(part, "") if is_mapping(value) else ""
        value = value.get("id", "") if is_mapping(value) else value
        return tuple(str(item) for item in value) if is_items(value) else (str(value),)
