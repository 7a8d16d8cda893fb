"""Compares two versions of one change of production: how long, how wide, and how it is proven and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanch.comparing._model import Change, risk, safer
from stanch.durations import parse_duration
from stanch.graph import shown
from stanch.plan import Plan, PlanStep
from stanch.shapes import is_dict

_INPUT = "inputs."
_NARROWING = ("method", "methods", "principal", "ips")


def changes_compared(old: tuple[PlanStep, Plan], new: tuple[PlanStep, Plan]) -> Iterator[Change]:
    (before, _), (after, _) = old, new
    yield from _length(old, new)
    yield from _width(before, after)
    yield from ways_back_compared(before, after)
    for name in sorted(set(before.bound_by) - set(after.bound_by)):
        yield risk("consent.removed", f"no longer needs the consent of {name!r}", after.id)
    if before.foreach and after.foreach and after.foreach.max_items > before.foreach.max_items:
        yield risk(
            "foreach.more", f"up to {after.foreach.max_items} times instead of {before.foreach.max_items}", after.id
        )
    if after.foreach and not before.foreach:
        yield risk("foreach.more", f"once for each of a list, up to {after.foreach.max_items} times", after.id)


def _length(old: tuple[PlanStep, Plan], new: tuple[PlanStep, Plan]) -> Iterator[Change]:
    (before, plan), (after, plan2) = old, new
    first, second = before.with_.get("ttl"), after.with_.get("ttl")
    was, now = _seconds(first, plan), _seconds(second, plan2)
    if was is not None and now is not None and was != now:
        longer = now > was
        told = f"lasts {'longer' if longer else 'shorter'}: {_span(second, plan2)} instead of {_span(first, plan)}"
        yield (risk if longer else safer)("change.length", told, after.id)
    elif first != second and (was is None or now is None):
        told = f"lasts {shown(second) if second else 'as long as the action says'}"
        yield risk("change.length", f"{told}; it was {shown(first) if first else 'not said'}", after.id)


def _literal(value: Any, plan: Plan) -> Any:
    """The value as it is by default, where it is a literal or an input alone."""
    source = str(value.get("$", "")) if is_dict(value) else ""
    return plan.inputs.get(source.removeprefix(_INPUT)) if source.startswith(_INPUT) else value


def _seconds(value: Any, plan: Plan) -> float | None:
    text = _literal(value, plan)
    try:
        return parse_duration(text).total_seconds() if isinstance(text, str) else None
    except ValueError:
        return None


def _span(value: Any, plan: Plan) -> str:
    return str(_literal(value, plan))


def _width(before: PlanStep, after: PlanStep) -> Iterator[Change]:
    """Parameters that narrow a change count; every other difference needs a look as well."""
    for name in sorted(before.with_.keys() | after.with_.keys()):
        first, second = before.with_.get(name), after.with_.get(name)
        if name == "ttl" or first == second:
            continue
        if name in _NARROWING and second is None:
            yield risk("change.wider", f"hits more: no longer only {name} {shown(first)}", after.id)
        elif name in _NARROWING and first is None:
            yield safer("change.narrower", f"hits less: only {name} {shown(second)}", after.id)
        elif name == "path" and second in ("/**", None):
            yield risk("change.wider", f"hits more: every path instead of {shown(first)}", after.id)
        else:
            was = "nothing" if first is None else shown(first)
            now = "nothing" if second is None else shown(second)
            yield risk("change.parameters", f"{name} is {now} instead of {was}", after.id)


def ways_back_compared(before: PlanStep, after: PlanStep) -> Iterator[Change]:
    """How a step is proven and taken back; a group of changes may be proven as one."""
    pairs = (
        ("undo", "is no longer taken back when something fails", "is taken back when something fails"),
        ("verify", "is no longer proven to work", "is proven to work"),
    )
    for name, gone, come in pairs:
        first, second = getattr(before, name), getattr(after, name)
        if first and not second:
            yield risk(f"{name}.removed", gone, after.id)
        elif second and not first:
            yield safer(f"{name}.added", come, after.id)
        elif first != second:
            how = f"{second.action} instead of {first.action}" if first.action != second.action else "other parameters"
            yield risk(f"{name}.changed", f"another {name}: {how}", after.id)
    if after.irreversible and not before.irreversible:
        yield risk("change.irreversible", "is marked as what cannot be undone", after.id)
    if after.renew and not before.renew:
        yield risk("renew.added", "may be prolonged again and again", after.id)
    if after.failure == "continue" and before.failure == "fail":
        yield risk("failure.continues", "a failure no longer ends the run and takes everything back", after.id)
