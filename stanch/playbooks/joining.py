"""Companions: playbooks that notify, record and read beside the one that acts, in one plan with it."""

from __future__ import annotations

from collections.abc import Sequence

from stanch.errors import ConfigError
from stanch.plan import Mode, Plan, PlanStep, StepKind, Stop
from stanch.playbooks.compile import sealed
from stanch.playbooks.inlining import inlined, own_inputs
from stanch.playbooks.renaming import CannotRename
from stanch.playbooks.selection import Choice


def joined(choice: Choice) -> tuple[Plan | None, str]:
    """The plan of a case with its companions, and words about them.

    A companion that fails or lasts delays no step of the primary. Where there is no primary the companions run and a
    person decides what else is done, as without them.
    """
    if not choice.companions:
        return choice.plan, ""
    names = ", ".join(plan.playbook for plan in choice.companions)
    try:
        steps = tuple(_beside(plan) for plan in choice.companions)
        made = _alone(choice.companions, steps) if choice.plan is None else _together(choice.plan, steps)
    except (ConfigError, CannotRename):
        return choice.plan, f"too much for one plan, so left out: {names}"
    return made, f"beside it: {names}"


def _beside(plan: Plan) -> PlanStep:
    """A companion as a step; no author can write an id that starts with a line, so that none is met."""
    at = f"_{plan.playbook}"
    parts = inlined(plan, at=at, inputs=own_inputs(plan))
    return PlanStep(id=at, kind=StepKind.PLAYBOOK, alongside=True, failure="continue", **parts)


def _together(primary: Plan, steps: tuple[PlanStep, ...]) -> Plan:
    return sealed(primary.model_copy(update={"steps": (*steps, *primary.steps)}))


def _alone(companions: Sequence[Plan], steps: tuple[PlanStep, ...]) -> Plan:
    first = companions[0]
    waited = tuple(step.model_copy(update={"alongside": False}) for step in steps)
    all_of_them = PlanStep(id="_companions", kind=StepKind.PARALLEL, steps=waited, failure="continue")
    reason = "no playbook is for this finding, so a person decides"
    end = PlanStep(id="_nobody", kind=StepKind.STOP, stop=Stop(status="failed", reason=reason))
    return sealed(
        Plan(
            engine=first.engine,
            playbook=first.playbook,
            title=first.title,
            owner=first.owner,
            mode=Mode.MANUAL,
            role="companion",
            source=first.source,
            steps=(all_of_them, end),
        )
    )
