"""How `stanch playbook simulate` tells a plan and its run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stanch.cli.playbook_files import say

if TYPE_CHECKING:
    from stanch.plan import Plan, PlanStep
    from stanch.simulate import Report


def as_json(plan: Plan, report: Report) -> dict[str, Any]:
    """Report and promises together."""
    from stanch.durations import format_duration
    from stanch.simulate.bounds import containment, ways_back

    bound = containment(plan)
    return {
        **report.as_json(),
        "plan": [{"step": step.id, "kind": step.kind.value, "tells": list(lines)} for _, step, lines in _steps(plan)],
        "approvals_needed": [{"step": name, "needs": needs} for name, needs in _approvals(plan)],
        "containment": {
            "longest": format_duration(bound.longest) if bound.longest is not None else None,
            "parts": [{"step": name, "longest": format_duration(length)} for name, length in bound.parts],
            "unknown": list(bound.unknown),
        },
        "undo_path": [asdict(way) for way in ways_back(report)],
    }


def show_promises(plan: Plan, report: Report) -> None:
    """Plan, approvals, the longest time until containment, and the way back, in words."""
    from stanch.simulate.bounds import ways_back

    say(f"plan ({plan.mode.value}, {plan.digest[:12]}):")
    for depth, step, lines in _steps(plan):
        say(f"  {'  ' * depth}{step.id}: {'; '.join(lines)}")
    say("approvals needed:")
    for name, needs in _approvals(plan) or [("none", "nobody is asked")]:
        say(f"  {name}: {needs}")
    say(f"containment: {_bound(plan)}")
    say("undo path:")
    for line in [f"{way.step}: {way.action}, undone by {way.by}" for way in ways_back(report)] or [
        "nothing was changed"
    ]:
        say(f"  {line}")


def _bound(plan: Plan) -> str:
    from stanch.durations import format_duration
    from stanch.simulate.bounds import containment

    bound = containment(plan)
    if bound.unknown:
        return f"its longest time is known only at run time, because of {', '.join(bound.unknown)}"
    if bound.longest is None:
        return "this playbook changes nothing"
    parts = ", ".join(f"{name} {format_duration(length)}" for name, length in bound.parts)
    return f"at the latest after {format_duration(bound.longest)} while every action works ({parts})"


def _steps(plan: Plan) -> Iterator[tuple[int, PlanStep, tuple[str, ...]]]:
    """Every step with its depth, in written order."""
    from stanch.graph import lines_of

    waiting: list[tuple[int, PlanStep]] = [(0, step) for step in (*plan.steps, *plan.finally_)]
    while waiting:
        depth, step = waiting.pop(0)
        yield depth, step, lines_of(step) or (step.kind.value,)
        waiting = [(depth + 1, child) for child in step.children()] + waiting


def _approvals(plan: Plan) -> list[tuple[str, str]]:
    from stanch.graph import span

    found: list[tuple[str, str]] = []
    for step in plan.walk().values():
        if words := step.approve:
            needs = " and ".join(f"{need.count} of {', '.join(need.from_)}" for need in words.need)
            without = f", not {', '.join(words.not_by)}" if words.not_by else ""
            found.append((step.id, f"{needs}{without}, within {span(words.expires)}"))
    return found
