"""Is each step one thing, with a name of its own and only the words its kind knows?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from stanch.playbooks.model import STEP_KINDS, Playbook, Step
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Placed, Tree

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ANY = frozenset({"when", "otherwise"})
_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "do": _ANY
        | {
            "with_",
            "foreach",
            "timeout",
            "retry",
            "on_failure",
            "verify",
            "undo",
            "irreversible",
            "renew",
            "hold",
        },
        "approve": _ANY | {"on_reject"},
        "wait": _ANY | {"on_failure"},
        "parallel": _ANY | {"timeout", "on_failure", "verify"},
        "choose": _ANY | {"timeout", "on_failure", "verify"},
        "playbook": _ANY | {"with_", "on_failure", "verify"},
        "revert": _ANY | {"on_failure"},
        "set": _ANY,
        "stop": _ANY,
    }
)
_MAX_STEPS = 200
_ROOTS = frozenset({"finding", "route", "inputs", "vars", "steps", "run", "now"})


def check_shape(playbook: Playbook, tree: Tree, report: Report) -> None:
    """P003, P004, P006, P101."""
    if not _ID.fullmatch(playbook.id):
        report.add(
            "P004", ("id",), f"{playbook.id!r} is not an id", hint="lower-case letters, digits and _, as in a_b1"
        )
    if len(tree.placed) > _MAX_STEPS:
        report.add("P006", ("steps",), f"{len(tree.placed)} steps; at most {_MAX_STEPS} are allowed")
    for name in playbook.vars:
        if not _ID.fullmatch(name):
            report.add("P004", ("vars", name), f"{name!r} is not a variable name")
    for place in tree.placed:
        _kind(place, report)
        _name(place, tree, report)
        _own_names(place, report)
    _unreachable(tree, report)


def _kind(place: Placed, report: Report) -> None:
    kinds = place.step.kinds
    if len(kinds) != 1:
        found = f"{len(kinds)} kinds ({', '.join(kinds)})" if kinds else "no kind"
        report.add(
            "P003", place.path, f"step {place.step.id!r} has {found}", hint=f"write one of {', '.join(STEP_KINDS)}"
        )
        return
    for word in sorted(_written(place.step) - _WORDS[kinds[0]] - {"id", kinds[0]}):
        shown = "with" if word == "with_" else word
        report.add("P003", (*place.path, shown), f"{shown!r} has no meaning on a {kinds[0]!r} step")
    for number, choice in enumerate(place.step.choose or ()):
        _choice(place, number, has_otherwise=choice.otherwise is not None, words=choice.model_fields_set, report=report)


def _choice(place: Placed, number: int, *, has_otherwise: bool, words: set[str], report: Report) -> None:
    path = (*place.path, "choose", number)
    if has_otherwise and words != {"otherwise"}:
        report.add("P003", path, "a branch is either when and steps, or otherwise")
    elif not has_otherwise and words != {"when", "steps"}:
        report.add("P003", path, "a branch needs when and steps, or otherwise")
    if has_otherwise and number != len(place.step.choose or ()) - 1:
        report.add("P101", path, "branches after otherwise are never reached", hint="put otherwise last")


def _written(step: Step) -> set[str]:
    return set(step.model_fields_set)


def _name(place: Placed, tree: Tree, report: Report) -> None:
    name = place.step.id
    if not _ID.fullmatch(name):
        hint = "lower-case letters, digits and _, starting with a letter; a hyphen is minus in expressions"
        report.add("P004", (*place.path, "id"), f"{name!r} is not a step id", hint=hint)
    first = tree.by_id[name]
    if first is not place:
        line, _ = report.places.at((*first.path, "id"))
        report.add("P004", (*place.path, "id"), f"step id {name!r} is already used in line {line}")


def _own_names(place: Placed, report: Report) -> None:
    """Names that a step gives: its `foreach` item and the variables it sets."""
    loop = place.step.foreach
    if loop is not None and (not _ID.fullmatch(loop.as_) or loop.as_ in _ROOTS):
        hint = f"not one of {', '.join(sorted(_ROOTS))}"
        report.add("P004", (*place.path, "foreach", "as"), f"{loop.as_!r} cannot name an item", hint=hint)
    for name in place.step.set or {}:
        if not _ID.fullmatch(name):
            report.add("P004", (*place.path, "set", name), f"{name!r} is not a variable name")


def _unreachable(tree: Tree, report: Report) -> None:
    for place in tree.placed:
        if (place.step.when or "").strip() == "false":
            report.add("P101", (*place.path, "when"), f"step {place.step.id!r} can never run: its when is false")
        stopped = _stop_before(place, tree)
        if stopped is not None:
            report.add("P101", place.path, f"step {place.step.id!r} is never reached after stop {stopped.step.id!r}")


def _stop_before(place: Placed, tree: Tree) -> Placed | None:
    for other in tree.placed:
        same = other.path[:-1] == place.path[:-1]
        if same and other.order < place.order and other.step.stop is not None and not other.step.when:
            return other if place.slot != "parallel" else None
    return None


def words_of(kind: str) -> frozenset[str]:
    """The keys that may stand beside a kind."""
    return _WORDS.get(kind, frozenset())
