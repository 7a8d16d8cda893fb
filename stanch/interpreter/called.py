"""A playbook run as a step of another: it has its own inputs and variables, and an end that is not the run's."""

from __future__ import annotations

from stanch.bounds import InputError, plain_input, read_input
from stanch.interpreter import approve, undo
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import RENEWAL, StepState, StepStatus
from stanch.plan import PlanStep, StepKind
from stanch.plan_called import Called

LEAVING = "leaving"
BROKEN = "broken"


def begin(run: Run, step: PlanStep) -> None:
    """Give it its inputs and variables, and ask its guard."""
    called = step.called
    if called is None:
        raise ValueProblem("P003", "nothing to call")
    run.state.inputs.update(_inputs(run, called))
    run.state.vars.update({name: run.render(value) for name, value in called.vars.items()})
    refused = [source for source in called.guard if not run.true(source)]
    if refused:
        raise ValueProblem("E306", f"guard of {called.playbook} was false: {refused[0][:200]}")
    state = run.state.step(step.id)
    state.status, state.since = StepStatus.RUNNING, run.now


def _inputs(run: Run, called: Called) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, setting in called.inputs.items():
        value = plain_input(run.render(setting.value))
        try:
            read_input(setting, value)
        except InputError as error:
            raise ValueProblem("P109", f"input of {called.playbook}: {error}") from error
        found[name] = value
    return found


def stop(run: Run, step: PlanStep) -> None:
    """A `stop` inside ends this playbook, well or badly."""
    if step.stop is None:
        return
    state = run.state.step(step.stop.ends)
    state.reason = str(run.render(step.stop.reason))
    if step.stop.status == "failed":
        state.seen.append(BROKEN)


def leave(run: Run, step: PlanStep, state: StepState, *, broken: bool) -> None:
    """Nothing new starts inside, nothing is asked and nothing rings; what is under way is awaited."""
    state.seen.append(LEAVING)
    if broken and BROKEN not in state.seen:
        state.seen.append(BROKEN)
    names = _inside(step)
    for path in [path for path in run.state.approvals if _base(path) in names and not path.endswith(RENEWAL)]:
        approve.withdraw(run, path, "the playbook ended")
    for ref in [ref for ref in run.state.timers if _base(ref.partition("|")[0]) in names]:
        if not ref.endswith("|renew") and not ref.partition("|")[0].endswith(RENEWAL):
            run.stop_timer(ref)


def is_clear(run: Run, step: PlanStep, state: StepState) -> bool:
    """True when what it changed is taken back, where it failed, and nothing of it is under way."""
    names = _inside(step)
    if BROKEN in state.seen:
        return not undo.unsettled(run, names) and undo.work_off(run, undo.changes_of(run, names))
    return not under_way(run, step)


def under_way(run: Run, step: PlanStep) -> bool:
    """True while an action of one of its steps has not ended."""
    names = _inside(step)
    return any(_base(ref.partition("|")[0]) in names for ref in run.state.inflight)


def close(run: Run, step: PlanStep, state: StepState) -> bool:
    """Say what came of it; true where it went well and is still to be proved."""
    for name in _inside(step):
        inner = run.state.steps.get(name)
        if inner is not None and not inner.status.final:
            inner.status = StepStatus.SKIPPED
    if BROKEN in state.seen:
        run.fail_step(step.id, "E305", state.reason or "a step inside failed")
        return False
    give_outputs(run, step)
    return True


def read_by_outputs(step: PlanStep) -> tuple[str, ...]:
    return step.called.needs if step.called else ()


def give_outputs(run: Run, step: PlanStep) -> None:
    """What the caller may read; a value that cannot be made is null."""
    run.state.step(step.id).outputs = _outputs(run, step)


def _outputs(run: Run, step: PlanStep) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in (step.called.outputs if step.called else {}).items():
        try:
            found[name] = plain_input(run.render(value))
        except ValueProblem:
            found[name] = None
    return found


def open_ones(run: Run) -> list[PlanStep]:
    """Called playbooks that were begun and have not ended, innermost first."""
    steps = [step for step in run.plan_steps.values() if step.kind is StepKind.PLAYBOOK]
    begun = [step for step in steps if (state := run.state.steps.get(step.id)) and state.since is not None]
    return [step for step in reversed(begun) if not run.state.step(step.id).status.final]


def _inside(step: PlanStep) -> set[str]:
    return undo.inside(step) - {step.id}


def _base(path: str) -> str:
    return path.partition(":")[0].partition("#")[0]
