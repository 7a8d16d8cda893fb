"""What an exported step says to the person who carries it out, and what its extension keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stanch.catalog import catalog
from stanch.graph import lines_of, shown
from stanch.plan import PlanStep, StepKind

_CHILDREN = {"steps", "branches", "failure_steps", "otherwise", "on_reject"}


def particulars_of(step: PlanStep) -> dict[str, Any]:
    """The step as the plan has it, without the steps inside it."""
    kept = step.model_dump(mode="json", exclude=_CHILDREN, exclude_none=True)
    return {"step": {name: value for name, value in kept.items() if value not in ("", [], {})}}


def description_of(step: PlanStep) -> str:
    return "; ".join(lines_of(step)) or step.kind.value


def command_of(step: PlanStep) -> str:
    """An instruction in words."""
    return " ".join(_told(step))


def _told(step: PlanStep) -> Iterator[str]:
    if step.kind is StepKind.DO:
        spec = catalog().get(step.action)
        yield f"{spec.title if spec else step.action} ({step.action})."
        given = ", ".join(f"{name}: {shown(value)}" for name, value in step.with_.items())
        yield f"Parameters: {given}." if given else "No parameters."
    elif step.approve:
        yield f"Ask: {shown(step.approve.ask)}"
        yield f"Needed: {'; '.join(lines_of(step))}."
    else:
        yield f"{'; '.join(lines_of(step)) or step.kind.value}."
    yield from _proof(step)


def _proof(step: PlanStep) -> Iterator[str]:
    if step.foreach:
        yield f"Do this for each of {shown(step.foreach.items)}, at most {step.foreach.max_items} times."
    if step.verify:
        yield f"Afterwards prove that it works ({step.verify.action}); where it does not, take it back."
