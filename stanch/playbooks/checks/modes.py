"""Does the playbook keep the promise of its mode? Manual changes nothing, semi asks first, auto can take it back."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.catalog import ActionSpec, Effect, catalog
from stanch.playbooks.conditions import approved_by, choices_of
from stanch.playbooks.model import Playbook, UndoWords
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Placed, Tree, common

_INSIDE = ("parallel", "branch", "otherwise_branch")
_ALWAYS = ("steps", "parallel", "branch", "otherwise_branch")


def check_modes(playbook: Playbook, tree: Tree, report: Report) -> None:
    """P201 to P206 and P209."""
    if playbook.on.role == "companion" and playbook.mode != "manual":
        message = "a companion runs beside other playbooks and changes nothing"
        report.add("P201", ("on", "role"), message, hint="write mode: manual, or leave role out")
    for place, spec in changes(tree):
        if playbook.mode == "manual":
            _manual(place, spec, report)
        elif playbook.mode == "semi":
            _semi(place, spec, tree, report)
        else:
            _auto(place, spec, tree, report)
        _silence(place, spec, tree, report)
    if playbook.mode == "auto" and any(True for _ in changes(tree)):
        _limits(playbook, report)


def changes(tree: Tree) -> Iterator[tuple[Placed, ActionSpec]]:
    """Steps that change production, with their action."""
    for place in tree.placed:
        spec = catalog().get(place.step.do or "")
        if spec is not None and spec.effect.mutates:
            yield place, spec


def _manual(place: Placed, spec: ActionSpec, report: Report) -> None:
    hint = "use mode: semi with an approval that binds this step, or leave the change out"
    report.add("P201", (*place.path, "do"), f"{spec.name} changes production, which mode: manual never does", hint=hint)


def _semi(place: Placed, spec: ActionSpec, tree: Tree, report: Report) -> None:
    if covered(place, tree):
        return
    binders = [other.step.id for other in binders_of(place.step.id, tree)]
    name = binders[0] if binders else "ok_to_act"
    if binders:
        hint = f"add `when: steps.{name}.approved` to this step or to the step it is inside of"
    else:
        hint = f"add an approve step before it with `binds: [{place.step.id}]` and `when: steps.{name}.approved` here"
    message = f"{spec.name} in step {place.step.id!r} can run without an approval that binds it"
    report.add("P202", (*place.path, "do"), message, hint=hint)


def covered(place: Placed, tree: Tree) -> bool:
    """True where every path to this step goes through an approval that binds it and was given."""
    given = approved_by(place.conditions)
    before = (other for other in binders_of(place.step.id, tree) if other.order < place.order)
    return any(other.step.id in given for other in before)


def binders_of(step_id: str, tree: Tree) -> list[Placed]:
    """Approvals that bind a step."""
    return [place for place in tree.placed if place.step.approve and step_id in place.step.approve.binds]


def _auto(place: Placed, spec: ActionSpec, tree: Tree, report: Report) -> None:
    _undo(place, spec, report)
    if not _verified(place, tree):
        message = f"nothing proves that {spec.name} in step {place.step.id!r} had its effect"
        hint = "add verify to it or to the step around it, or a probe step after it"
        report.add("P205", (*place.path, "do"), message, hint=hint)


def _undo(place: Placed, spec: ActionSpec, report: Report) -> None:
    step, path = place.step, (*place.path, "do")
    if spec.effect is Effect.IRREVERSIBLE:
        if not step.irreversible.strip():
            hint = "write irreversible: and why that is acceptable"
            report.add("P204", path, f"{spec.name} cannot be taken back and no reason is given", hint=hint)
        return
    if step.irreversible.strip():
        return
    if step.undo is None:
        hint = "add undo: auto" if spec.inverse else "add undo: {do: ..., with: {...}} or irreversible: and why"
        report.add("P203", path, f"{spec.name} has no undo, which mode: auto demands", hint=hint)
    elif step.undo == "auto" and spec.inverse is None:
        report.add(
            "P203",
            (*place.path, "undo"),
            f"{spec.name} has no inverse of its own",
            hint="name the action that takes it back: undo: {do: ..., with: {...}}",
        )
    elif isinstance(step.undo, UndoWords) and step.undo.do not in catalog():
        return  # reported as P104


def _verified(place: Placed, tree: Tree) -> bool:
    """Whether its own `verify`, that of a step around it or a later probe always runs before the run ends well."""
    if place.step.verify is not None:
        return True
    ends = [other.order for other in tree.placed if _may_end(other, place)]
    for link in _proved_with(place):
        last = max(each.order for each in tree.inside(link))
        if link.step.verify is not None and not any(end <= last for end in ends):
            return True
    later = (other for other in tree.placed if _follows(other, place) and _proves(other))
    return any(not any(end < other.order for end in ends) for other in later)


def _may_end(other: Placed, place: Placed) -> bool:
    """A `stop` that lets the run end well, and that may be met after this step."""
    if other.step.stop is None or other.step.stop.status != "done":
        return False
    mine, theirs = common(place, other)
    return other.order > place.order or (mine is not theirs and mine.slot == theirs.slot == "parallel")


def _proved_with(place: Placed) -> Iterator[Placed]:
    """The step and those around it whose `verify` is about it; a step that was skipped or has failed proves nothing."""
    for link in place.chain:
        yield link
        if link.slot not in _INSIDE:
            return


def _proves(place: Placed) -> bool:
    """A probe that always runs and whose failure counts."""
    certain = place.step.when is None and place.step.on_failure == "fail" and place.slot in _ALWAYS
    return certain and (place.step.do or "").startswith("probe.")


def _follows(other: Placed, place: Placed) -> bool:
    """True where `other` comes after, in the same list or in one around it."""
    return any(other.path[:-1] == link.path[:-1] and other.order > link.order for link in place.chain) and all(
        link.slot != "parallel" or other.path[:-1] != link.path[:-1] for link in place.chain
    )


def _limits(playbook: Playbook, report: Report) -> None:
    limits = playbook.limits
    if limits is None or limits.changes is None:
        hint = "add limits: {runs: 30/h, changes: 30/h}; past a limit a person is asked instead"
        report.add("P205", ("mode",), "mode: auto needs limits with a number of changes per time", hint=hint)


def _silence(place: Placed, spec: ActionSpec, tree: Tree, report: Report) -> None:
    """A timeout that chooses an option must not be what lets a change run."""
    for asked in tree.placed:
        asks = asked.step.approve
        if asks is None or asks.on_timeout not in asks.options:
            continue
        named = any(f"steps.{asked.step.id}." in condition for condition in place.conditions)
        chosen = {option for gate, option in choices_of(place.conditions) if gate == asked.step.id}
        if place.step.id in asks.binds or (named and (not chosen or asks.on_timeout in chosen)):
            path = (*asked.path, "approve", "on_timeout")
            message = f"when nobody answers, {spec.name} in step {place.step.id!r} could run: silence is never consent"
            report.add("P206", path, message, hint="let on_timeout be reject, or an option that changes nothing")
