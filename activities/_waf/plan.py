"""What our rule groups and IP sets must be: who goes where, who has to wait, and who makes room.

Pure: from what stands, what is wanted and the quotas, to the contents of every group and set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from activities._waf.entry import POOL, SET, Entry, Tag, pool_name, tag_of
from activities._waf.register import Held
from activities._waf.shelf import Arns, Limits, Pool, Shelf, with_sets
from activities._waf.standing import Standing

Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is to stand.

    Args:
        groups: rules by group; an ARN that begins with `set:` is that of the set with this name.
        sets: addresses by set, all sets of ours that are to be.
        spare: sets that nobody needs any more.
        refused: target to reason.
        evicted: what stood and had to make room.
    """

    groups: Mapping[str, tuple[Rule, ...]]
    sets: Mapping[str, frozenset[str]]
    spare: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    evicted: Mapping[str, Tag] = field(default_factory=dict[str, Tag])


def plan(
    standing: Standing,
    *,
    goal: Iterable[Entry],
    gone: Callable[[Tag], bool],
    limits: Limits,
    new_group: tuple[str, int],
) -> Plan:
    """Take out what is `gone`, put in the goal; what else stands stays unless it must make room.

    Args:
        standing: as it was read.
        goal: entries to stand; of the same target, what stood before is replaced.
        gone: true of what is to go.
        limits: quotas.
        new_group: beginning of the name and capacity of groups to come.
    """
    desk = _Desk(standing, limits, new_group)
    desk.shelves = [shelf.without(gone) for shelf in desk.shelves]
    wanted = sorted(goal, key=lambda entry: entry.tag, reverse=True)
    for batch in _batches(wanted):
        desk.put_all(batch)
    return desk.result(frozenset(network for entry in wanted for network in entry.networks))


