"""Every step of a playbook with its place: where it stands in the file, what must hold, and what runs before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from stanch.playbooks.inlining import Callee
from stanch.playbooks.model import FailureWords, Playbook, Step

Path = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Placed:
    """A step in its place.

    Args:
        path: keys and indexes from the top of the file.
        order: position in the file, counted over all steps.
        parent: the step it is inside of; None at the top.
        slot: which list it is in: steps, finally, parallel, branch, failure, otherwise, on_reject.
        branch: number of the `choose` branch.
        condition: `when` of that branch.
    """

    step: Step
    path: Path
    order: int
    parent: Placed | None
    slot: str
    branch: int = -1
    condition: str | None = None

    @cached_property
    def chain(self) -> tuple[Placed, ...]:
        """This step and those it is inside of, innermost first."""
        return (self, *(self.parent.chain if self.parent else ()))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions that are true whenever this step runs."""
        found = [self.step.when] if self.step.when else []
        for inner, outer in zip(self.chain, self.chain[1:], strict=False):
            found += [inner.condition] if inner.condition else []
            if outer.step.when and inner.slot != "otherwise":
                found.append(outer.step.when)
        return tuple(found)


@dataclass(frozen=True)
class Tree:
    """All steps of one playbook in written order, and the playbooks they may call."""

    placed: tuple[Placed, ...]
    callees: Mapping[str, Callee] = field(default_factory=dict[str, Callee])

    @cached_property
    def by_id(self) -> dict[str, Placed]:
        """The first step of each id."""
        found: dict[str, Placed] = {}
        for item in self.placed:
            found.setdefault(item.step.id, item)
        return found

    @property
    def calls(self) -> tuple[Placed, ...]:
        """Steps that run another playbook."""
        return tuple(place for place in self.placed if place.step.playbook is not None)

    def inside(self, place: Placed) -> tuple[Placed, ...]:
        """The step itself and every step inside it."""
        return tuple(item for item in self.placed if place in item.chain)


def tree_of(playbook: Playbook, callees: Mapping[str, Callee] = MappingProxyType({})) -> Tree:
    """Walk a playbook, `steps` first and then `finally`."""
    found: list[Placed] = []
    _walk(found, playbook.steps, path=("steps",), parent=None, slot="steps")
    _walk(found, playbook.finally_, path=("finally",), parent=None, slot="finally")
    return Tree(tuple(found), callees)


def _walk(
    found: list[Placed],
    steps: tuple[Step, ...],
    *,
    path: Path,
    parent: Placed | None,
    slot: str,
    branch: int = -1,
    condition: str | None = None,
) -> None:
    for index, step in enumerate(steps):
        place = Placed(step, (*path, index), len(found), parent, slot, branch, condition)
        found.append(place)
        _inside(found, place)


def _inside(found: list[Placed], place: Placed) -> None:
    step, path = place.step, place.path
    _walk(found, step.parallel or (), path=(*path, "parallel"), parent=place, slot="parallel")
    for number, choice in enumerate(step.choose or ()):
        slot, at = ("otherwise_branch", "otherwise") if choice.otherwise is not None else ("branch", "steps")
        steps = choice.otherwise if choice.otherwise is not None else choice.steps
        inner = (*path, "choose", number, at)
        _walk(found, steps, path=inner, parent=place, slot=slot, branch=number, condition=choice.when)
    if isinstance(step.on_failure, FailureWords):
        _walk(found, step.on_failure.do, path=(*path, "on_failure", "do"), parent=place, slot="failure")
    _walk(found, step.otherwise, path=(*path, "otherwise"), parent=place, slot="otherwise")
    _walk(found, step.on_reject, path=(*path, "on_reject"), parent=place, slot="on_reject")


def common(first: Placed, second: Placed) -> tuple[Placed, Placed]:
    """The two members of the chains that stand side by side (or are the same) below the nearest shared parent."""
    parents = {id(item): index for index, item in enumerate(first.chain)}
    for index, item in enumerate(second.chain):
        if id(item) in parents:
            return _below(first.chain, parents[id(item)]), _below(second.chain, index)
    return first.chain[-1], second.chain[-1]


def _below(chain: tuple[Placed, ...], index: int) -> Placed:
    return chain[index - 1] if index else chain[0]


def outer(place: Placed) -> Iterator[Placed]:
    """The steps this one is inside of."""
    yield from place.chain[1:]
