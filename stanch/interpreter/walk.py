"""The walk: top to bottom over the plan, starting what may start now; run anew after every event."""

from __future__ import annotations

from enum import Enum

from stanch.interpreter import actions, approve, called, undo, waits
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import StepState, StepStatus
from stanch.plan import PlanStep, StepKind


class Progress(Enum):
    DONE = "done"
    BLOCKED = "blocked"
    FAILED = "failed"
    STOPPED = "stopped"


COMPOSITE = (StepKind.CHOOSE, StepKind.PARALLEL)


def sequence(run: Run, steps: tuple[PlanStep, ...]) -> Progress:
    """Visit steps in order; one that runs alongside does not hold up the next."""
    for step in steps:
        progress = visit(run, step)
        if progress is Progress.BLOCKED and step.alongside:
            continue
        if progress is not Progress.DONE:
            return progress
    return Progress.DONE


def visit(run: Run, step: PlanStep) -> Progress:
    """Start the step if it has not started, move it on if it can, and say where it stands."""
    run.reached.add(step.id)
    state = run.state.step(step.id)
    if state.status is StepStatus.PENDING:
        _begin(run, step, state)
    if step.kind in COMPOSITE and state.since is not None:  # it was entered: its condition was true
        stopped = _progress_composite(run, step, state)
        if stopped:
            return Progress.STOPPED
    elif state.status is StepStatus.RUNNING:
        _progress(run, step, state)
    elif step.kind is StepKind.PLAYBOOK and state.status is StepStatus.OK and called.LEAVING not in state.seen:
        sequence(run, step.steps)  # what still runs alongside in it
    return _conclude(run, step, state)


def _begin(run: Run, step: PlanStep, state: StepState) -> None:
    if any(_unsettled(run, name) for name in step.needs):
        return
    try:
        if step.when is not None and not run.true(step.when):
            run.finish_step(step.id, StepStatus.SKIPPED, reason="when was false")
            return
        _start(run, step, state)
    except ValueProblem as problem:
        run.fail_step(step.id, problem.code, problem.reason)


def _unsettled(run: Run, name: str) -> bool:
    state = run.state.steps.get(name)
    reached = state is not None and not state.status.final and name in run.reached
    return reached or any(ref.partition("|")[0].partition("#")[0] == name for ref in run.state.inflight)


def _start(run: Run, step: PlanStep, state: StepState) -> None:
    match step.kind:
        case StepKind.DO:
            actions.begin(run, step)
        case StepKind.APPROVE:
            approve.begin(run, step)
        case StepKind.WAIT:
            waits.begin(run, step)
        case StepKind.SET:
            run.state.vars.update({name: run.render(value) for name, value in step.set_.items()})
            run.finish_step(step.id, StepStatus.OK)
        case StepKind.STOP:
            _stop(run, step)
        case StepKind.CHOOSE:
            _choose(run, step, state)
        case StepKind.PLAYBOOK:
            called.begin(run, step)
        case StepKind.PARALLEL | StepKind.REVERT:
            state.status, state.since = StepStatus.RUNNING, run.now


def _stop(run: Run, step: PlanStep) -> None:
    if step.stop is not None and step.stop.ends:
        called.stop(run, step)
    elif step.stop is not None:
        run.state.reason = str(run.render(step.stop.reason))
        run.state.failed = step.stop.status == "failed"
    run.finish_step(step.id, StepStatus.OK)


def _choose(run: Run, step: PlanStep, state: StepState) -> None:
    for index, branch in enumerate(step.branches):
        if branch.when is None or run.true(branch.when):
            state.status, state.since, state.outputs = StepStatus.RUNNING, run.now, {"branch": index}
            return
    run.finish_step(step.id, StepStatus.SKIPPED, reason="no branch applies")


def _progress(run: Run, step: PlanStep, state: StepState) -> None:
    if step.kind is StepKind.WAIT:
        waits.progress(run, step)
    elif step.kind is StepKind.REVERT:
        undo.progress_revert(run, step)
    elif step.kind is StepKind.DO and step.foreach is not None:
        actions.progress_items(run, step)
    elif step.kind is StepKind.PLAYBOOK:
        _progress_called(run, step, state)


