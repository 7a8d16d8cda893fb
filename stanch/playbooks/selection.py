"""Which playbook a finding gets: the most specific place wins, `wins_over` beats it, and every choice says why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from stanch.errors import Problem, StanchError
from stanch.expressions import check, evaluate
from stanch.plan import Plan
from stanch.playbooks.conditions import conjuncts
from stanch.playbooks.model import Playbook
from stanch.playbooks.types import selection_schema
from stanch.routing import Place, PlaceIndex, Relation, address_of, host_shape, overlap, same_host
from stanch.views import FindingView, RouteView

_EQUALS = re.compile(r"(finding(?:\.[a-z_]+)+)\s*==\s*'([^'\\]*)'")
_AMONG = re.compile(r"(finding(?:\.[a-z_]+)+)\s+in\s+\[([^\]]*)\]")
_WORD = re.compile(r"'([^'\\]*)'")


@dataclass(frozen=True)
class Entry:
    """A loaded playbook with the plan it became."""

    playbook: Playbook
    plan: Plan
    file: str

    @property
    def id(self) -> str:
        return self.playbook.id


@dataclass(frozen=True)
class Choice:
    """What a finding gets.

    Args:
        plan: of the primary playbook; None where no playbook is for this finding.
        companions: plans that only notify or preserve, beside the primary.
        why: one sentence for people.
        considered: each playbook whose place fits and what became of it.
    """

    plan: Plan | None
    companions: tuple[Plan, ...] = ()
    why: str = ""
    considered: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    entry: Entry
    place: Place


def index_of(entries: Iterable[Entry]) -> PlaceIndex[Entry]:
    """All places of all playbooks."""
    index: PlaceIndex[Entry] = PlaceIndex()
    for entry in entries:
        for place in entry.playbook.on.match.places if entry.playbook.on.role != "called" else ():
            index.add(place, entry)
    return index


def choose(index: PlaceIndex[Entry], finding: FindingView, route: RouteView) -> Choice:
    """Choose among the playbooks whose place meets the finding and whose `when` is true."""
    values = {"finding": finding, "route": route}
    fitting: dict[str, _Candidate] = {}
    considered: list[str] = []
    for hit in index.find(address_of(finding)):
        if hit.unmet or hit.value.id in fitting:
            continue
        verdict = _when(hit.value.playbook, values)
        if verdict == "true":
            fitting[hit.value.id] = _Candidate(hit.value, hit.place)
        considered.append(f"{hit.value.id}: {hit.place.text} fits, when {verdict}")
    return _best(list(fitting.values()), tuple(dict.fromkeys(considered)))


def _when(playbook: Playbook, values: Mapping[str, object]) -> str:
    """The condition in words: true, is false, or cannot be evaluated (which counts as false)."""
    if playbook.on.when is None:
        return "true"
    try:
        result = evaluate(check(playbook.on.when, selection_schema()), values)
    except StanchError:
        return "cannot be evaluated"
    return "true" if result is True else "is false"


def _best(fitting: Sequence[_Candidate], considered: tuple[str, ...]) -> Choice:
    primaries = [item for item in fitting if item.entry.playbook.on.role == "primary"]
    companions = tuple(item.entry.plan for item in fitting if item.entry.playbook.on.role == "companion")
    if not primaries:
        return Choice(None, companions, "no playbook is for this finding", considered)
    beaten = {name for item in primaries for name in item.entry.playbook.on.wins_over}
    left = [item for item in primaries if item.entry.id not in beaten] or primaries
    best = min(left, key=lambda item: (item.place.rank, item.entry.id))
    return Choice(best.entry.plan, companions, _why(best, primaries), considered)


def _why(best: _Candidate, primaries: Sequence[_Candidate]) -> str:
    others = [item.entry.id for item in primaries if item is not best]
    over = [name for name in others if name in best.entry.playbook.on.wins_over]
    reason = f"playbook {best.entry.id}: {best.place.text}"
    if over:
        return f"{reason} (wins over {', '.join(over)})"
    return f"{reason} is more specific than {', '.join(others)}" if others else f"{reason} is the only one"


def ambiguous(entries: Sequence[Entry]) -> Iterator[Problem]:
    """P106: two primaries for the same place, where nothing says which of them wins."""
    primaries = [entry for entry in entries if entry.playbook.on.role == "primary"]
    for first, second in _rivals(primaries):
        if first.id in second.playbook.on.wins_over or second.id in first.playbook.on.wins_over:
            continue
        if _disjoint(first.playbook.on.when, second.playbook.on.when):
            continue
        example = _shared(first.playbook, second.playbook)
        if example:
            message = f"{first.id} and {second.id} are both for {example}, and nothing says which one wins"
            hint = f"add `wins_over: [{first.id}]` under on, or conditions that exclude each other"
            yield Problem("P106", message, file=second.file, line=1, column=1, hint=hint)


def _rivals(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Pairs that have a host pattern in common, in written order: no others can be for the same place."""
    by_host: dict[object, list[int]] = {}
    for number, entry in enumerate(entries):
        for shape in {host_shape(place) for place in entry.playbook.on.match.places}:
            by_host.setdefault(shape, []).append(number)
    pairs = {pair for numbers in by_host.values() for pair in combinations(numbers, 2)}
    return ((entries[one], entries[other]) for one, other in sorted(pairs))


def _shared(first: Playbook, second: Playbook) -> str:
    """An example of a place that both are for with equal right."""
    for one, other in product(first.on.match.places, second.on.match.places):
        found = overlap(one, other)
        if same_host(one, other) and found.relation in (Relation.EQUAL, Relation.CROSSING):
            return f"{one.text} (such as {found.example})" if found.example else one.text
    return ""


def _disjoint(first: str | None, second: str | None) -> bool:
    """True where some field would have to have two values at once."""
    one, other = _words(first), _words(second)
    return any(not one[name] & other[name] for name in one.keys() & other.keys())


def _words(when: str | None) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for part in conjuncts(when or ""):
        equals, among = _EQUALS.fullmatch(part), _AMONG.fullmatch(part)
        if equals:
            found[equals[1]] = frozenset({equals[2]})
        elif among and (words := _WORD.findall(among[2])):
            found[among[1]] = frozenset(words)
    return found
