"""Which alongside steps a step has to wait for: those whose results its own expressions read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stanch.expressions import references
from stanch.plan import Plan, PlanStep
from stanch.plan_called import Called
from stanch.playbooks.values import sources


def with_needs(plan: Plan) -> Plan:
    """The plan with `needs` filled in."""
    steps = plan.walk()
    alongside = frozenset(name for name, step in steps.items() if step.alongside)
    return plan.model_copy(
        update={
            "steps": tuple(_filled(step, steps, alongside) for step in plan.steps),
            "finally_": tuple(_filled(step, steps, alongside) for step in plan.finally_),
        }
    )


def _filled(step: PlanStep, steps: Mapping[str, PlanStep], alongside: frozenset[str]) -> PlanStep:
    read = {name for source in _own(step, steps) for name in _steps_in(source)}
    branches = tuple(
        branch.model_copy(update={"steps": tuple(_filled(child, steps, alongside) for child in branch.steps)})
        for branch in step.branches
    )
    lists = ("steps", "last", "failure_steps", "otherwise", "on_reject")
    inner = {name: tuple(_filled(child, steps, alongside) for child in getattr(step, name)) for name in lists}
    needs = tuple(sorted((read & alongside) - {step.id}))
    called = _called(step.called, alongside) if step.called else None
    return step.model_copy(update={"needs": needs, "branches": branches, "called": called, **inner})


def _called(called: Called, alongside: frozenset[str]) -> Called:
    read = {name for source in sources(called.outputs) for name in _steps_in(source)}
    return called.model_copy(update={"needs": tuple(sorted(read & alongside))})


def _steps_in(source: str) -> Iterator[str]:
    for name in references(source):
        parts = name.split(".")
        if parts[0] == "steps" and len(parts) > 1:
            yield parts[1]


def _own(step: PlanStep, steps: Mapping[str, PlanStep]) -> Iterator[str]:
    """Every expression the step evaluates itself; an approval renders what it binds."""
    yield from [step.when] if step.when else []
    yield from (branch.when for branch in step.branches if branch.when)
    values = [step.with_, step.set_, step.foreach.items if step.foreach else None]
    values += [step.verify.with_ if step.verify else None, step.undo.with_ if step.undo else None]
    values += [step.stop.reason if step.stop else None]
    if step.called:
        yield from step.called.guard
        values += [*(item.value for item in step.called.inputs.values()), step.called.vars]
    if step.wait:
        values += [step.wait.timeout, *(item.after for item in step.wait.events), *(i.with_ for i in step.wait.events)]
    if step.approve:
        yield from step.approve.show
        values += [step.approve.ask, step.approve.expires, *(steps[name].with_ for name in step.approve.binds)]
    yield from (source for value in values for source in sources(value))
