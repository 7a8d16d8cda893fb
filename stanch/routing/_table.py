"""A loaded ownership file, ready to answer who owns a finding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from stanch.routing._calendar import Calendar
from stanch.routing._choose import unique, why_not, winner
from stanch.routing._deadlines import Deadlines, calendar_of
from stanch.routing._decide import Book, finish, overlay, refine, start
from stanch.routing._hours import out_of_hours
from stanch.routing._index import Address, Hit, PlaceIndex
from stanch.routing._match import PlaceWords
from stanch.routing._merge import digest_form
from stanch.routing._model import Branch, RoutesFile, Rule
from stanch.routing._normal import normal_host, normal_path
from stanch.routing._people import People
from stanch.routing._written import Written
from stanch.views import FindingView, RouteView, TicketTarget

ENCODED = "path:encoded"
TRACED = 50  # rules of each kind that a trace names; it is kept with every case


@dataclass(frozen=True)
class Trace:
    """Why a decision came out as it did.

    Args:
        place: host and path in normal form.
        matched: the place that won, '' for the default.
        lost: (rule, reason) of the other rules that matched, most specific first.
        near: (rule, reason) of rules whose place matches but a condition does not.
        notes: refine branches, overlays and warnings, in the order in which they were looked at.
    """

    place: str
    matched: str
    lost: tuple[tuple[str, str], ...] = ()
    near: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Who owns a finding, by when, and why. `rule` is the rule and the branches taken, joined by slashes."""

    view: RouteView
    trace: Trace
    rule: str
    deadlines: Deadlines
    digest: str


