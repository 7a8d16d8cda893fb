"""A simulated run in which everybody agrees at once and the world does its part: the furthest that a playbook goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from stanch.plan import Plan, PlanStep
from stanch.playbooks.examples import Moment
from stanch.simulate.driver import Setting, simulate
from stanch.simulate.report import Report
from stanch.views import FindingView, RouteView

_ROUNDS = 20
_STEP = timedelta(minutes=1)
_WORLD = ("ticket.resolved", "finding.rescan_clean")


def simulate_consenting(
    plan: Plan, finding: FindingView, route: RouteView | None = None, *, setting: Setting | None = None
) -> Report:
    """Run a plan, answer every question with yes or its first option, and let tickets be resolved.

    Raises:
        TooLong: the run does not come to rest.
    """
    given = setting or Setting()
    steps, told = plan.walk(), list(given.timeline)
    asked: set[str] = set()
    report = simulate(plan, finding, route, setting=replace(given, timeline=told))
    for _ in range(_ROUNDS):
        open_asks = [line.step for line in report.approvals if line.outcome == "open" and line.step not in asked]
        waits = [name for name in report.waiting_on if name in steps and steps[name].wait and name not in asked]
        more = [*_answers(open_asks, steps, at=_later(told)), *(_facts(at=_later(told, 5)) if waits else ())]
        if not more:
            break
        asked |= {*open_asks, *waits}
        told += more
        report = simulate(plan, finding, route, setting=replace(given, timeline=told))
    return report


def _later(told: list[Moment], steps: int = 1) -> timedelta:
    return max((moment.at for moment in told), default=timedelta(0)) + steps * _STEP


def _answers(names: list[str], steps: dict[str, PlanStep], *, at: timedelta) -> Iterator[Moment]:
    for name in names:
        step = steps.get(name.partition(":")[0].partition("#")[0])
        words = step.approve if step else None
        if words and words.options:
            yield Moment(at=at, choose=name, option=words.options[0], by="user:voter-1")
            continue
        for number in range(sum(need.count for need in words.need) if words else 1):
            yield Moment(at=at, approve=name, by=f"user:voter-{number + 1}")


def _facts(*, at: timedelta) -> tuple[Moment, ...]:
    return tuple(Moment(at=at, event=event) for event in _WORLD)
