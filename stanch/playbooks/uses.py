"""Every expression of a playbook: where it stands, what it must give, and what is certain when it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from stanch.playbooks.model import Playbook, Step, UndoWords
from stanch.playbooks.tree import Path, Placed, Tree
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict, is_items


@dataclass(frozen=True)
class Use:
    """One expression, or one text with `${{ }}`.

    Args:
        bare: it is CEL as a whole, not a text with holes.
        expect: type of the result, `any` where the place does not say.
        place: the step it belongs to; None at the top of the file.
        conditions: what is true whenever it is evaluated.
        after: its own step has ended, so that it may read it.
        lenient: a value that is missing is shown as missing.
        selects: it is evaluated when a playbook is chosen, before anything runs.
    """

    text: str
    path: Path
    bare: bool = False
    expect: str = "any"
    place: Placed | None = None
    conditions: tuple[str, ...] = ()
    after: bool = False
    lenient: bool = False
    selects: bool = False
    loop_name: str = ""


def uses(playbook: Playbook, tree: Tree) -> Iterator[Use]:
    """All of them, in no particular order."""
    if playbook.on.when:
        yield Use(playbook.on.when, ("on", "when"), bare=True, expect="bool", selects=True)
    for index, source in enumerate(playbook.guard):
        yield Use(source, ("guard", index), bare=True, expect="bool")
    if playbook.concurrency:
        yield Use(playbook.concurrency.key, ("concurrency", "key"), expect="string")
    for path, text in texts(playbook.vars, ("vars",)):
        yield Use(text, path)
    for path, text in texts(playbook.outputs, ("outputs",)):
        yield Use(text, path, lenient=False, after=True)
    for place in tree.placed:
        yield from of_step(place)


def texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text with `${{ }}` inside a value."""
    if is_dict(value):
        for key, item in value.items():
            yield from texts(item, (*path, str(key)))
    elif is_items(value):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
    elif is_template(value):
        yield path, value


def of_step(place: Placed) -> Iterator[Use]:
    """Expressions of one step, without those of steps inside it."""
    step, path = place.step, place.path
    around = place.conditions[1:] if step.when else place.conditions
    if step.when:
        yield Use(step.when, (*path, "when"), bare=True, expect="bool", place=place, conditions=around)
    for number, choice in enumerate(step.choose or ()):
        if choice.when:
            at = (*path, "choose", number, "when")
            yield Use(choice.when, at, bare=True, expect="bool", place=place, conditions=place.conditions)
    for at, text, expect, after in _values(step, path):
        loop = step.foreach.as_ if step.foreach and "foreach" not in at[len(path) :] else ""
        conditions = (*place.conditions, f"steps.{step.id}.ok") if after else place.conditions
        yield Use(text, at, expect=expect, place=place, conditions=conditions, after=after, loop_name=loop)
    for index, source in enumerate(step.approve.show if step.approve else ()):
        yield Use(source, (*path, "approve", "show", index), bare=True, place=place, lenient=True)


def _values(step: Step, path: Path) -> Iterator[tuple[Path, str, str, bool]]:
    for at, text in texts(step.with_, (*path, "with")):
        yield at, text, "any", False
    for at, text in texts(step.set or {}, (*path, "set")):
        yield at, text, "any", False
    if step.foreach and is_template(step.foreach.in_):
        yield (*path, "foreach", "in"), step.foreach.in_, "list", False
    if step.stop and is_template(step.stop.reason):
        yield (*path, "stop", "reason"), step.stop.reason, "scalar", False
    yield from _asking(step, path)
    yield from _waiting(step, path)
    if step.verify:
        for at, text in texts(step.verify.with_, (*path, "verify", "with")):
            yield at, text, "any", True
    if isinstance(step.undo, UndoWords):
        for at, text in texts(step.undo.with_, (*path, "undo", "with")):
            yield at, text, "any", True


def _asking(step: Step, path: Path) -> Iterator[tuple[Path, str, str, bool]]:
    if step.approve is None:
        return
    if is_template(step.approve.ask):
        yield (*path, "approve", "ask"), step.approve.ask, "scalar", False
    yield from _span(step.approve.expires, (*path, "approve", "expires"))


def _waiting(step: Step, path: Path) -> Iterator[tuple[Path, str, str, bool]]:
    if step.wait is None:
        return
    yield from _span(step.wait.timeout, (*path, "wait", "timeout"))
    for index, awaited in enumerate(step.wait.for_):
        at = (*path, "wait", "for", index)
        yield from _span(awaited.after, (*at, "after"))
        for word, value in (("key", awaited.key), ("finding", awaited.finding)):
            if is_template(value):
                yield (*at, word), value, "string", False


def _span(value: timedelta | str | None, path: Path) -> Iterator[tuple[Path, str, str, bool]]:
    if isinstance(value, str):
        yield path, value, "duration", False
