"""What a node says about its step, in a few short lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from stanch.catalog import catalog
from stanch.durations import format_duration
from stanch.plan import Approve, PlanStep, StepKind, Wait
from stanch.shapes import is_dict, is_items
from stanch.sinks.text import one_line

_LONGEST = 200


def shown(value: Any) -> str:
    """A value of a plan as its author wrote it, on one line."""
    return one_line(_written(value), limit=_LONGEST)


def _written(value: Any) -> str:
    if is_dict(value) and set(value) == {"$"}:
        return "${{ " + str(value["$"]) + " }}"
    if is_dict(value) and set(value) == {"$t"}:
        return "".join(part if isinstance(part, str) else _written(part) for part in value["$t"])
    if is_items(value):
        return ", ".join(_written(item) for item in value)
    return str(value)


def span(value: Any) -> str:
    """Seconds as people write them, or the expression that gives them."""
    return format_duration(timedelta(seconds=value)) if isinstance(value, int | float) else shown(value)


def effect_of(step: PlanStep) -> str:
    """What a step does to the world; empty where it does nothing by itself."""
    spec = catalog().get(step.action)
    if spec is not None:
        return spec.effect.value
    return "change" if step.kind is StepKind.REVERT else ""


def lines_of(step: PlanStep) -> tuple[str, ...]:
    """Kind and particulars; the id is not among them."""
    return tuple(line for line in (*_kind(step), *_modifiers(step)) if line)


def _kind(step: PlanStep) -> Iterator[str]:
    if step.kind is StepKind.DO:
        yield step.action
    elif step.approve:
        yield from _approval(step.approve)
    elif step.wait:
        yield from _waiting(step.wait)
    elif step.kind is StepKind.REVERT:
        yield f"takes back {step.revert}"
    elif step.kind is StepKind.SET:
        yield f"sets {', '.join(step.set_)}"
    elif step.stop:
        yield f"ends the run: {step.stop.status}"
        yield shown(step.stop.reason)


def _approval(words: Approve) -> Iterator[str]:
    for need in words.need:
        yield f"{need.count} of {', '.join(need.from_)}"
    if words.options:
        yield f"options: {', '.join(words.options)}"
    yield f"within {span(words.expires)}, else {words.on_timeout}"


def _waiting(words: Wait) -> Iterator[str]:
    names = [each.event if each.after is None else f"{span(each.after)} pass" for each in words.events]
    yield f"{words.until} of: {', '.join(names)}" if len(names) > 1 else f"until {names[0]}"
    if words.timeout is not None:
        yield f"at most {span(words.timeout)}, then {words.on_timeout}"


def _modifiers(step: PlanStep) -> Iterator[str]:
    if step.when:
        yield f"when {step.when}"
    if step.foreach:
        yield f"for each of {shown(step.foreach.items)}"
    if step.bound_by:
        yield f"needs consent: {', '.join(step.bound_by)}"
    if "ttl" in step.with_:
        yield f"for {shown(step.with_['ttl'])}"
    if step.verify:
        yield f"proof: {step.verify.action}"
    yield from _ways_back(step)
    if step.failure == "continue":
        yield "goes on when it fails"


def _ways_back(step: PlanStep) -> Iterator[str]:
    spec = catalog().get(step.action)
    if step.undo:
        inverse = spec.inverse if spec and step.undo.action == "auto" else step.undo.action
        yield f"undo: {inverse or 'none'}"
    if step.irreversible:
        yield "cannot be undone"
    if step.renew:
        yield f"asks {step.renew.gate} again {span(step.renew.ask_before)} before the end"
