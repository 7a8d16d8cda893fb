"""Compares two versions of a playbook as a whole: mode, selection, guards, budgets, inputs, and then each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanch.bounds import InputError, read_input
from stanch.comparing._conditions import compared
from stanch.comparing._model import Change, Weight, other, risk, safer
from stanch.comparing._steps import steps_compared
from stanch.plan import Plan
from stanch.playbooks.model import Input, Playbook
from stanch.routing import Place, Relation, overlap, same_host

_ORDER = {Weight.RISK: 0, Weight.SAFER: 1, Weight.OTHER: 2}


def compare(old: tuple[Playbook, Plan], new: tuple[Playbook, Plan]) -> tuple[Change, ...]:
    """Every difference in meaning, the risky ones first; texts, layout and tests mean nothing here."""
    (book, plan), (book2, plan2) = old, new
    found = [
        *_mode(plan, plan2),
        *_selection(book, book2),
        *_guards(plan, plan2),
        *_limits(plan, plan2),
        *_inputs(book.inputs, book2.inputs),
        *steps_compared(plan, plan2),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda change: _ORDER[change.weight]))


def _mode(old: Plan, new: Plan) -> Iterator[Change]:
    if new.mode.rank > old.mode.rank:
        yield risk("mode.raised", f"may do more alone: mode {old.mode.value} becomes {new.mode.value}")
    elif new.mode.rank < old.mode.rank:
        yield safer("mode.lowered", f"may do less alone: mode {old.mode.value} becomes {new.mode.value}")
    if old.owner != new.owner:
        yield other("owner.changed", f"another owner: {new.owner} instead of {old.owner}")
    if old.role != new.role:
        yield other("role.changed", f"is {new.role} instead of {old.role}")


def _selection(old: Playbook, new: Playbook) -> Iterator[Change]:
    for place in new.on.match.places:
        if not any(_within(place, known) for known in old.on.match.places):
            yield risk("selection.wider", f"is for more findings: {place.text}")
    for place in old.on.match.places:
        if not any(_within(place, known) for known in new.on.match.places):
            yield safer("selection.narrower", f"is for fewer findings: no longer all of {place.text}")
    yield from compared(old.on.when, new.on.when, what="selection", subject="is for")
    for name in sorted(set(new.on.wins_over) - set(old.on.wins_over)):
        yield risk("selection.wins", f"now takes findings from the playbook {name!r}")
    for name in sorted(set(old.on.wins_over) - set(new.on.wins_over)):
        yield other("selection.wins", f"no longer takes findings from the playbook {name!r}")


def _within(place: Place, known: Place) -> bool:
    """Whether all of a place lies in a known one, as far as the same host pattern or any host can show it."""
    anywhere = known.text.startswith("*/")
    if not (anywhere or same_host(place, known)):
        return False
    return overlap(place, known).relation in (Relation.EQUAL, Relation.INSIDE)


def _guards(old: Plan, new: Plan) -> Iterator[Change]:
    for source in old.guard:
        if source not in new.guard:
            yield risk("guard.removed", f"no longer guarded by: {source}")
    for source in new.guard:
        if source not in old.guard:
            yield safer("guard.added", f"guarded by: {source}")


def _limits(old: Plan, new: Plan) -> Iterator[Change]:
    for name in ("runs", "changes", "per_host"):
        before, after = getattr(old.limits, name), getattr(new.limits, name)
        if before == after:
            continue
        if before is None:
            yield safer("limit.added", f"limits {name}")
        elif after is None:
            yield risk("limit.removed", f"no limit of {name} any more")
        else:
            yield from _rates(name, before, after)


def _rates(name: str, before: tuple[int, float], after: tuple[int, float]) -> Iterator[Change]:
    """More at once or more over time is a risk."""
    if after[0] <= before[0] and after[0] / after[1] <= before[0] / before[1]:
        yield safer("limit.lowered", f"a lower limit of {name}: {after[0]} in {after[1]:.0f} s")
    else:
        yield risk("limit.raised", f"a higher limit of {name}: {after[0]} in {after[1]:.0f} s")


def _inputs(old: Mapping[str, Input], new: Mapping[str, Input]) -> Iterator[Change]:
    for name in sorted(old.keys() & new.keys()):
        before, after = old[name], new[name]
        if _bound(after, after.default) != _bound(before, before.default):
            yield other("input.default", f"input {name!r} is {after.default} instead of {before.default} by default")
        if before.max is not None and _higher(after, before):
            told = "without a bound" if after.max is None else f"up to {after.max}"
            yield risk("input.wider", f"a deployment may set {name!r} {told}; it was up to {before.max}")


def _bound(setting: Input, value: Any) -> Any:
    try:
        return read_input(setting.model_copy(update={"min": None, "max": None, "choices": ()}), value)
    except InputError:
        return value


def _higher(after: Input, before: Input) -> bool:
    if after.max is None or after.type != before.type:
        return True
    return bool(_bound(after, after.max) > _bound(before, before.max))
