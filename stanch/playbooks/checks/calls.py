"""Does each called playbook exist, get what it needs, and keep the promise of the mode that calls it?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from stanch.bounds import InputError, read_input
from stanch.playbooks.checks.modes import changes, covered
from stanch.playbooks.checks.parameters import Field, type_problem
from stanch.playbooks.inlining import inner_name
from stanch.playbooks.model import Input, Playbook
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Placed, Tree, tree_of
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict, is_list

MAX_DEPTH = 5
MAX_STEPS = 200
Library = Mapping[str, Playbook]


def check_calls(playbook: Playbook, tree: Tree, *, library: Library, types: Mapping[Path, str], report: Report) -> None:
    """P004, P006, P104, P105, P107, P108, P201, P202 and P205, where a step calls another playbook."""
    found = [(place, library.get(place.step.playbook or "")) for place in tree.calls]
    calls = [(place, callee) for place, callee in found if callee is not None]
    for place, callee in found:
        if callee is None:
            name = place.step.playbook or ""
            hint = did_you_mean(name, library) or "playbooks of the same folder can be called"
            report.add("P108", (*place.path, "playbook"), f"there is no playbook {name!r}", hint=hint)
    for place, callee in calls:
        _given(place, callee, types, report)
    endless = [_ends(playbook.id, place, callee, library, report) for place, callee in calls]
    if not all(endless) or not _fits(calls, tree, library=library, report=report):
        return
    _names(tree, library, report)
    for place, callee in calls:
        _promise(playbook, place, callee, library=library, report=report)


def _given(place: Placed, callee: Playbook, types: Mapping[Path, str], report: Report) -> None:
    for name, value in place.step.with_.items():
        path, setting = (*place.path, "with", name), callee.inputs.get(name)
        if setting is None:
            hint = did_you_mean(name, callee.inputs) or f"known: {', '.join(callee.inputs) or 'none'}"
            report.add("P104", path, f"{callee.id} has no input {name!r}", hint=hint)
            continue
        problem = _value_problem(setting, value, types.get(path, "dyn"))
        if problem:
            report.add("P105", path, f"{name}: {problem}")


def _value_problem(setting: Input, value: Any, given: str) -> str:
    """Why a value cannot be this input; empty where it can, as far as that is known before it runs."""
    if is_template(value):
        wanted = _ANNOTATIONS[setting.type]
        return type_problem(Field(wanted), given)
    if _has_template(value):
        return "" if setting.type == "list" else f"{setting.type} is needed"
    try:
        read_input(setting, value)
    except InputError as error:
        return str(error)
    except TypeError:
        return "it cannot be compared with the bounds of the input"
    return ""


def _has_template(value: Any) -> bool:
    if is_dict(value):
        return any(map(_has_template, value.values()))
    return any(map(_has_template, value)) if is_list(value) else is_template(value)


class _Loop(Exception):
    """A chain of calls that comes back to where it was."""


def _ends(caller: str, place: Placed, callee: Playbook, library: Library, report: Report) -> bool:
    """P107: a chain of calls must end, and soon."""
    try:
        chain = (caller, *_longest(callee.id, library, (caller,), {}))
    except _Loop as loop:
        problem = f"{loop}: that never ends"
    else:
        if len(chain) <= MAX_DEPTH + 1:
            return True
        problem = f"{' calls '.join(chain[: MAX_DEPTH + 2])}: more than {MAX_DEPTH} calls deep"
    report.add("P107", (*place.path, "playbook"), problem, hint="let one of them do its steps itself")
    return False


def _longest(name: str, library: Library, above: tuple[str, ...], known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The longest chain of calls that starts here."""
    if name in above:
        raise _Loop(" calls ".join((*above[above.index(name) :], name)))
    if name not in known and len(above) <= MAX_DEPTH + 1:
        names = [inner for inner in dict.fromkeys(called_by(library[name])) if inner in library]
        chains = [_longest(inner, library, (*above, name), known) for inner in names]
        known[name] = (name, *max(chains, key=len, default=()))
    return known.get(name, (name,))


def called_by(playbook: Playbook) -> list[str]:
    """The playbooks that its steps name."""
    return [place.step.playbook or "" for place in tree_of(playbook).calls]


