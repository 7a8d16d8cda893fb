"""A block that should stand longer is asked for again before it ends; no answer lets it end."""

from __future__ import annotations

from datetime import datetime, timedelta

from stanch.approvals import Bound, proof_of
from stanch.interpreter import actions, approve, undo
from stanch.interpreter.messages import ActionDone, ActionFailed, RunAction
from stanch.interpreter.run import Run
from stanch.interpreter.state import RENEWAL, Change, ChangeState, RunStatus
from stanch.plan import PlanStep


def arm(run: Run, step: PlanStep, path: str) -> None:
    """Set the timer that asks again, when the step has an end and wants renewal."""
    change = _change(run, path)
    if step.renew is None or change is None or not change.outputs.get("expires_at"):
        return
    end = datetime.fromisoformat(str(change.outputs["expires_at"]))
    before = timedelta(seconds=step.renew.ask_before)
    if before >= end - run.now:  # a block shorter than that is not asked about again the moment it stands
        before = (end - run.now) / 4
    run.start_timer(f"{path}|renew", max(end - before, run.now))


def _change(run: Run, path: str) -> Change | None:
    found = [item for item in run.state.changes if item.path == path and item.state is ChangeState.OPEN]
    return found[-1] if found else None


def on_timer(run: Run, step: PlanStep, path: str) -> None:
    """Ask for the same block again."""
    gate = run.plan_steps[step.renew.gate].approve if step.renew is not None else None
    if gate is not None and _change(run, path) is not None:
        target = Bound(action=step.action, params=run.state.step(path).params)
        approve.ask(run, path + RENEWAL, gate, (target,))


def on_settled(run: Run, gate_path: str) -> None:
    """With consent the block is taken again with a new end; the old lease then runs out by itself."""
    path = gate_path.removesuffix(RENEWAL)
    change = _change(run, path)
    if run.state.step(gate_path).outputs.get("approved") is not True or change is None:
        return
    state = run.state.step(path)
    state.count += 1
    run.act(
        RunAction(
            ref=f"{path}|renewed|{state.count}",
            path=path,
            purpose="renewed",
            action=change.action,
            params=state.params,
            key=run.context.key(f"{path}:renewed", state.count),
            approval=proof_of(run.state.approvals[gate_path]),
        )
    )


def on_renewed(run: Run, step: PlanStep, path: str, event: ActionDone) -> None:
    """Both leases are remembered, so that a lift gives back both."""
    state = run.state.step(path)
    state.outputs = {**state.outputs, **event.outputs}
    actions.remember(run, step, path, event.outputs)
    if run.state.status is RunStatus.RUNNING:
        arm(run, step, path)


def on_failed(run: Run, step: PlanStep, path: str, event: ActionFailed) -> None:
    """The old lease runs out; a new one that may have been taken all the same is given back."""
    if event.outcome not in actions.UNKNOWN_OUTCOMES:
        return
    key = run.context.key(f"{path}:renewed", int(event.ref.rpartition("|")[2]))
    actions.remember(run, step, path, {"lease_id": key})
    change = run.state.changes[-1]
    if run.state.status is RunStatus.RUNNING and change.state is ChangeState.OPEN:
        undo.start(run, change)
