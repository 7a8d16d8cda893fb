"""A playbook inside another one's plan: the same steps under names of their own, so that nothing can be mixed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanch.plan import Approve, Awaited, Branch, Plan, PlanStep, Stop, Wait
from stanch.plan_called import Called, CalledInput
from stanch.playbooks.model import Playbook
from stanch.playbooks.renaming import Renaming

SEPARATOR = "__"


@dataclass(frozen=True)
class Callee:
    """A playbook that others may call: as written, and compiled."""

    playbook: Playbook
    plan: Plan


def inner_name(at: str, name: str) -> str:
    """What a step of a called playbook is called in the plan of its caller."""
    return f"{at}{SEPARATOR}{name}"


def given_inputs(callee: Callee, given: Mapping[str, Any]) -> dict[str, CalledInput]:
    """What each input of a playbook gets, with its bounds; where nothing is given, what its plan has.

    Args:
        callee: what is called.
        given: values in plan form, by input.
    """
    return {
        name: CalledInput(
            value=given.get(name, callee.plan.inputs[name]),
            type=setting.type,
            min=setting.min,
            max=setting.max,
            choices=setting.choices,
        )
        for name, setting in callee.playbook.inputs.items()
    }


def own_inputs(plan: Plan) -> dict[str, CalledInput]:
    """The inputs of a plan as they are: checked when it was compiled."""
    return {name: CalledInput(value=value, type=plan.input_types[name]) for name, value in plan.inputs.items()}


def inlined(plan: Plan, *, at: str, inputs: Mapping[str, CalledInput]) -> dict[str, Any]:
    """What the step `at` that runs a plan consists of: `called`, `steps` and `last`.

    Raises:
        CannotRename: an expression uses a name of ours for something else.
    """
    rename = Renaming(at + SEPARATOR)
    called = Called(
        playbook=plan.playbook,
        digest=plan.digest,
        inputs={rename.prefix + name: setting for name, setting in inputs.items()},
        vars=rename.keyed(plan.vars),
        guard=tuple(map(rename.expression, plan.guard)),
        outputs={name: rename.value(value) for name, value in plan.outputs.items()},
    )
    mover = _Mover(rename, at)
    return {"called": called, "steps": mover.all(plan.steps), "last": mover.all(plan.finally_)}


class _Mover:
    """Gives the steps of a plan their new names."""

    def __init__(self, rename: Renaming, at: str) -> None:
        self._rename, self._at = rename, at

    def all(self, steps: tuple[PlanStep, ...]) -> tuple[PlanStep, ...]:
        return tuple(self._step(step) for step in steps)

    def _step(self, step: PlanStep) -> PlanStep:
        lists = ("failure_steps", "otherwise", "on_reject", "steps", "last")
        return step.model_copy(
            update={
                "id": self._name(step.id),
                "needs": (),
                **{name: self.all(getattr(step, name)) for name in lists},
                **self._own(step),
                **self._linked(step),
                **self._changing(step),
            }
        )

    def _name(self, name: str) -> str:
        return self._rename.prefix + name

    def _own(self, step: PlanStep) -> dict[str, Any]:
        rename, loop = self._rename, step.foreach
        return {
            "when": rename.expression(step.when) if step.when else step.when,
            "with_": rename.value(step.with_),
            "set_": rename.keyed(step.set_),
            "foreach": loop.model_copy(update={"items": rename.value(loop.items)}) if loop else None,
            "branches": tuple(self._branch(branch) for branch in step.branches),
        }

    def _linked(self, step: PlanStep) -> dict[str, Any]:
        return {
            "revert": self._name(step.revert) if step.revert else "",
            "bound_by": tuple(map(self._name, step.bound_by)),
            "renew": step.renew.model_copy(update={"gate": self._name(step.renew.gate)}) if step.renew else None,
            "approve": self._approve(step.approve) if step.approve else None,
            "wait": self._wait(step.wait) if step.wait else None,
            "stop": self._stop(step.stop) if step.stop else None,
            "called": self._called(step.called) if step.called else None,
        }

    def _changing(self, step: PlanStep) -> dict[str, Any]:
        parts = {"verify": step.verify, "undo": step.undo}
        return {
            name: part.model_copy(update={"with_": self._rename.value(part.with_)}) if part else None
            for name, part in parts.items()
        }

    def _branch(self, branch: Branch) -> Branch:
        when = self._rename.expression(branch.when) if branch.when else branch.when
        return branch.model_copy(update={"when": when, "steps": self.all(branch.steps)})

    def _approve(self, asks: Approve) -> Approve:
        rename = self._rename
        return asks.model_copy(
            update={
                "ask": rename.value(asks.ask),
                "binds": tuple(map(self._name, asks.binds)),
                "show": tuple(map(rename.expression, asks.show)),
                "expires": rename.value(asks.expires),
            }
        )

    def _wait(self, wait: Wait) -> Wait:
        events = tuple(self._awaited(item) for item in wait.events)
        return wait.model_copy(update={"events": events, "timeout": self._rename.value(wait.timeout)})

    def _awaited(self, item: Awaited) -> Awaited:
        with_ = self._rename.value(item.with_)
        return item.model_copy(update={"after": self._rename.value(item.after), "with_": with_})

    def _stop(self, stop: Stop) -> Stop:
        ends = self._name(stop.ends) if stop.ends else self._at
        return stop.model_copy(update={"reason": self._rename.value(stop.reason), "ends": ends})

    def _called(self, called: Called) -> Called:
        rename = self._rename
        inputs = {
            rename.prefix + name: item.model_copy(update={"value": rename.value(item.value)})
            for name, item in called.inputs.items()
        }
        return called.model_copy(
            update={
                "inputs": inputs,
                "vars": rename.keyed(called.vars),
                "guard": tuple(map(rename.expression, called.guard)),
                "outputs": rename.value(called.outputs),
            }
        )