def inner_names(tree: Tree, library: Library) -> set[str]:
    """Names that the steps of called playbooks have in the plan of their caller, as deep as calls may go."""
    found: set[str] = set()
    pending = [(place.step.id, place.step.playbook or "", 1) for place in tree.calls]
    while pending and len(found) <= MAX_STEPS:
        at, name, depth = pending.pop()
        inner = tree_of(library[name]) if name in library and depth <= MAX_DEPTH else None
        for place in inner.placed if inner is not None else ():
            found.add(inner_name(at, place.step.id))
        for place in inner.calls if inner is not None else ():
            pending.append((inner_name(at, place.step.id), place.step.playbook or "", depth + 1))
    return found


def _names(tree: Tree, library: Library, report: Report) -> None:
    for name in sorted(inner_names(tree, library) & tree.by_id.keys()):
        message = f"{name!r} is also the name that a step of a called playbook has here"
        report.add("P004", (*tree.by_id[name].path, "id"), message, hint="rename the step")


def _fits(calls: list[tuple[Placed, Playbook]], tree: Tree, *, library: Library, report: Report) -> bool:
    """P006: the plan holds the steps of all that is called."""
    known: dict[str, int] = {}
    total = len(tree.placed) + sum(_count(callee, library, known) for _, callee in calls)
    if calls and total > MAX_STEPS:
        message = f"{total} steps with those of called playbooks; at most {MAX_STEPS} are allowed"
        report.add("P006", ("steps",), message, hint="call less, or split the playbook")
        return False
    return True


def _count(callee: Playbook, library: Library, known: dict[str, int]) -> int:
    if callee.id not in known:
        tree = tree_of(callee)
        inner = [library[name] for name in called_by(callee) if name in library]
        known[callee.id] = len(tree.placed) + sum(_count(each, library, known) for each in inner)
    return known[callee.id]


def _promise(playbook: Playbook, place: Placed, callee: Playbook, *, library: Library, report: Report) -> None:
    """What is called keeps the promise of its own mode; here it must keep the caller's too."""
    path = (*place.path, "playbook")
    if playbook.mode == "manual" and _changing(callee, library):
        hint = "use mode: semi, or call a playbook that changes nothing"
        report.add("P201", path, f"{callee.id} changes production, which mode: manual never does", hint=hint)
    elif playbook.mode == "semi":
        for name in _unasked(callee, library):
            message = f"{name} can run without an approval that binds it"
            hint = "call a playbook of mode: semi, which asks by itself; an approval here cannot bind steps there"
            report.add("P202", path, message, hint=hint)
    elif playbook.mode == "auto" and not _limited(playbook) and _unasked(callee, library):
        message = f"{callee.id} changes production, and mode: auto needs limits with a number of changes per time"
        report.add("P205", path, message, hint="add limits: {runs: 30/h, changes: 30/h} to this playbook")


def _limited(playbook: Playbook) -> bool:
    return playbook.limits is not None and playbook.limits.changes is not None


def _changing(callee: Playbook, library: Library) -> list[str]:
    """Every change of a playbook and of those it calls."""
    return [
        f"{spec.name} in step {place.step.id!r} of {each.id}"
        for each in _reached(callee, library)
        for place, spec in changes(tree_of(each))
    ]


def _unasked(callee: Playbook, library: Library) -> list[str]:
    """Those of its changes that no approval binds on every path."""
    trees = [(each, tree_of(each)) for each in _reached(callee, library)]
    return [
        f"{spec.name} in step {place.step.id!r} of {each.id}"
        for each, tree in trees
        for place, spec in changes(tree)
        if not covered(place, tree)
    ]


def _reached(callee: Playbook, library: Library) -> list[Playbook]:
    """A playbook and all that it calls, each once."""
    found: dict[str, Playbook] = {}
    pending = [callee]
    while pending:
        each = pending.pop()
        if each.id not in found:
            found[each.id] = each
            pending += [library[name] for name in called_by(each) if name in library]
    return list(found.values())


_ANNOTATIONS: Mapping[str, Any] = {
    "string": str,
    "int": int,
    "number": float,
    "bool": bool,
    "duration": timedelta,
    "list": list[Any],
}
