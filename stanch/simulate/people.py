"""Who is who in a simulation: asked of the directory, or, without one, every voter belongs to every group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stanch.plan import Plan
from stanch.playbooks.examples import Moment
from stanch.views import RouteView


def directory(plan: Plan, route: RouteView, timeline: Sequence[Moment]) -> dict[str, tuple[str, ...]]:
    """Users for every name that the plan's approvals and the route may ask."""
    voters = tuple(dict.fromkeys(moment.by for moment in timeline if moment.by))
    return {name: _members(name, voters) for name in names_of(plan, route)}


def resolved(plan: Plan, route: RouteView, resolve: Callable[[str], Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The same from a directory; a name that leads to nobody stays nobody."""
    return {name: tuple(resolve(name)) for name in names_of(plan, route)}


def names_of(plan: Plan, route: RouteView) -> list[str]:
    """Every name of people that a run may have to resolve."""
    names = {plan.owner, route.assignee, route.owner.id, route.owner.lead, *route.cc, *route.notify}
    for step in plan.walk().values():
        if step.approve:
            names.update(name for need in step.approve.need for name in need.from_)
            names.update(name for rung in step.approve.escalate for name in rung.to)
            names.update(step.approve.not_by)
        if step.wait:
            names.update(step.wait.remind_to)
    return sorted(name for name in names if name and not name.startswith(("route.", "run.", "ticket.")))


def _members(name: str, voters: tuple[str, ...]) -> tuple[str, ...]:
    if name.startswith("user:"):
        return tuple(dict.fromkeys((name, *voters)))
    base = name.partition(":")[2] or name
    return (*voters, f"user:{base}-1", f"user:{base}-2")
