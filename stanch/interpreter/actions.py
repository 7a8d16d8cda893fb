"""Steps that do something: parameters checked first, then the action, then its proof."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stanch.catalog import ActionSpec, catalog
from stanch.interpreter import consent, undo
from stanch.interpreter.messages import ActionDone, ActionFailed, RunAction
from stanch.interpreter.params import checked
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import GATE, Change, ChangeState, RunStatus, StepStatus
from stanch.leases import ApprovalProof
from stanch.plan import Mode, PlanStep
from stanch.shapes import is_items

UNKNOWN_OUTCOMES = ("UNCERTAIN", "TIMEOUT")
ASK_INSTEAD = ("G104", "G106", "G110", "G111", "G136")  # refused to a run alone, possible with consent


def begin(run: Run, step: PlanStep) -> None:
    """Start a `do` step, or each of its items."""
    if step.foreach is None:
        start(run, step, step.id, {})
        return
    items = run.render(step.foreach.items)
    if not is_items(items) or len(items) > step.foreach.max_items:
        raise ValueProblem("E304", f"foreach needs a list of at most {step.foreach.max_items}")
    state = run.state.step(step.id)
    state.status = StepStatus.RUNNING
    state.params = {"items": list(items)}


def progress_items(run: Run, step: PlanStep) -> None:
    """Start as many items as may run at once; the step ends when the last has ended."""
    loop = step.foreach
    if loop is None:
        return
    items = run.state.step(step.id).params["items"]
    paths = [f"{step.id}#{index}" for index in range(len(items))]
    states = [run.state.step(path) for path in paths]
    begun = sum(1 for path in paths if _begun(run, path))
    for path, state in zip(paths, states, strict=True):
        if state.status is StepStatus.PENDING and (_asking(run, path) or begun < loop.max_parallel):
            begun -= 1 if _asking(run, path) else 0
            _start_item(run, step, path)
            begun += 1 if _begun(run, path) else 0
    if all(state.status.final for state in states):
        run.state.step(step.id).outputs = {"items": [state.outputs for state in states]}
        bad = [state for state in states if state.status is StepStatus.FAILED]
        if bad:
            run.fail_step(step.id, bad[0].code, bad[0].reason)
        else:
            run.finish_step(step.id, StepStatus.OK)


def _asking(run: Run, path: str) -> bool:
    return path + GATE in run.state.approvals


def _begun(run: Run, path: str) -> bool:
    """True for an item that is under way, or waits for consent."""
    status = run.state.step(path).status
    return not status.final and (status is not StepStatus.PENDING or _asking(run, path))


def item_of(run: Run, step: PlanStep, path: str) -> dict[str, Any]:
    """What `item` (or its other name) means for this path of a `foreach`."""
    index = path.partition("#")[2]
    return {step.foreach.name: run.state.step(step.id).params["items"][int(index)]} if step.foreach and index else {}


def _start_item(run: Run, step: PlanStep, path: str) -> None:
    try:
        start(run, step, path, item_of(run, step, path))
    except ValueProblem as problem:
        run.fail_step(path, problem.code, problem.reason)


def start(run: Run, step: PlanStep, path: str, item: dict[str, Any]) -> None:
    """Give the command for one action, if the mode and the approvals allow it."""
    spec = catalog()[step.action]
    params = checked(spec, run.render(step.with_, item))
    proof: ApprovalProof | None = None
    if spec.effect.mutates:
        if run.context.mode is Mode.MANUAL:
            run.finish_step(path, StepStatus.SKIPPED, code="M001", reason="changes are switched off for this run")
            return
        proof = consent.proof_for(run, step, path, params)
        if proof is None and consent.needed(run, step, path):
            return
    state = run.state.step(path)
    state.status, state.since, state.params = StepStatus.RUNNING, state.since or run.now, params
    state.occurrence += 1
    run.act(
        RunAction(
            ref=f"{path}|do|{state.occurrence}",
            path=path,
            purpose="do",
            action=spec.name,
            params=params,
            key=run.context.key(path, state.occurrence),
            retry=step.retry,
            timeout=step.timeout,
            approval=proof,
        )
    )


def on_done(run: Run, step: PlanStep, path: str, event: ActionDone) -> None:
    """The action ended well: remember how to take it back, then prove it."""
    state = run.state.step(path)
    state.outputs = event.outputs
    if not remember(run, step, path, event.outputs):
        run.fail_step(path, "U002", "it was done, but how to take it back cannot be said")
    elif step.verify is None or run.state.status is RunStatus.UNDOING:
        run.finish_step(path, StepStatus.OK)
    else:
        prove(run, step, path)


def prove(run: Run, step: PlanStep, path: str) -> None:
    """Run the step's verification against what it has just changed."""
    check = step.verify
    if check is None:
        return
    state = run.state.step(path)
    state.status = StepStatus.VERIFYING
    try:
        values = {"within": timedelta(seconds=check.within), **run.render(check.with_, item_of(run, step, path))}
        params = checked(catalog()[check.action], values)
    except ValueProblem as problem:
        recover(run, path, problem.code, problem.reason)
        return
    run.act(
        RunAction(
            ref=f"{path}|verify|{state.occurrence}",
            path=path,
            purpose="verify",
            action=check.action,
            params=params,
            key=run.context.key(f"{path}:verify", state.occurrence),
            timeout=check.within + 60,
            subject=_subject(run, step, path),
        )
    )