class RouteTable:
    """Answers for one version of the file; immutable.

    Args:
        file: the checked file.
        data: its plain data, which the digest is made of.
        name: the file's name, for messages.
        written: where its words stand.
    """

    def __init__(self, file: RoutesFile, data: Mapping[str, Any], *, name: str, written: Written) -> None:
        self.file, self.name, self.written = file, name, written
        self.people = People(file.directory)
        canonical = json.dumps(digest_form(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.digest = hashlib.sha256(canonical.encode()).hexdigest()
        self._book = Book(file, self.people, {key: calendar_of(office) for key, office in file.calendars.items()})
        self._wins = {rule.id: frozenset(rule.wins_over) for rule in file.rules}
        self._beaten = frozenset(name for rule in file.rules for name in rule.wins_over)
        self._index: PlaceIndex[Rule] = PlaceIndex()
        for rule in file.rules:
            for place in rule.match.places:
                self._index.add(place, rule)

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        """The calendars of the file, ready to count with."""
        return self._book.calendars

    @cached_property
    def tickets(self) -> tuple[TicketTarget, ...]:
        """Every place that tickets may go to, by teams and by rules, each once."""
        named = [team.ticket.view for team in self.file.directory.teams.values()]
        decided = (self.file.default, *(word for rule in self.file.rules for word in _branches(rule)))
        named += [word.ticket.view for word in decided if word.ticket is not None]
        return tuple(each for index, each in enumerate(named) if each not in named[:index])

    @cached_property
    def without_rules(self) -> RouteTable:
        """The same people and promises, and nothing but the default: what tests are compared with."""
        bare = self.file.model_copy(update={"rules": (), "overlays": ()})
        return RouteTable(bare, {}, name=self.name, written=self.written)

    def without(self, gone: Collection[str]) -> RouteTable:
        """The same, with these people inactive."""
        directory = self.file.directory
        left = {
            name: user.model_copy(update={"active": False}) for name, user in directory.users.items() if name in gone
        }
        people = directory.model_copy(update={"users": {**directory.users, **left}})
        table = copy(self)
        table.__dict__.pop("without_rules", None)
        table.file = self.file.model_copy(update={"directory": people})
        table.people = People(people)
        table._book = Book(table.file, table.people, self._book.calendars)
        return table

    def route(self, finding: FindingView, now: datetime) -> Decision:
        """Decide; deterministic in its arguments. Deadlines count from `now`."""
        address = address_of(finding)
        hits = self._find(address)
        best = winner(hits, _name, self._wins)
        rule = best.value if best else None
        draft = start(self.file, rule, self._believed(finding))
        if self._goes_elsewhere(address, rule):
            draft = draft.noted("the path as written would go to another rule").tagged(ENCODED)
        draft = overlay(refine(draft, rule.refine if rule else (), finding), self.file.overlays, finding)
        draft = draft.noted(*self._absences(draft.assignee or self.people.lead(draft.owner), now))
        draft = out_of_hours(draft, self._book, now)
        view, deadlines = finish(draft, self._book, now)
        trace = _trace(address, best, hits, draft.notes)
        return Decision(view=view, trace=trace, rule=view.rule, deadlines=deadlines, digest=self.digest)

    def _absences(self, ref: str, now: datetime) -> list[str]:
        span = self.people.away(ref, now)
        return [f"{ref} is away until {span.until.isoformat()}"] if span else []

    def rule_at(self, address: Address) -> str:
        """The id of the rule that wins at an address, '' where the default answers; much quicker than `route`."""
        if not self._ignores_case(address.host):
            best = self._index.best(address)
            if best is None or best.value.id not in self._beaten:
                return best.value.id if best else ""
        hit = winner(self._find(address), _name, self._wins)
        return hit.value.id if hit else ""

    def _find(self, address: Address, *, raw: bool = False) -> list[Hit[Rule]]:
        if self._ignores_case(address.host):
            return self._folded.find(replace(address, path=address.path.lower()), raw=raw)
        return self._index.find(address, raw=raw)

    def _ignores_case(self, host: str) -> bool:
        return bool(self.file.ignore_case) and self._caseless.best(Address(host=host)) is not None

    @cached_property
    def _caseless(self) -> PlaceIndex[str]:
        index: PlaceIndex[str] = PlaceIndex()
        for host in self.file.ignore_case:
            index.add(PlaceWords(host=host).place, host)
        return index

    @cached_property
    def _folded(self) -> PlaceIndex[Rule]:
        index: PlaceIndex[Rule] = PlaceIndex()
        for rule in self.file.rules:
            for place in rule.match.places:
                index.add(place.folded, rule)
        return index

    def _believed(self, finding: FindingView) -> FindingView:
        """Without an owner whom the directory does not know."""
        if not finding.api.owner or self.people.known(finding.api.owner):
            return finding
        return finding.model_copy(update={"api": finding.api.model_copy(update={"owner": ""})})

    def _goes_elsewhere(self, address: Address, rule: Rule | None) -> bool:
        if address.path.rstrip("/") == normal_path(address.path).rstrip("/"):
            return False
        raw = winner(self._find(address, raw=True), _name, self._wins)
        return (raw.value if raw else None) is not rule


def address_of(finding: FindingView) -> Address:
    """What a finding is looked up by; a concrete path goes before its template, no environment counts as prod."""
    api = finding.api
    return Address(
        host=api.host,
        path=api.path or api.path_template,
        method=api.method,
        environment=api.environment or "prod",
        source=finding.source,
    )


def _name(rule: Rule) -> str:
    return rule.id


def _trace(address: Address, best: Hit[Rule] | None, hits: list[Hit[Rule]], notes: tuple[str, ...]) -> Trace:
    place = f"{normal_host(address.host)}{normal_path(address.path)}"
    if best is None:
        near = [(hit.value.id, why_not(hit, hit, address)) for hit in unique(hits, _name)[:TRACED]]
        return Trace(place, "", near=tuple(near), notes=notes)
    others = [hit for hit in unique(hits, _name) if hit.value.id != best.value.id]
    lost = [hit for hit in others if not hit.unmet][:TRACED]
    near_by = [hit for hit in others if hit.unmet][:TRACED]
    return Trace(
        place,
        best.place.text,
        lost=tuple((hit.value.id, why_not(best, hit, address)) for hit in lost),
        near=tuple((hit.value.id, why_not(best, hit, address)) for hit in near_by),
        notes=notes,
    )


def _branches(word: Rule | Branch) -> Iterator[Rule | Branch]:
    """A rule with all its branches."""
    yield word
    for branch in word.refine:
        yield from _branches(branch)
