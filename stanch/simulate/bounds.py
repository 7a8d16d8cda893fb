"""What a plan promises before it runs: how long containment takes at the most, whom it asks, how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from stanch.catalog import catalog
from stanch.durations import parse_duration
from stanch.plan import Plan, PlanStep, StepKind
from stanch.shapes import is_dict
from stanch.simulate.report import Report

_INPUT = "inputs."
_WAIT = 2_592_000.0  # what a wait without a timeout of its own is counted as: 30 days


@dataclass(frozen=True)
class Containment:
    """The longest time until the last change stands, while every action works.

    Questions are answered at the last moment, waits last to their end, actions as long as they may, proofs as well.

    Args:
        longest: None where the plan changes nothing, or where a wait's length is known only at run time.
        parts: what the time is made of, in order.
        unknown: steps whose length is known only at run time.
    """

    longest: timedelta | None
    parts: tuple[tuple[str, timedelta], ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class WayBack:
    """How a change is taken back; `by` is an action, or why there is none."""

    step: str
    action: str
    by: str


@cache
def _inverses() -> frozenset[str]:
    return frozenset(spec.inverse for spec in catalog().values() if spec.inverse)


def contains(step: PlanStep) -> bool:
    """Whether the step changes production, other than by taking something back or only counting."""
    spec = catalog().get(step.action)
    return spec is not None and spec.effect.mutates and spec.name not in {"block.count", *_inverses()}


def containment(plan: Plan) -> Containment:
    """The bound for a whole plan."""
    steps = list(plan.steps)
    last = max((number for number, step in enumerate(steps) if _changes(step)), default=None)
    if last is None:
        return Containment(None)
    parts = [part for step in steps[: last + 1] for part in _longest(step, plan)]
    unknown = tuple(name for name, length in parts if length is None)
    known = tuple((name, timedelta(seconds=length)) for name, length in parts if length)
    total = None if unknown else sum((length for _, length in known), timedelta(0))
    return Containment(total, known, unknown)


def ways_back(report: Report) -> tuple[WayBack, ...]:
    """For what a simulated run has changed, newest first."""
    found: list[WayBack] = []
    for effect in report.effects:
        spec = catalog().get(effect.action)
        if spec and effect.ok and effect.purpose == "do" and spec.effect.mutates and spec.name not in _inverses():
            found.append(WayBack(effect.step, effect.action, spec.inverse or "nothing: it cannot be undone"))
    return tuple(reversed(found))


def _changes(step: PlanStep) -> bool:
    return contains(step) or any(_changes(child) for child in step.children())


def _longest(step: PlanStep, plan: Plan) -> list[tuple[str, float | None]]:
    """What a step adds; alongside steps hold nothing up."""
    if step.alongside:
        return []
    if step.branches:
        return _worst([branch.steps for branch in step.branches], plan) + _proof(step)
    if step.kind is StepKind.PARALLEL:
        return _worst([(child,) for child in step.steps], plan) + _proof(step)
    own = [(step.id, length) for length in _own(step, plan)]
    return own + [part for child in step.steps for part in _longest(child, plan)] + _proof(step)


def _worst(choices: Sequence[Sequence[PlanStep]], plan: Plan) -> list[tuple[str, float | None]]:
    """The branch that may take longest; one that cannot be known counts as that."""
    found = [[part for step in steps for part in _longest(step, plan)] for steps in choices]
    return max(found, key=_weight) if found else []


def _weight(parts: list[tuple[str, float | None]]) -> float:
    lengths = [length for _, length in parts]
    return float("inf") if None in lengths else sum(length or 0.0 for length in lengths)


def _proof(step: PlanStep) -> list[tuple[str, float | None]]:
    return [(f"{step.id}: proof", step.verify.within)] if step.verify else []


def _own(step: PlanStep, plan: Plan) -> Iterator[float | None]:
    if step.approve:
        yield _seconds(step.approve.expires, plan)
    elif step.wait:
        yield _wait(step, plan)
    elif step.kind is StepKind.DO:
        spec = catalog().get(step.action)
        yield step.timeout or (spec.attempt.total_seconds() if spec else 0.0)


def _wait(step: PlanStep, plan: Plan) -> float | None:
    assert step.wait is not None
    timers = [_seconds(event.after, plan) for event in step.wait.events if event.after is not None]
    if len(timers) == len(step.wait.events) and None not in timers:
        known = [timer for timer in timers if timer is not None]
        return max(known) if step.wait.until == "all" else min(known)
    return _seconds(step.wait.timeout, plan) if step.wait.timeout is not None else _WAIT


def _seconds(value: Any, plan: Plan) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    source = str(value.get("$", "")) if is_dict(value) else ""
    given = plan.inputs.get(source.removeprefix(_INPUT)) if source.startswith(_INPUT) else None
    return parse_duration(given).total_seconds() if isinstance(given, str) else None
