"""The types behind every name that a playbook's expressions may use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from stanch.catalog import catalog
from stanch.expressions import Schema
from stanch.plan import Plan, PlanStep
from stanch.playbooks.model import Playbook, Step
from stanch.playbooks.tree import tree_of
from stanch.views import FindingView, RouteView

FINAL = ("ok", "skipped", "failed", "rejected")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

INPUT_TYPES = {
    "string": "string",
    "int": "int",
    "number": "double",
    "bool": "bool",
    "duration": "duration",
    "list": "list",
}
_RUN = {**dict.fromkeys(("id", "episode", "playbook", "requested_by"), "string"), "mode": "'manual'|'semi'|'auto'"}
_STATUS = "|".join(f"'{word}'" for word in ("pending", "running", "verifying", "recovering", *FINAL))
_APPROVED = {"approved": "bool", "choice": "string", "by": "string", "reason": "string", "because": "'vote'|'timeout'"}
_ENDS = "|".join(f"'{word}'" for word in ("ticket.resolved", "finding.rescan_clean", "timer", "signal", "timeout"))
_OUTPUTS: dict[str, object] = {
    "approve": _APPROVED,
    "wait": {"because": f"list<{_ENDS}>"},
    "choose": {"branch": "int"},
}


@dataclass(frozen=True)
class Typed:
    """What a step's type depends on."""

    id: str
    kind: str
    action: str = ""
    loops: bool = False
    loop_name: str = ""
    named: tuple[str, ...] | None = ()
    options: tuple[str, ...] = ()

    @property
    def outputs(self) -> object:
        if self.kind == "do" and self.loops:
            return {"items": "list"}
        if self.kind == "approve" and self.options and not any("'" in option for option in self.options):
            return {**_APPROVED, "choice": "|".join(f"'{option}'" for option in ("", *self.options))}
        spec = catalog().get(self.action)
        if self.kind == "do":
            return spec.outputs if spec is not None else "dyn"
        if self.kind == "playbook":
            return "map" if self.named is None else dict.fromkeys(self.named, "dyn")
        return _OUTPUTS.get(self.kind, "map")


def of_step(step: Step, library: Mapping[str, Playbook]) -> Typed:
    loop, called = step.foreach, library.get(step.playbook or "")
    kind = step.kinds[0] if step.kinds else ""
    named = tuple(called.outputs) if called else None
    options = step.approve.options if step.approve else ()
    name = loop.as_ if loop else ""
    return Typed(step.id, kind, step.do or "", loop is not None, name, named=named, options=options)


def of_plan_step(step: PlanStep) -> Typed:
    loop, named = step.foreach, tuple(step.called.outputs) if step.called else ()
    options = step.approve.options if step.approve else ()
    name = loop.name if loop else ""
    return Typed(step.id, step.kind.value, step.action, loop is not None, name, named=named, options=options)


def schema_of(plan: Plan) -> Schema:
    """Every name of a plan, `foreach` names included, for use when it runs."""
    steps = [of_plan_step(step) for step in plan.walk().values()]
    names = {step.loop_name for step in steps if step.loops}
    called = [step.called.vars for step in plan.walk().values() if step.called]
    variables = set(plan.vars).union(*(step.set_ for step in plan.walk().values()), *called)
    return _schema(plan.input_types, variables, steps, names)


def schema_for(
    playbook: Playbook, *, library: Mapping[str, Playbook] = MappingProxyType({}), loop_name: str = ""
) -> Schema:
    """Every name of a playbook file; inside a `foreach` also that of its item."""
    steps = [of_step(place.step, library) for place in tree_of(playbook).placed]
    inputs = {name: item.type for name, item in playbook.inputs.items()}
    return _schema(inputs, _variables(playbook), steps, {loop_name} if loop_name else set())


@cache
def selection_schema() -> Schema:
    """What `on.when` may name: nothing has run yet."""
    return Schema({"finding": FindingView, "route": RouteView})


def _variables(playbook: Playbook) -> set[str]:
    """`vars` and whatever a `set` step adds."""
    return set(playbook.vars).union(*(place.step.set or {} for place in tree_of(playbook).placed))


def _schema(
    inputs: Mapping[str, str], variables: Iterable[str], steps: Iterable[Typed], loop_names: Iterable[str]
) -> Schema:
    views: dict[str, Any] = {}
    for step in steps:
        if not NAME.fullmatch(step.id):
            continue  # reported as P004
        outputs = step.outputs
        views.setdefault(step.id, {"ok": "bool", "status": _STATUS, "approved": "bool", "outputs": outputs})
    roots: dict[str, Any] = {
        "finding": FindingView,
        "route": RouteView,
        "inputs": {name: INPUT_TYPES.get(kind, "dyn") for name, kind in inputs.items() if NAME.fullmatch(name)},
        "vars": dict.fromkeys(sorted(filter(NAME.fullmatch, variables)), "dyn"),
        "steps": views,
        "run": _RUN,
        "now": "timestamp",
    }
    return Schema({**roots, **dict.fromkeys(sorted(filter(NAME.fullmatch, loop_names)), "dyn")})