class _Desk:
    """The groups while they are planned."""

    def __init__(self, standing: Standing, limits: Limits, new_group: tuple[str, int]) -> None:
        self.shelves = standing.shelves()
        self._listed = _listed(standing, self.shelves)
        self._standing, self._limits, self._new = standing, limits, new_group
        self._refused: dict[str, str] = {}
        self._evicted: dict[str, Tag] = {}

    def put_all(self, batch: Sequence[Entry]) -> None:
        """Entries of one pool together, which is the usual case and cheap; one by one where that does not go."""
        fresh = self._fresh(batch)
        if len(fresh) < 2 or self._tried(fresh):
            for entry in fresh:
                lacking = self._tried([entry])
                if lacking:
                    self._refused[entry.tag.target] = f"no room for another block: not enough {lacking}"

    def _tried(self, batch: Sequence[Entry]) -> str:
        """Where it fits; nothing changes, and what stood for the targets stays, where it fits nowhere."""
        before = list(self.shelves)
        targets = {entry.tag.target for entry in batch}
        self.shelves = [shelf.without(lambda tag: tag.target in targets) for shelf in self.shelves]
        first = batch[0]
        lacking = self._pooled(batch) if first.pool else self._place(lambda shelf: shelf.with_rule(first.rule), first)
        if lacking:
            self.shelves = before
        else:
            self._evicted = {target: tag for target, tag in self._evicted.items() if target not in targets}
        return lacking

    def _fresh(self, batch: Sequence[Entry]) -> list[Entry]:
        """Those that do not stand as they should."""
        if not batch[0].pool:
            rules = {name: rule for shelf in self.shelves for name, rule in shelf.own.items()}
            return [entry for entry in batch if not _same(rules.get(entry.tag.name), entry.rule)]
        listed: dict[Tag, set[str]] = {}
        for shelf in self.shelves:
            for name, pool in shelf.pools.items():
                right = _same(pool.rule, with_sets(batch[0].rule, name, self._arns(pool)))
                for held in pool.held if right and _of(name) == batch[0].pool else ():
                    if self._standing.has(pool, held):
                        listed.setdefault(held.tag, set()).add(held.network)
        return [entry for entry in batch if listed.get(entry.tag) != set(entry.networks)]

    def _pooled(self, batch: Sequence[Entry]) -> str:
        held = [Held(entry.tag, network) for entry in batch for network in entry.networks]
        scope, rule = batch[0].pool, batch[0].rule
        ordinals = [0]
        for index, shelf in enumerate(self.shelves):
            for name, pool in shelf.pools.items():
                if _of(name) != scope:
                    continue
                ordinals.append(int(name.rpartition("-")[2]))
                tried = shelf.with_pool(replace(pool, rule=rule).holding(held))
                if not self._short(tried, index, tried.pools[name]):
                    self.shelves[index] = tried
                    return ""
        new = Pool(pool_name(scope, max(ordinals) + 1), rule).holding(held)
        return self._place(lambda shelf: shelf.with_pool(new), batch[0], new)

    def _place(self, change: Callable[[Shelf], Shelf], entry: Entry, pool: Pool | None = None) -> str:
        lacking = ""
        for index, shelf in enumerate(self.shelves):
            lacking = self._short(change(shelf), index, pool)
            if not lacking:
                self.shelves[index] = change(shelf)
                return ""
        if len(self.shelves) < self._limits.groups:
            fresh = change(Shelf(self._new_name(), self._new[1]))
            lacking = self._short(fresh, len(self.shelves), pool)
            if not lacking:
                self.shelves.append(fresh)
            return lacking
        return self._make_room(change, entry.tag, pool, lacking)

    def _make_room(self, change: Callable[[Shelf], Shelf], tag: Tag, pool: Pool | None, lacking: str) -> str:
        """Let go of rules of less risk, the least first, on the one group where that is enough."""
        for index, shelf in enumerate(self.shelves):
            lesser = sorted(own for own in map(tag_of, shelf.own.values()) if own is not None and own.risk < tag.risk)
            for count in range(1, len(lesser) + 1):
                going = frozenset(lesser[:count])
                tried = change(shelf.without(going.__contains__))
                if not self._short(tried, index, pool):
                    self._let_go(shelf, change, going, index, pool)
                    return ""
        return lacking

    def _let_go(
        self, shelf: Shelf, change: Callable[[Shelf], Shelf], going: frozenset[Tag], index: int, pool: Pool | None
    ) -> None:
        """Only of those whose going is of use: the one lacking may be limits, of which the least risk was none."""
        for tag in sorted(going, reverse=True):
            fewer = going - {tag}
            if not self._short(change(shelf.without(fewer.__contains__)), index, pool):
                going = fewer
        self.shelves[index] = change(shelf.without(going.__contains__))
        self._evicted |= {one.target: one for one in going}

    def _short(self, shelf: Shelf, index: int, pool: Pool | None) -> str:
        if pool is not None:
            if any(len(self._content(pool, number)) > self._limits.addresses for number in (4, 6)):
                return "addresses per set"
            others = [one for at, one in enumerate(self.shelves) if at != index]
            if sum(len(one.families) for each in (*others, shelf) for one in each.pools.values()) > self._sets():
                return "IP sets"
        return shelf.lacks(self._limits)

    def _sets(self) -> int:
        return self._limits.sets - self._standing.others

    def _content(self, pool: Pool, number: int) -> frozenset[str]:
        name = self._standing.set_name(pool.name, number)
        foreign = self._standing.sets.get(name, frozenset()) - self._listed.get(name, frozenset())
        return foreign | pool.networks(number)

    def _new_name(self) -> str:
        taken = {shelf.name for shelf in self.shelves}
        return next(name for number in range(1, 1000) if (name := f"{self._new[0]}-{number}") not in taken)

    def result(self, wanted: frozenset[str]) -> Plan:
        """The contents; an address goes in only where it is wanted now: what is listed and not in stays out."""
        sets: dict[str, frozenset[str]] = {}
        groups: dict[str, tuple[Rule, ...]] = {}
        for shelf in self.shelves:
            kept = replace(shelf, pools={name: pool for name, pool in shelf.pools.items() if self._needed(pool)})
            for name, pool in kept.pools.items():
                for number in pool.families:
                    called = self._standing.set_name(name, number)
                    standing = self._standing.sets.get(called, frozenset())
                    sets[called] = self._content(pool, number) & (standing | wanted)
            arns = {name: self._arns(pool) for name, pool in kept.pools.items()}
            groups[shelf.name] = kept.rules(arns)
        spare = tuple(sorted(self._standing.sets.keys() - sets.keys()))
        return Plan(groups, sets, spare, self._refused, self._evicted)

    def _needed(self, pool: Pool) -> bool:
        """It holds something, or somebody else has put addresses into its sets."""
        return bool(pool.held) or any(self._content(pool, number) for number in pool.families)

    def _arns(self, pool: Pool) -> Arns:
        names = {number: self._standing.set_name(pool.name, number) for number in pool.families}
        return {number: self._standing.arns.get(name, SET + name) for number, name in names.items()}


def _listed(standing: Standing, shelves: Sequence[Shelf]) -> dict[str, frozenset[str]]:
    """What our lists say of each set; a set whose pool does not stand holds only what was left behind."""
    found: dict[str, frozenset[str]] = dict(standing.sets)
    for shelf in shelves:
        for name, pool in shelf.pools.items():
            found |= {standing.set_name(name, number): pool.networks(number) for number in (4, 6)}
    return found


def _batches(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries of one pool together, in the order of who comes first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.pool or entry.tag.name, []).append(entry)
    return list(found.values())


def _same(standing: Rule | None, wanted: Rule) -> bool:
    return standing is not None and {**standing, "Priority": 0} == {**wanted, "Priority": 0}


def _of(name: str) -> str:
    """The scope that a pool serves."""
    return name.removeprefix(POOL).rpartition("-")[0]
