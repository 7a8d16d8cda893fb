"""Taking changes back: one at a time, newest first, never giving up silently."""

from __future__ import annotations

from stanch.catalog import catalog
from stanch.interpreter import approve
from stanch.interpreter.messages import ActionFailed, RunAction
from stanch.interpreter.run import Run
from stanch.interpreter.state import RENEWAL, Change, ChangeState, StepStatus
from stanch.interpreter.tell import send
from stanch.plan import PlanStep


def inside(step: PlanStep) -> set[str]:
    """Ids of a step and of everything in it."""
    return {step.id}.union(*(inside(child) for child in step.children())) if step.children() else {step.id}


def changes_of(run: Run, names: set[str]) -> list[Change]:
    """Changes made by these steps (or their foreach items), newest first."""
    return [change for change in reversed(run.state.changes) if {change.path, _base(change.path)} & names]


def _base(path: str) -> str:
    return path.partition("#")[0]


def unsettled(run: Run, names: set[str] | None = None) -> bool:
    """True while a change by these steps (default: by any) is on its way, or is being proved."""
    for ref, action in run.state.inflight.items():
        path, purpose = ref.split("|")[:2]
        spec = catalog().get(action)
        changes = purpose in ("do", "renewed") and (spec is None or spec.effect.mutates)
        if (changes or purpose == "verify") and (names is None or _base(path) in names):
            return True
    return False


def start(run: Run, change: Change) -> None:
    """Give the command that takes one change back."""
    change.state = ChangeState.UNDOING
    number = run.state.changes.index(change)
    run.act(
        RunAction(
            ref=f"{change.path}|undo|{number}",
            path=change.path,
            purpose="undo",
            action=change.undo,
            params=change.undo_with,
            key=run.context.key(f"{change.path}:undo", number),
            subject={"action": change.action, "params": change.params, "outputs": change.outputs},
        )
    )


def work_off(run: Run, changes: list[Change]) -> bool:
    """Undo these one after the other; true when none is open any more."""
    if any(change.state is ChangeState.UNDOING for change in changes):
        return False
    for change in changes:
        if change.state is ChangeState.OPEN:
            start(run, change)
            return False
    return True


def on_undone(run: Run, ref: str) -> None:
    _settle(run, ref, ChangeState.UNDONE, "")


def on_stuck(run: Run, path: str, event: ActionFailed) -> None:
    """The undo was refused for good: a person must look, and the run says so."""
    run.problem(f"{path}: could not be taken back: {event.reason}")
    _settle(run, event.ref, ChangeState.STUCK, event.reason)


def _settle(run: Run, ref: str, state: ChangeState, reason: str) -> None:
    change = run.state.changes[int(ref.rpartition("|")[2])]
    change.state, change.reason = state, reason
    run.note(f"change.{state.value}", change.path, action=change.action)
    _nothing_to_renew(run, change.path)
    for name, step in list(run.state.steps.items()):
        if step.status is StepStatus.RECOVERING:
            progress_recovery(run, name)


def on_lease_ended(run: Run, lease_id: str, how: str) -> None:
    """A block ended at its point (expired, lifted by hand): nothing is left to take back."""
    for change in run.state.changes:
        if change.outputs.get("lease_id") == lease_id and change.state is ChangeState.OPEN:
            change.state, change.reason = ChangeState.ENDED, how
            run.note("change.ended", change.path, action=change.action, how=how)
            _nothing_to_renew(run, change.path)
            if how == "expired":
                _tell_owner(run, change)


def _nothing_to_renew(run: Run, path: str) -> None:
    """Where nothing stands any more, nobody is asked to prolong it."""
    if not any(change.path == path for change in run.state.open_changes):
        approve.withdraw(run, path + RENEWAL, "the block has ended")
        run.stop_timers(path)


def _tell_owner(run: Run, change: Change) -> None:
    """The block is over and the fix may not be there yet: the owner should know."""
    number = run.state.changes.index(change)
    for user in run.people(("route.assignee",))[:1]:
        send(run, change.path, user, template="block_ended", text="", occurrence=number)


def progress_recovery(run: Run, path: str) -> None:
    """A step whose proof failed becomes FAILED when its own changes are gone."""
    step = run.plan_steps.get(path.partition("#")[0])
    names = inside(step) if step is not None and "#" not in path else {path}
    if work_off(run, changes_of(run, names)):
        state = run.state.step(path)
        run.fail_step(path, state.code, state.reason)


def progress_revert(run: Run, step: PlanStep) -> None:
    """A `revert` step ends when the changes of its target are gone."""
    names = inside(run.plan_steps[step.revert])
    changes = changes_of(run, names)
    if unsettled(run, names) or not work_off(run, changes):
        return
    stuck = [change for change in changes if change.state is ChangeState.STUCK]
    if stuck:
        run.fail_step(step.id, "U001", f"{stuck[0].path} could not be taken back")
    else:
        run.finish_step(step.id, StepStatus.OK)
