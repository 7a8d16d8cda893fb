"""Do all expressions compile, fit their types, and read only what is there when they are evaluated?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from stanch.catalog import catalog
from stanch.documents import Document
from stanch.expressions import Checked, ExpressionError, Schema, check, check_text, parse
from stanch.playbooks.checks.modes import binders_of
from stanch.playbooks.conditions import conjuncts, ok_by
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Placed, Tree, common
from stanch.playbooks.types import schema_for, selection_schema
from stanch.playbooks.uses import Use, uses
from stanch.views import FindingView, RouteView

VIEWS: dict[str, type[BaseModel]] = {"finding": FindingView, "route": RouteView}
Reads = tuple[str, ...]
_IN_STEP = " here or in a `when` of the step; `on.when` and `guard` do not reach into steps"


class Expressions:
    """Checks every expression once and remembers the type of each text, by its path."""

    def __init__(
        self, playbook: Playbook, tree: Tree, *, document: Document, report: Report, library: Mapping[str, Playbook]
    ) -> None:
        self._tree, self._document, self._report, self._library = tree, document, report, library
        self._playbook = playbook
        self._schemas: dict[str, Schema] = {}
        self.types: dict[tuple[str | int, ...], str] = {}

    def run(self) -> None:
        """P102, P103 and P301 to P307."""
        for use in uses(self._playbook, self._tree):
            for checked in self._checked(use):
                self._read(use, checked)

    def _schema(self, use: Use) -> Schema:
        if use.selects:
            return selection_schema()
        if use.loop_name not in self._schemas:
            self._schemas[use.loop_name] = schema_for(self._playbook, library=self._library, loop_name=use.loop_name)
        return self._schemas[use.loop_name]

    def _checked(self, use: Use) -> tuple[Checked, ...]:
        try:
            if use.bare:
                return (check(use.text, self._schema(use), expect=use.expect),)
            whole = check_text(parse(use.text), self._schema(use), expect=use.expect)
        except ExpressionError as error:
            problems = error.located(self._report.file, lambda offset: self._document.inside(use.path, offset))
            self._report.problems.extend(problems)
            return ()
        self.types[use.path] = whole.type
        return whole.checked

    def _read(self, use: Use, checked: Checked) -> None:
        certain = ok_by((*use.conditions, checked.source))
        mentioned = {path[1] for path in checked.reads | checked.guarded if path[0] == "steps" and len(path) > 2}
        asked = {
            path[1]
            for path in checked.reads
            if path[:1] == ("steps",) and path[2:3] in (("ok",), ("status",), ("approved",))
        }
        asked |= {path[1] for path in checked.guarded if path[:1] == ("steps",)}
        for name in sorted(mentioned):
            target = self._tree.by_id.get(name)
            if target is None:
                continue
            outputs = any(path[:3] == ("steps", name, "outputs") for path in checked.reads - checked.guarded)
            self._order(use, target)
            self._known_when_asked(use, target)
            if outputs and not use.lenient and name not in certain | asked:
                self._certainly_ran(use, target)
        if not use.bare or use.expect == "bool":
            self._optional(use, checked)

    def _order(self, use: Use, target: Placed) -> None:
        place, name = use.place, target.step.id
        if place is None:
            if not use.after:
                self._report.add("P102", use.path, f"step {name!r} has not run yet here")
            return
        if target is place and use.after:
            return
        inside = target in place.chain[1:]
        later = target.order >= place.order and not inside
        if later or (inside and _slot_below(place, target) not in ("failure", "on_reject")):
            hint = "move this step behind it" if later and target is not place else ""
            self._report.add("P102", use.path, f"step {name!r} has not ended when this is evaluated", hint=hint)
        elif not inside and _side_by_side(place, target):
            hint = "steps inside parallel run at the same time; read it after the parallel step"
            self._report.add("P102", use.path, f"step {name!r} may still be running here", hint=hint)

    def _known_when_asked(self, use: Use, target: Placed) -> None:
        """P209: people consent to exact parameters, so these may not depend on what runs after the question."""
        place = use.place
        if place is None or use.path[: len(place.path) + 1] != (*place.path, "with"):
            return
        for gate in binders_of(place.step.id, self._tree):
            if target.order >= gate.order and target is not place:
                message = f"step {target.step.id!r} has not run when {gate.step.id!r} asks for consent to this"
                self._report.add("P209", use.path, message, hint="read only steps that end before the approval")

    def _certainly_ran(self, use: Use, target: Placed) -> None:
        reason = _why_uncertain(use.place, target) or _alongside_doubt(use.place, target)
        if reason:
            hint = f"ask first: steps.{target.step.id}.ok ? ... : ..., or a when with steps.{target.step.id}.ok"
            self._report.add(
                "P103", use.path, f"step {target.step.id!r} {reason}, so it may have no outputs", hint=hint
            )

    def _optional(self, use: Use, checked: Checked) -> None:
        known = {part.replace(" ", "") for source in use.conditions for part in conjuncts(source)}
        for path in sorted(checked.reads - checked.guarded):
            name = ".".join(path)
            if path[0] in VIEWS and is_optional(path) and f"has({name})" not in known | _parts(checked.source):
                called = use.place is not None and use.place.step.playbook is not None
                if (
                    not called
                    and use.path in self.types
                    and parse(use.text).whole is not None
                    and plain_path(checked.source) == path
                ):
                    continue  # an absent value as a whole is decided by what it is for (P105)
                if f"has({name})" not in checked.source.replace(" ", ""):
                    hint = f"ask has({name}) first" + (_IN_STEP if use.place is not None else "")
                    self._report.add("P305", use.path, f"{name} may be absent", hint=hint)


def _parts(source: str) -> set[str]:
    return {part.replace(" ", "") for part in conjuncts(source)}


def plain_path(source: str) -> Reads | None:
    """`a.b.c` as its parts; None for anything that is more than a chain of names."""
    parts = tuple(source.strip().split("."))
    return parts if all(part.isidentifier() for part in parts) else None


def is_optional(path: Reads) -> bool:
    """True where a field on the way may be absent."""
    kind: Any = VIEWS.get(path[0])
    for name in path[1:]:
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or name not in kind.model_fields:
            return False
        annotation = kind.model_fields[name].annotation
        if type(None) in get_args(annotation):
            return True
        kind = annotation
    return False


def _slot_below(place: Placed, target: Placed) -> str:
    """In which list of `target` the step stands, directly or deeper."""
    chain = place.chain
    return chain[chain.index(target) - 1].slot


def _side_by_side(place: Placed, target: Placed) -> bool:
    mine, theirs = common(place, target)
    return mine is not theirs and mine.slot == theirs.slot == "parallel" and mine.parent is theirs.parent


def _why_uncertain(place: Placed | None, target: Placed) -> str:
    """Why the step may not have ended well although the place is reached; empty where it must have."""
    shared: set[int] = set(map(id, place.chain)) if place is not None else set()
    if place is not None and place.chain[-1].slot == "finally" and target.chain[-1].slot != "finally":
        return "may not have been reached before finally"
    for link in target.chain:
        if id(link) in shared:
            break
        reason = next(_own_doubts(link), "") or _slot_doubt(link, place)
        if reason:
            return reason
    return ""


def _alongside_doubt(place: Placed | None, target: Placed) -> str:
    """A change must not hang on a tracker or a chat: such a step may fail, and the run goes on."""
    reader = catalog().get(place.step.do or "") if place is not None else None
    spec = catalog().get(target.step.do or "")
    if reader is None or spec is None or not reader.effect.mutates:
        return ""
    alongside = spec.effect.runs_alongside and not target.step.hold
    return "runs alongside and may fail without ending the run" if alongside else ""


def _own_doubts(link: Placed) -> Iterator[str]:
    step = link.step
    if step.when:
        yield "runs only when its condition is true" if not step.approve else "is asked only under a condition"
    if step.may_fail:
        yield "may fail without ending the run"


def _slot_doubt(link: Placed, place: Placed | None) -> str:
    if link.slot in ("steps", "finally", "parallel"):
        return ""
    if link.slot == "branch" or link.slot == "otherwise_branch":
        same = place is not None and any(
            other.parent is link.parent and other.branch == link.branch and other.slot == link.slot
            for other in place.chain
        )
        return "" if same else "is in a branch that may not be chosen"
    same_list = place is not None and any(other.path[:-1] == link.path[:-1] for other in place.chain)
    return "" if same_list else "runs only in some cases"
