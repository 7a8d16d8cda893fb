"""From a checked playbook to its plan: plain JSON with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stanch.bounds import InputError, plain_input, read_input
from stanch.canonical import canonical
from stanch.errors import ConfigError, Problem
from stanch.expressions import ENGINE
from stanch.plan import Limits, Mode, Plan
from stanch.playbooks.compile_steps import step_of
from stanch.playbooks.inlining import Callee
from stanch.playbooks.model import Playbook
from stanch.playbooks.needs import with_needs
from stanch.playbooks.tree import Tree, tree_of
from stanch.playbooks.values import compiled

MAX_PLAN_BYTES = 256 * 1024  # a plan travels in a workflow's input


def compile_plan(
    playbook: Playbook,
    *,
    source: str = "",
    inputs: Mapping[str, Any] | None = None,
    callees: Mapping[str, Callee] = MappingProxyType({}),
) -> Plan:
    """The plan of a playbook that `load_playbook` has checked.

    Args:
        playbook: as it was loaded.
        source: name of the file, for people.
        inputs: values a deployment gives in place of the defaults.
        callees: the playbooks that it calls, compiled.

    Raises:
        ConfigError: P006 too large, P108 a called playbook is not there, P109 an input does not fit.
    """
    tree = tree_of(playbook, callees)
    _called_are_there(playbook, tree)
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
        limits=_limits(playbook),
        concurrency_key=compiled(playbook.concurrency.key) if playbook.concurrency else None,
        on_conflict=playbook.concurrency.on_conflict if playbook.concurrency else "attach",
        steps=tuple(step_of(step, tree) for step in playbook.steps),
        finally_=tuple(step_of(step, tree) for step in playbook.finally_),
        outputs=compiled(playbook.outputs),
    )
    return sealed(plan)


def sealed(plan: Plan) -> Plan:
    """The plan with what follows from its steps: types of called inputs, what waits for what, the digest.

    Raises:
        ConfigError: P006, it is too large.
    """
    linked = with_needs(_with_called_types(plan))
    body = linked.model_dump(mode="json", exclude={"digest", "source"})
    form = canonical(body)
    if len(form) > MAX_PLAN_BYTES:
        hint = "split it, or move long texts into text templates"
        raise ConfigError(f"{linked.playbook}: the plan is larger than {MAX_PLAN_BYTES} bytes", code="P006", hint=hint)
    return linked.model_copy(update={"digest": hashlib.sha256(form).hexdigest()})


def _limits(playbook: Playbook) -> Limits:
    words = playbook.limits
    return Limits(runs=words.runs, changes=words.changes, per_host=words.per_host) if words else Limits()


def _called_are_there(playbook: Playbook, tree: Tree) -> None:
    for place in tree.calls:
        if place.step.playbook not in tree.callees:
            raise ConfigError(f"{playbook.id} calls {place.step.playbook!r}, which is not there", code="P108")


def _with_called_types(plan: Plan) -> Plan:
    """Inputs of called playbooks have types too."""
    called = [step.called.inputs for step in plan.walk().values() if step.called]
    types = {name: setting.type for inputs in called for name, setting in inputs.items()}
    return plan.model_copy(update={"input_types": {**plan.input_types, **types}})


def _inputs(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    problems = [
        Problem("P109", f"{playbook.id} has no input {name!r}") for name in given if name not in playbook.inputs
    ]
    found: dict[str, Any] = {}
    for name, setting in playbook.inputs.items():
        value = plain_input(given.get(name, setting.default))
        try:
            read_input(setting, value)
        except InputError as error:
            problems.append(Problem("P109", f"input {name!r} of {playbook.id}: {error}"))
        found[name] = value
    if problems:
        raise ConfigError(f"inputs of {playbook.id} do not fit", problems=problems, code="P109")
    return found
