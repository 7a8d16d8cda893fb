"""What a change may run under: the approval that covers exactly it, or the gate where a person is asked instead."""

from __future__ import annotations

from typing import Any

from stanch.approvals import Bound, covers, proof_of
from stanch.interpreter.approve import ask, gate_spec
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import GATE, StepStatus
from stanch.leases import ApprovalProof
from stanch.plan import Mode, PlanStep

MAX_ASKED = 5
GATED = "gated"


def demoted(run: Run) -> bool:
    """True where an automatic playbook may only act with consent."""
    return run.context.plan.mode is Mode.AUTO and run.context.mode is Mode.SEMI


def open_gate(run: Run, path: str) -> bool:
    """A guard wants consent for this change: ask once instead of failing; false where that was asked already."""
    state = run.state.step(path)
    if GATED in state.seen or run.context.plan.mode is not Mode.AUTO:
        return False
    state.seen.append(GATED)
    state.status = StepStatus.PENDING
    run.note("step.gated", path, code=state.code)
    return True


def _gated(run: Run, path: str) -> bool:
    return demoted(run) or GATED in run.state.step(path).seen


def needed(run: Run, step: PlanStep, path: str) -> bool:
    """True where the step must wait for consent, or has been refused it."""
    return bool(step.bound_by) or _gated(run, path)


def proof_for(run: Run, step: PlanStep, path: str, params: dict[str, Any]) -> ApprovalProof | None:
    """The consent this action runs under; without it the step is skipped, or a new request is opened.

    What was approved is compared with what would be done now: any difference supersedes the approval.
    """
    gates = step.bound_by or ((path + GATE,) if _gated(run, path) else ())
    if not gates:
        return None
    wanted = Bound(action=step.action, params=params)
    for gate in gates:
        state = run.state.approvals.get(gate)
        if state is None or run.state.step(gate).outputs.get("approved") is not True:
            continue
        if covers(state.request, action=wanted.action, params=wanted.params):
            return proof_of(state)
        _supersede(run, gate)
        return None
    _without_consent(run, step, path, gates, wanted)
    return None


def _supersede(run: Run, gate: str) -> None:
    """What would be done is not what was approved: ask again, also where the asking was inside a finished branch."""
    run.note("approval.superseded", gate)
    step = run.state.step(gate)
    if step.occurrence >= MAX_ASKED:
        raise ValueProblem("A013", "what would be done has changed after every approval")
    step.status, step.outputs = StepStatus.PENDING, {}
    for name, outer in run.plan_steps.items():
        state = run.state.steps.get(name)
        if state is not None and state.status is StepStatus.OK and outer.holds(gate):
            state.status = StepStatus.RUNNING
            state.occurrence += 1


def _without_consent(run: Run, step: PlanStep, path: str, gates: tuple[str, ...], wanted: Bound) -> None:
    if step.bound_by:
        run.finish_step(path, StepStatus.SKIPPED, code="A010", reason=f"not approved in {', '.join(gates)}")
        return
    gate = run.state.step(gates[0])
    if gate.status is StepStatus.PENDING:
        ask(run, gates[0], gate_spec(run, step), (wanted,))
    if gate.status in (StepStatus.REJECTED, StepStatus.FAILED):
        run.finish_step(path, StepStatus.SKIPPED, code="A010", reason="not approved")
