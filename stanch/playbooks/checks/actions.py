"""Does each action exist, and are its parameters complete and of the right type?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stanch.catalog import ActionSpec, Effect, catalog
from stanch.playbooks.checks.parameters import Field, fields_of, literal_problem, type_problem
from stanch.playbooks.model import Step, UndoWords
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Tree
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict, is_list

_IMPLICIT = frozenset({"within"})


@dataclass(frozen=True)
class _Call:
    """One use of an action: in `do`, `verify` or `undo`."""

    action: str
    values: Mapping[str, Any]
    path: Path
    use: str
    of: str = ""


def check_actions(tree: Tree, *, types: Mapping[Path, str], report: Report) -> None:
    """P104, P105 and P110.

    Args:
        tree: the steps.
        report: gets the problems.
        types: type of each text with `${{ }}`, by its path.
    """
    for place in tree.placed:
        for call in _calls(place.step, place.path):
            spec = catalog().get(call.action)
            if spec is None:
                hint = did_you_mean(call.action, catalog()) or "docs/actions.md lists all"
                report.add("P104", (*call.path, "do"), f"there is no action {call.action!r}", hint=hint)
                continue
            _fitting(call, spec, report)
            _parameters(call, spec, types, report)


def _calls(step: Step, path: Path) -> Iterator[_Call]:
    if step.do is not None:
        yield _Call(step.do, step.with_, path, "do")
    if step.verify is not None:
        yield _Call(step.verify.do, step.verify.with_, (*path, "verify"), "verify")
    if isinstance(step.undo, UndoWords):
        yield _Call(step.undo.do, step.undo.with_, (*path, "undo"), "undo", step.do or "")


def _fitting(call: _Call, spec: ActionSpec, report: Report) -> None:
    if call.use == "verify" and spec.effect is not Effect.READ:
        hint = "use a probe, such as probe.expect_blocked"
        report.add("P110", (*call.path, "do"), f"{spec.name} does more than read, so it cannot verify", hint=hint)
    if call.use == "undo" and not _takes_back(spec, call.of):
        hint = f"use undo: auto, or one of {', '.join(sorted(_inverses()))}"
        report.add("P110", (*call.path, "do"), f"{spec.name} does not take back what {call.of} does", hint=hint)


def _takes_back(spec: ActionSpec, done: str) -> bool:
    """An undo removes something, or puts back what the step removes; anything else would be a change of its own."""
    return spec.name in _inverses() or (spec.inverse is not None and spec.inverse == done)


def _inverses() -> frozenset[str]:
    return frozenset(spec.inverse for spec in catalog().values() if spec.inverse)


def _parameters(call: _Call, spec: ActionSpec, types: Mapping[Path, str], report: Report) -> None:
    known = fields_of(spec.params)
    for name in known:
        needed = known[name].required and name not in call.values
        if needed and not (call.use == "verify" and name in _IMPLICIT):
            report.add("P104", (*call.path, "do"), f"{spec.name} needs {name!r}", hint=f"add {name} to its with")
    for name, value in call.values.items():
        path = (*call.path, "with", name)
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            report.add("P104", path, f"{spec.name} has no parameter {name!r}", hint=hint)
        else:
            _value(known[name], value, path, types=types, report=report)


def _value(field: Field, value: Any, path: Path, *, types: Mapping[Path, str], report: Report) -> None:
    """A value against a field: templates by their type, literals by the model itself, mixtures part by part."""
    if is_template(value):
        problem = type_problem(field, types.get(path, "dyn"))
        if problem:
            report.add("P105", path, f"{path[-1]}: {problem}")
    elif not _has_template(value):
        problem = literal_problem(field, value)
        if problem:
            report.add("P105", path, f"{path[-1]}: {problem}")
    elif is_dict(value):
        _members(field, value, path, types=types, report=report)
    elif is_list(value):
        for index, item in enumerate(value):
            _value(field.item, item, (*path, index), types=types, report=report)


def _members(field: Field, value: dict[str, Any], path: Path, *, types: Mapping[Path, str], report: Report) -> None:
    for name, item in value.items():
        if name in field.members:
            _value(field.members[name], item, (*path, name), types=types, report=report)
        elif field.members:
            hint = did_you_mean(name, field.members)
            report.add("P104", (*path, name), f"{path[-1]} has no field {name!r}", hint=hint)


def _has_template(value: Any) -> bool:
    if is_dict(value):
        return any(_has_template(item) for item in value.values())
    if is_list(value):
        return any(_has_template(item) for item in value)
    return is_template(value)
