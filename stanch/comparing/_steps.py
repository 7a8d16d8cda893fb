"""Compares steps of the same id, and tells of those that came and went."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.catalog import Effect
from stanch.comparing._approvals import approvals_compared
from stanch.comparing._changes import changes_compared, ways_back_compared
from stanch.comparing._conditions import compared
from stanch.comparing._model import Change, other, risk, safer
from stanch.graph import effect_of
from stanch.plan import Plan, PlanStep, StepKind
from stanch.simulate.bounds import contains


def steps_compared(old: Plan, new: Plan) -> Iterator[Change]:
    """Differences of all steps, in the order of the new playbook."""
    before, after = old.walk(), new.walk()
    for name, step in after.items():
        if name not in before:
            yield from _came(step)
        else:
            yield from _both(before[name], step, old, new)
    for name, step in before.items():
        if name not in after:
            yield from _went(step)
    yield from _order(list(before), list(after), after)


def _came(step: PlanStep) -> Iterator[Change]:
    effect = effect_of(step)
    if step.kind is StepKind.APPROVE:
        yield safer("approval.added", f"asks people: {step.id!r}", step.id)
    elif step.kind is StepKind.REVERT:
        yield safer("revert.added", f"takes back {step.revert!r}", step.id)
    elif effect == "irreversible":
        yield risk("change.irreversible", f"adds what cannot be undone: {step.action}", step.id)
    elif contains(step):
        yield risk("change.added", f"adds a change of production: {step.action}", step.id)
    else:
        yield other("step.added", f"adds {step.action or step.kind.value}", step.id)


def _went(step: PlanStep) -> Iterator[Change]:
    if step.kind is StepKind.APPROVE:
        yield risk("approval.removed", f"removes the approval {step.id!r}", step.id)
    elif step.kind is StepKind.REVERT:
        yield risk("revert.removed", f"no longer takes back {step.revert!r} by itself", step.id)
    elif contains(step):
        yield safer("change.removed", f"no longer does {step.action}", step.id)
    elif step.action.startswith("evidence."):
        yield risk("evidence.removed", f"no longer preserves evidence: {step.action}", step.id)
    elif effect_of(step) == Effect.NOTIFY.value:
        yield risk("notice.removed", f"tells fewer people: no longer does {step.action}", step.id)
    else:
        yield other("step.removed", f"no longer does {step.action or step.kind.value}", step.id)


def _both(before: PlanStep, after: PlanStep, old: Plan, new: Plan) -> Iterator[Change]:
    if before.kind is not after.kind or (before.action != after.action and contains(before) != contains(after)):
        yield from (*_went(before), *_came(after))
        return
    if before.action != after.action:
        weight = risk if contains(after) else other
        yield weight("action.changed", f"does {after.action} instead of {before.action}", after.id)
    if before.approve and after.approve:
        yield from approvals_compared(after.id, before.approve, after.approve)
    if contains(after) or after.kind in (StepKind.APPROVE, StepKind.REVERT):
        yield from _when(before, after)
    if contains(after):
        yield from changes_compared((before, old), (after, new))
    elif before.verify or after.verify:
        yield from ways_back_compared(before, after)


def _when(before: PlanStep, after: PlanStep) -> Iterator[Change]:
    """A question or a taking back that happens less often is the risk there, not the other way round."""
    for change in compared(before.when, after.when, what="condition", subject="runs in", step=after.id):
        if contains(after) or change.what.endswith("changed"):
            yield change
        elif change.what.endswith("narrower"):
            yield risk(change.what, change.message, after.id)
        else:
            yield safer(change.what, change.message, after.id)


def _order(before: list[str], after: list[str], steps: dict[str, PlanStep]) -> Iterator[Change]:
    """A change that now comes before what it used to follow."""
    place, was = {name: at for at, name in enumerate(after)}, {name: at for at, name in enumerate(before)}
    for name in after:
        if name not in was or not contains(steps[name]):
            continue
        passed = [each for each in after if each in was and was[each] < was[name] and place[each] > place[name]]
        if passed:
            yield risk("order.earlier", f"runs before {', '.join(passed)} now", name)
