"""From a checked playbook to its plan: plain JSON with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stanch.canonical import canonical
from stanch.durations import format_duration
from stanch.errors import ConfigError, Problem
from stanch.expressions import ENGINE
from stanch.plan import (
    Limits,
    Mode,
    Plan,
)
from stanch.playbooks.checks.inputs import InputError, read_input
from stanch.playbooks.compile_steps import step_of
from stanch.playbooks.model import (
    Playbook,
)
from stanch.playbooks.needs import with_needs
from stanch.playbooks.tree import tree_of
from stanch.playbooks.values import compiled

MAX_PLAN_BYTES = 256 * 1024  # a plan travels in a workflow's input


def compile_plan(playbook: Playbook, *, source: str = "", inputs: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a playbook that `load_playbook` has checked.

    Args:
        playbook: as it was loaded.
        source: name of the file, for people.
        inputs: values a deployment gives in place of the defaults.

    Raises:
        ConfigError: P109, an input does not exist or its value does not fit.
    """
    tree = tree_of(playbook)
    limits = playbook.limits
    plan = Plan(
        engine=ENGINE,
        playbook=playbook.id,
        title=playbook.title,
        owner=playbook.owner,
        mode=Mode(playbook.mode),
        role=playbook.on.role,
        source=source,
        inputs=_inputs(playbook, inputs or {}),
        input_types={name: item.type for name, item in playbook.inputs.items()},
        vars=compiled(playbook.vars),
        guard=playbook.guard,
        limits=Limits(runs=limits.runs, changes=limits.changes, per_host=limits.per_host) if limits else Limits(),
        concurrency_key=compiled(playbook.concurrency.key) if playbook.concurrency else None,
        steps=tuple(step_of(step, tree) for step in playbook.steps),
        finally_=tuple(step_of(step, tree) for step in playbook.finally_),
        outputs=compiled(playbook.outputs),
    )
    linked = with_needs(plan)
    body = linked.model_dump(mode="json", exclude={"digest", "source"})
    form = canonical(body)
    if len(form) > MAX_PLAN_BYTES:
        hint = "split it, or move long texts into text templates"
        raise ConfigError(f"{playbook.id}: the plan is larger than {MAX_PLAN_BYTES} bytes", code="P006", hint=hint)
    return linked.model_copy(update={"digest": hashlib.sha256(form).hexdigest()})


def _inputs(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    problems = [
        Problem("P109", f"{playbook.id} has no input {name!r}") for name in given if name not in playbook.inputs
    ]
    found: dict[str, Any] = {}
    for name, setting in playbook.inputs.items():
        value = given.get(name, setting.default)
        value = format_duration(value) if isinstance(value, timedelta) else value
        try:
            read_input(setting, value)
        except InputError as error:
            problems.append(Problem("P109", f"input {name!r} of {playbook.id}: {error}"))
        found[name] = value
    if problems:
        raise ConfigError(f"inputs of {playbook.id} do not fit", problems=problems, code="P109")
    return found
