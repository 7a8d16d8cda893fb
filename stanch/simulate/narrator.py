"""Writes down what a simulated run does, as data and in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stanch.catalog import catalog
from stanch.interpreter.context import RunContext
from stanch.interpreter.messages import (
    ActionFailed,
    ApprovalEnded,
    AskApproval,
    Command,
    Event,
    Finish,
    Note,
    RunAction,
)
from stanch.interpreter.state import ChangeState, CoreState, StepStatus
from stanch.plan import StepKind
from stanch.playbooks.examples import CheckWords
from stanch.simulate.report import ApprovalLine, ChangeLine, EffectLine, Line, Refused, Report

_PATIENT = (StepKind.APPROVE, StepKind.WAIT)
_TICKET = {"ticket.create": "open", "ticket.close": "closed", "ticket.reopen": "open"}
_STANDING = (ChangeState.OPEN, ChangeState.UNDOING, ChangeState.STUCK)


class Narrator:
    """Collects lines while the run goes on, and makes the report at its end."""

    def __init__(self, context: RunContext, start: datetime) -> None:
        self._context, self._start = context, start
        self._effects: list[EffectLine] = []
        self._lines: list[Line] = []
        self._checks: list[str] = []
        self._ticket = "none"
        self.ticket_key = ""

    def say(self, what: str, *, at: datetime, step: str = "") -> None:
        self._lines.append(Line(at - self._start, what, step))

    def acted(self, command: RunAction, event: Event, *, at: datetime) -> None:
        """An action has ended."""
        ok = not isinstance(event, ActionFailed)
        outputs: dict[str, Any] = getattr(event, "outputs", {})
        reason = event.reason if isinstance(event, ActionFailed) else ""
        effect = catalog()[command.action].effect.value
        words = (at - self._start, command.action, command.path, command.purpose, effect, command.params, outputs)
        self._effects.append(EffectLine(*words, ok=ok, reason=reason))
        if ok and command.action in _TICKET:
            self._ticket = _TICKET[command.action]
            self.ticket_key = str(outputs.get("key") or self.ticket_key)
        how = "" if ok else f" failed: {reason}"
        aim = "" if command.purpose == "do" else f" ({command.purpose})"
        self.say(f"{command.action}{aim}{how}", at=at, step=command.path)

    def commanded(self, command: Command, *, at: datetime) -> None:
        """The core has given a command that is no action."""
        if isinstance(command, AskApproval):
            who = ", ".join(sorted(command.request.approvers()))
            self.say(f"asks {who}: {command.request.question}", at=at, step=command.path)
        elif isinstance(command, ApprovalEnded):
            by = f" by {', '.join(command.by)}" if command.by else ""
            self.say(f"approval ended: {command.outcome}{by}", at=at, step=command.path)
        elif isinstance(command, Note) and command.event in ("step.skipped", "step.failed", "change.ended"):
            reason = str(command.data.get("reason", ""))
            self.say(f"{command.event.replace('.', ' ')}{': ' + reason if reason else ''}", at=at, step=command.step)
        elif isinstance(command, Finish):
            self.say(f"run {command.status}{': ' + command.reason if command.reason else ''}", at=at)

    def check(self, check: CheckWords, state: CoreState, *, at: datetime) -> None:
        """Compare a step with what a test expects of it at this moment."""
        step = state.steps.get(check.step)
        found = str(step.outputs.get("choice") or step.status.value) if step else "pending"
        because = str(step.outputs.get("because") or step.reason) if step else ""
        when = f"{check.step} at {at - self._start}"
        if check.state not in (found, step.status.value if step else "pending"):
            self._checks.append(f"{when}: state is {found}, not {check.state}")
        if check.because and check.because != because:
            self._checks.append(f"{when}: because of {because or 'nothing'}, not {check.because}")

    def report(
        self, state: CoreState, *, now: datetime, refused: tuple[Refused, ...], counted: dict[str, Any]
    ) -> Report:
        return Report(
            playbook=self._context.plan.playbook,
            status=state.status.value,
            reason=state.reason,
            effects=tuple(self._effects),
            timeline=tuple(self._lines),
            approvals=tuple(_approvals(state)),
            open_changes=tuple(_changes(state)),
            waiting_on=self._waiting(state),
            steps={name: _step(step) for name, step in state.steps.items()},
            outputs=state.outputs,
            ticket=self._ticket,
            counted=counted,
            refused=refused,
            problems=tuple(state.problems),
            checks=tuple(self._checks),
            elapsed=now - self._start,
        )

    def _waiting(self, state: CoreState) -> tuple[str, ...]:
        if state.status.final:
            return ()
        steps = self._context.plan.walk()
        open_asks = [name for name, item in state.approvals.items() if item.settled is None]
        waits = [
            name
            for name, step in state.steps.items()
            if step.status is StepStatus.RUNNING and name in steps and steps[name].kind in _PATIENT
        ]
        return tuple(dict.fromkeys((*waits, *(name for name in open_asks if not state.step(name).status.final))))


def _approvals(state: CoreState) -> list[ApprovalLine]:
    lines: list[ApprovalLine] = []
    for path, item in state.approvals.items():
        end = item.settled
        outcome = end.outcome.value if end else "open"
        choice, by, reason = (end.choice, end.by, end.reason) if end else ("", (), "")
        who = tuple(sorted(item.request.approvers()))
        lines.append(ApprovalLine(path, item.request.question, who, outcome, choice, by, reason))
    return lines


def _changes(state: CoreState) -> list[ChangeLine]:
    standing = (change for change in state.changes if change.state in _STANDING)
    return [ChangeLine(c.path, c.action, c.undo, c.params, c.state.value) for c in standing]


def _step(step: Any) -> dict[str, Any]:
    return {"status": step.status.value, "code": step.code, "reason": step.reason, "outputs": step.outputs}