def _subject(run: Run, step: PlanStep, path: str) -> dict[str, Any]:
    """What is verified: the step's own change, or the newest change made inside it."""
    inside = _paths_inside(step) | {path}
    changes = [change for change in run.state.changes if change.path in inside and change.state is ChangeState.OPEN]
    if changes:
        newest = changes[-1] if step.action else changes[0]
        return {"action": newest.action, "params": newest.params, "outputs": newest.outputs}
    state = run.state.step(path)
    return {"action": step.action, "params": state.params, "outputs": state.outputs}


def _paths_inside(step: PlanStep) -> set[str]:
    found: set[str] = set()
    for child in step.children():
        found |= {child.id} | _paths_inside(child)
    return found


def on_verified(run: Run, path: str, event: ActionDone) -> None:
    state = run.state.step(path)
    state.outputs = {**state.outputs, "verified": True, "verification": event.outputs}
    run.finish_step(path, StepStatus.OK)


def on_failed(run: Run, step: PlanStep, path: str, event: ActionFailed) -> None:
    """The action ended badly; where it may have landed all the same, it is taken back, or a person has to look."""
    spec = catalog().get(step.action)
    unknown = event.outcome in UNKNOWN_OUTCOMES
    if not unknown and event.code in ASK_INSTEAD and not step.bound_by and consent.open_gate(run, path):
        return
    if unknown and spec is not None and spec.effect.mutates:
        state = run.state.step(path)
        if spec.leased:
            remember(run, step, path, {"lease_id": run.context.key(path, state.occurrence)})
            recover(run, path, event.code, event.reason)
            return
        if spec.inverse:
            _stand(run, path, spec, {}, "it is not known whether it took effect")
    run.fail_step(path, event.code, event.reason)


def recover(run: Run, path: str, code: str, reason: str) -> None:
    """The change has no proven effect: take it back before the step counts as failed."""
    state = run.state.step(path)
    state.status, state.code, state.reason = StepStatus.RECOVERING, code, reason
    undo.progress_recovery(run, path)


def remember(run: Run, step: PlanStep, path: str, outputs: dict[str, Any]) -> bool:
    """Write down a change and how to take it back; false where that cannot be said, so that a person must look."""
    spec = catalog().get(step.action)
    if spec is None or not spec.effect.mutates or outputs.get("already") is True:
        return True
    own = step.undo if step.undo is not None and step.undo.action != "auto" else None
    inverse = own.action if own else (spec.inverse or "")
    if not inverse:
        return True
    params = run.state.step(path).params
    try:
        with_ = run.render(own.with_, item_of(run, step, path)) if own else _inverse_with(spec, params, outputs)
    except ValueProblem as problem:
        _stand(run, path, spec, outputs, problem.reason)
        return False
    run.state.changes.append(
        Change(path=path, action=spec.name, params=params, outputs=outputs, undo=inverse, undo_with=with_)
    )
    return True


def _inverse_with(spec: ActionSpec, params: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    try:
        return spec.undo_with(params, outputs) if spec.undo_with else {}
    except LookupError as error:
        raise ValueProblem("U002", f"{spec.name} did not say what it made") from error


def _stand(run: Run, path: str, spec: ActionSpec, outputs: dict[str, Any], reason: str) -> None:
    """A change that stands, or may stand, and that we cannot take back."""
    run.problem(f"{path}: {spec.name}: {reason}")
    params = run.state.step(path).params
    run.state.changes.append(
        Change(
            path=path, action=spec.name, params=params, outputs=outputs, state=ChangeState.STUCK, reason=reason[:300]
        )
    )
