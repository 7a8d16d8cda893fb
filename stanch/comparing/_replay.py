"""Runs recorded findings through two versions of a playbook and tells what would have been different."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stanch.plan import Plan
from stanch.playbooks.model import Playbook
from stanch.playbooks.selection import Entry, choose, index_of
from stanch.simulate import EffectLine, Report, simulate
from stanch.simulate.consenting import simulate_consenting
from stanch.simulate.driver import TooLong, default_route
from stanch.views import FindingView

_SELECTED = "selected"


@dataclass(frozen=True)
class Outcome:
    """A finding that the two versions treat differently.

    Args:
        name: file and number of the finding.
        title: attacker-written; show it through a sink.
        was: what the old version does; empty where it is not for this finding.
        now: the same of the new one.
        where: selected, alone (nobody answers) or agreed (everybody agrees).
    """

    name: str
    title: str
    where: str
    was: tuple[str, ...]
    now: tuple[str, ...]


def replay(
    old: tuple[Playbook, Plan], new: tuple[Playbook, Plan], findings: Iterable[tuple[str, FindingView]]
) -> Iterator[Outcome]:
    """Each finding whose effects differ: which version takes it, what runs alone, and what runs with consent."""
    sides = [Entry(book, plan, "") for book, plan in (old, new)]
    for name, finding in findings:
        taken = [_takes(entry, finding) for entry in sides]
        if taken[0] != taken[1]:
            words = [(_SELECTED,) if each else () for each in taken]
            yield Outcome(name, finding.title, _SELECTED, *words)
        elif all(taken):
            yield from _ran(name, finding, sides)


def _takes(entry: Entry, finding: FindingView) -> bool:
    choice = choose(index_of([entry]), finding, default_route(finding))
    return choice.plan is not None or bool(choice.companions)


def _ran(name: str, finding: FindingView, sides: list[Entry]) -> Iterator[Outcome]:
    for where, run in (("alone", simulate), ("agreed", simulate_consenting)):
        was, now = (_effects(run, entry.plan, finding) for entry in sides)
        if was != now:
            yield Outcome(name, finding.title, where, was, now)
            return


def _effects(run: Callable[[Plan, FindingView], Report], plan: Plan, finding: FindingView) -> tuple[str, ...]:
    """What a run causes, with the parameters of its changes; and what it asks."""
    try:
        report = run(plan, finding)
    except TooLong:
        return ("does not come to rest",)
    told = (_line(effect) for effect in report.effects if effect.told and effect.ok)
    return (*told, *(f"asks {line.step}" for line in report.approvals), f"is {report.status}")


def _line(effect: EffectLine) -> str:
    if effect.effect not in ("change", "irreversible"):
        return effect.action
    words = ", ".join(f"{name}={value}" for name, value in sorted(effect.params.items()) if value)
    return f"{effect.action}({words})"