def _progress_called(run: Run, step: PlanStep, state: StepState) -> None:
    """Walk a called playbook to its end; with a `finally`, a failure or a stop it is left as a run is left."""
    if called.LEAVING not in state.seen:
        progress = sequence(run, step.steps)
        if progress is Progress.DONE and not step.last:
            _end_called(run, step)
            return
        if progress is Progress.BLOCKED or (progress is Progress.DONE and _still_inside(run, step)):
            return
        called.leave(run, step, state, broken=progress is Progress.FAILED)
    if not called.is_clear(run, step, state):
        return
    if sequence(run, step.last) is Progress.BLOCKED or called.under_way(run, step):
        return
    if not called.is_clear(run, step, state):
        return  # its `finally` has ended it badly
    if called.close(run, step, state):
        _prove(run, step)


def _end_called(run: Run, step: PlanStep) -> None:
    """It is over when what its outputs read has ended; what else runs alongside delays nobody."""
    if not any(_unsettled(run, name) for name in called.read_by_outputs(step)):
        called.give_outputs(run, step)
        _prove(run, step)


def _still_inside(run: Run, step: PlanStep) -> bool:
    names = undo.inside(step) & run.reached
    return called.under_way(run, step) or any(not run.state.step(name).status.final for name in names - {step.id})


def last_words(run: Run) -> Progress:
    """The `finally` of called playbooks that the end of the run has cut off."""
    for step in called.open_ones(run):
        if sequence(run, step.last) is Progress.BLOCKED:
            return Progress.BLOCKED
    return Progress.DONE


def _progress_composite(run: Run, step: PlanStep, state: StepState) -> bool:
    """Walk the inside, also after the end, for steps that still run alongside; true when a `stop` was met."""
    progress = _parallel(run, step) if step.kind is StepKind.PARALLEL else _branch(run, step, state)
    if state.status is StepStatus.RUNNING:
        if progress is Progress.FAILED:
            run.fail_step(step.id, "E305", "a step inside failed")
        elif progress is Progress.DONE:
            _prove(run, step)
    return progress is Progress.STOPPED


def _parallel(run: Run, step: PlanStep) -> Progress:
    results = [visit(run, child) for child in step.steps]
    if Progress.STOPPED in results:
        return Progress.STOPPED
    waiting = [r for r, child in zip(results, step.steps, strict=True) if r is Progress.BLOCKED and not child.alongside]
    if waiting:
        return Progress.BLOCKED
    return Progress.FAILED if Progress.FAILED in results else Progress.DONE


def _branch(run: Run, step: PlanStep, state: StepState) -> Progress:
    return sequence(run, step.branches[int(state.outputs["branch"])].steps)


def _prove(run: Run, step: PlanStep) -> None:
    """A composite is verified once, and only where something inside really was changed."""
    if step.verify is not None and undo.changes_of(run, undo.inside(step)):
        actions.prove(run, step, step.id)
    else:
        run.finish_step(step.id, StepStatus.OK)


def _conclude(run: Run, step: PlanStep, state: StepState) -> Progress:
    match state.status:
        case StepStatus.OK:
            return Progress.STOPPED if step.kind is StepKind.STOP else Progress.DONE
        case StepStatus.SKIPPED:
            return sequence(run, step.otherwise)
        case StepStatus.REJECTED:
            return sequence(run, step.on_reject)
        case StepStatus.FAILED:
            return _after_failure(run, step)
        case _:
            return Progress.BLOCKED


def _after_failure(run: Run, step: PlanStep) -> Progress:
    progress = sequence(run, step.failure_steps)
    if progress is Progress.FAILED and step.alongside:
        return Progress.DONE
    if progress is not Progress.DONE:
        return progress
    return Progress.DONE if step.alongside or step.failure == "continue" else Progress.FAILED
