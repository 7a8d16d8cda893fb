"""May a run begin, or is another one with the same concurrency key ahead of it?"""

from __future__ import annotations

from dataclasses import dataclass

from stanch.canonical import digest
from stanch.cases import present
from stanch.contract import Resolve
from stanch.errors import ConfigError, DependencyError
from stanch.interpreter.context import RunContext
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import CoreState
from stanch.plan import Plan
from stanch.playbooks.evaluator import evaluator_for
from stanch.playbooks.turns import waiting
from stanch.records import Records
from stanch.views import FindingView, RouteView


@dataclass(frozen=True)
class Turn:
    """What becomes of a run.

    Args:
        plan: what it does; None where it leaves the matter to the case ahead.
        why: in words, "" where nobody is ahead.
        calls_off: cases whose runs are to end, so that this one can begin.
    """

    plan: Plan | None
    why: str = ""
    calls_off: tuple[str, ...] = ()


def turn_of(plan: Plan, records: Records, question: Resolve, finding: FindingView, route: RouteView) -> Turn:
    """Stand in line, where the playbook has a concurrency key; a plan without one is as it is."""
    if plan.concurrency_key is None:
        return Turn(plan)
    try:
        key = _key(plan, question, finding, route)
        stays = plan.on_conflict != "skip"
        ahead = records.take_turn(key, question.case_id, now=question.now, stays=stays) if key else ()
    except (ValueProblem, DependencyError):
        return Turn(plan, "whether another run is ahead cannot be told, so it does not wait")
    if not ahead:
        return Turn(plan)
    if plan.on_conflict == "skip":
        return Turn(None, f"left to {ahead[0]}, which is at it")
    try:
        made = waiting(plan)
    except ConfigError:
        return Turn(plan, "the plan is too large to wait for a turn")
    calls_off = ahead if plan.on_conflict == "replace" else ()
    words = {"attach": "attached to", "queue": "waits for", "replace": "replaces"}[plan.on_conflict]
    return Turn(made, f"{words} {ahead[0]}", calls_off)


def _key(plan: Plan, question: Resolve, finding: FindingView, route: RouteView) -> str:
    """The line's name: of this playbook and the key's text; "" for an empty key, which is shared with nobody.

    Raises:
        ValueProblem: the key has no value.
    """
    context = RunContext(
        plan=plan,
        finding=present(finding),
        route=present(route),
        case_id=question.case_id,
        episode="",
        evaluator=evaluator_for(plan),
        inputs=plan.inputs,
        mode=plan.mode,
    )
    run = Run(context=context, state=CoreState(), now=question.now)
    run.state.vars = {name: run.render(value) for name, value in plan.vars.items()}
    text = str(run.render(plan.concurrency_key))
    return digest([plan.playbook, text])[:32] if text else ""
