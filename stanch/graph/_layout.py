"""Where everything of a plan stands: steps below each other, branches side by side, refusals to the right."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from stanch.graph._text import effect_of, lines_of
from stanch.plan import Plan, PlanStep, StepKind

WIDTH = 300.0
LINE = 16.0
PAD = 10.0
GAP = 30.0
CHARS = 40
_MOST = 3


@dataclass(frozen=True)
class Box:
    """One step."""

    x: float
    y: float
    width: float
    height: float
    name: str
    kind: str
    effect: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """A group of steps, with what they have in common as its heading."""

    x: float
    y: float
    width: float
    height: float
    heading: tuple[str, ...]
    usual: bool = True


@dataclass(frozen=True)
class Arrow:
    """From one place to another; without its tip where it only goes on."""

    x: float
    y: float
    to_x: float
    to_y: float
    usual: bool = True
    tip: bool = True


Shape: TypeAlias = Box | Frame | Arrow


@dataclass(frozen=True)
class Block:
    """Shapes with their extent; the flow comes in at the top and leaves at the bottom of `middle`."""

    width: float
    height: float
    middle: float
    shapes: tuple[Shape, ...] = field(default=())
    ends: bool = False  # nothing can follow

    def moved(self, x: float, y: float) -> tuple[Shape, ...]:
        return tuple(_moved(shape, x, y) for shape in self.shapes)


def layout(plan: Plan) -> Block:
    """The whole plan, with its start and its end."""
    start = box("start", "start", "", ())
    end = box("end", "end", "", ())
    steps = [_step(step) for step in plan.steps]
    last = [_framed([_sequence(plan.finally_)], ("finally, however the steps ended",))] if plan.finally_ else []
    return _stacked([start, *steps, *last, end])


def box(name: str, kind: str, effect: str, lines: Sequence[str]) -> Block:
    """One step with its lines wrapped."""
    told = tuple(part for line in lines for part in wrapped(line))
    height = 2 * PAD + LINE * (1 + len(told))
    return Block(WIDTH, height, WIDTH / 2, (Box(0, 0, WIDTH, height, name, kind, effect, told),))


def wrapped(text: str) -> tuple[str, ...]:
    """At most three lines, the rest as an ellipsis."""
    lines = textwrap.wrap(text, CHARS, break_long_words=True)
    return (*lines[: _MOST - 1], lines[_MOST - 1][: CHARS - 2] + " …") if len(lines) > _MOST else tuple(lines)


def _moved(shape: Shape, x: float, y: float) -> Shape:
    if isinstance(shape, Arrow):
        return replace(shape, x=shape.x + x, y=shape.y + y, to_x=shape.to_x + x, to_y=shape.to_y + y)
    return replace(shape, x=shape.x + x, y=shape.y + y)


def _sequence(steps: Sequence[PlanStep]) -> Block:
    return _stacked([_step(step) for step in steps])


def _step(step: PlanStep) -> Block:
    own = box(step.id, step.kind.value, effect_of(step), lines_of(step))
    inner = _inside(step)
    main = _stacked([own, inner]) if inner else own
    sides = [(title, steps) for title, steps in _sides(step) if steps]
    ends = step.kind is StepKind.STOP and not step.when
    return replace(_with_sides(main, own.height, sides) if sides else main, ends=ends)


def _sides(step: PlanStep) -> list[tuple[str, tuple[PlanStep, ...]]]:
    after = "when it fails, then the run goes on" if step.failure == "continue" else "when it fails, then the run fails"
    return [("otherwise", step.otherwise), ("when rejected", step.on_reject), (after, step.failure_steps)]


def _inside(step: PlanStep) -> Block | None:
    if step.branches:
        columns = [_framed([_sequence(each.steps)], wrapped(each.when or "otherwise")) for each in step.branches]
        return _framed(columns, ("the first that is true",))
    if step.kind is StepKind.PARALLEL:
        return _framed([_step(child) for child in step.steps], ("at the same time",))
    inner = (*step.steps, *step.last)
    return _framed([_sequence(inner)], ("its steps",)) if inner else None


def _stacked(blocks: Sequence[Block]) -> Block:
    """Below each other with arrows between."""
    middle = max((block.middle for block in blocks), default=0)
    right = max((block.width - block.middle for block in blocks), default=0)
    shapes: list[Shape] = []
    y = 0.0
    for number, block in enumerate(blocks):
        if number:
            if not blocks[number - 1].ends:
                shapes.append(Arrow(middle, y, middle, y + GAP))
            y += GAP
        shapes += block.moved(middle - block.middle, y)
        y += block.height
    return Block(middle + right, y, middle, tuple(shapes), ends=bool(blocks) and blocks[-1].ends)


def _framed(blocks: Sequence[Block], heading: tuple[str, ...], *, usual: bool = True) -> Block:
    """Side by side inside a frame."""
    top = PAD + LINE * len(heading) + PAD / 2
    shapes: list[Shape] = []
    x = PAD
    for block in blocks:
        shapes += block.moved(x, top)
        x += block.width + PAD
    height = top + max((block.height for block in blocks), default=0) + PAD
    frame = Frame(0, 0, x, height, heading, usual)
    return Block(x, height, x / 2, (frame, *shapes))


def _with_sides(main: Block, own_height: float, sides: Sequence[tuple[str, tuple[PlanStep, ...]]]) -> Block:
    """Refusals and failures in frames to the right of the step they belong to."""
    shapes = list(main.shapes)
    left = main.width + GAP
    y, widest = 0.0, 0.0
    edge = main.middle + WIDTH / 2
    for title, steps in sides:
        block = _framed([_sequence(steps)], (title,), usual=False)
        at = y + min(own_height, block.height) / 2
        shapes.append(Arrow(edge, min(at, own_height - 4), left, at, usual=False))
        shapes += block.moved(left, y)
        y += block.height + PAD
        widest = max(widest, block.width)
    height = max(main.height, y - PAD)
    if height > main.height:
        shapes.append(Arrow(main.middle, main.height, main.middle, height, tip=False))
    return Block(left + widest, height, main.middle, tuple(shapes))
