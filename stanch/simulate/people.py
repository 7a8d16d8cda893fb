"""Who is who in a simulation that names no people: every voter belongs to every group that is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stanch.plan import Plan
from stanch.playbooks.examples import Moment
from stanch.views import RouteView


def directory(plan: Plan, route: RouteView, timeline: Sequence[Moment]) -> dict[str, tuple[str, ...]]:
    """Users for every name that the plan's approvals and the route may ask."""
    voters = tuple(dict.fromkeys(moment.by for moment in timeline if moment.by))
    return {name: _members(name, voters) for name in _names(plan, route)}


def _members(name: str, voters: tuple[str, ...]) -> tuple[str, ...]:
    if name.startswith("user:"):
        return tuple(dict.fromkeys((name, *voters)))
    base = name.partition(":")[2] or name
    return (*voters, f"user:{base}-1", f"user:{base}-2")


def _names(plan: Plan, route: RouteView) -> Iterable[str]:
    names = {plan.owner, route.assignee, route.owner.id, route.owner.lead, *route.cc, *route.notify}
    for step in plan.walk().values():
        if step.approve:
            names.update(name for need in step.approve.need for name in need.from_)
            names.update(name for rung in step.approve.escalate for name in rung.to)
    return sorted(name for name in names if name and not name.startswith(("route.", "run.")))
