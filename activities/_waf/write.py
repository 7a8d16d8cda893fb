"""One turn at the rule groups and sets: read, plan, weigh, write in the order that never blocks too much, read again.

Addresses leave their set before anything else and join it last; a set is empty when a rule first refers to it; who
holds an address is listed before it is blocked and until it is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from activities._aws import LockConflict
from activities._waf.acl import pause
from activities._waf.cost import references
from activities._waf.entry import SET, Entry, Tag
from activities._waf.plan import Plan, plan
from activities._waf.register import LIST
from activities._waf.shelf import Limits
from activities._waf.standing import Standing
from activities._waf.store import Seen, Thing, WafStore
from stanch.errors import Rejected, RetrySafe

Rule = Mapping[str, Any]
Attach = Callable[[Mapping[str, str], Collection[Entry]], None]
Made = tuple[Plan, Standing]
_WEIGHINGS = 4
_BUDGET = 35.0  # seconds; an attempt has 60


class Writer:
    """Brings rule groups and sets to what is wanted.

    Args:
        store: reads and writes them.
        prefix: how our names begin.
        limits: quotas.
        capacity: of a group to come.
        attach: puts groups (name to ARN) in front of what they protect, before the goal goes into them.
        attempts: turns while others write the same objects.
    """

    def __init__(
        self, store: WafStore, *, prefix: str, limits: Limits, capacity: int, attach: Attach, attempts: int
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._limits = limits
        self._capacity = capacity
        self._attach = attach
        self._attempts = attempts
        self._weighed: dict[str, frozenset[str]] = {}  # statements that AWS has weighed together

    def read(self) -> Standing:
        """What stands."""
        return self._store.read().standing(self._prefix, withheld={})

    def seen(self) -> Seen:
        """The same with ids and ARNs."""
        return self._store.read()

    def groups(self) -> Sequence[str]:
        """ARNs of our groups."""
        return [group.arn for group in self._store.read().groups.values()]

    def change(self, goal: Collection[Entry], gone: Callable[[Tag], bool], check: Callable[[Standing], None]) -> Made:
        """Take out what is gone, put in the goal, and say what then stands.

        Args:
            goal: see `plan`.
            gone: see `plan`.
            check: gets what was read at first, and may refuse to go on.

        Raises:
            RetrySafe: others kept writing, or AWS asks for fewer calls; what was done stays and is found again.
        """
        deadline = time.monotonic() + _BUDGET
        seen = self._store.read()
        check(seen.standing(self._prefix, withheld={}))
        if goal and seen.groups:
            self._attach({name: group.arn for name, group in sorted(seen.groups.items())}, goal)
        for attempt in range(self._attempts):
            self._store.ready()
            seen = self._store.read()
            try:
                made = self._once(seen, goal, gone)
                return made, self.read()
            except LockConflict:
                if time.monotonic() > deadline:
                    break
                pause(attempt)
        raise RetrySafe("others kept changing our rule groups or sets", retry_after=2.0)

    def _once(self, seen: Seen, goal: Collection[Entry], gone: Callable[[Tag], bool]) -> Plan:
        withheld: dict[str, int] = {}
        for _ in range(_WEIGHINGS):
            made = self._planned(seen, goal, gone, withheld)
            seen = self._shrunk(seen, made)
            seen = self._prepared(seen, made, goal)
            over = self._overweight(seen, made)
            if not over:
                self._fill(seen, made)
                return made
            withheld = {name: withheld.get(name, 0) + over.get(name, 0) for name in {*withheld, *over}}
        raise Rejected("AWS weighs the rules otherwise than expected", hint="raise `capacity` for groups to come")

    def _planned(
        self, seen: Seen, goal: Iterable[Entry], gone: Callable[[Tag], bool], withheld: Mapping[str, int]
    ) -> Plan:
        standing = seen.standing(self._prefix, withheld=withheld)
        new = (self._prefix, self._capacity)
        return plan(standing, goal=goal, gone=gone, limits=self._limits, new_group=new)

    def _shrunk(self, seen: Seen, made: Plan) -> Seen:
        """Addresses that are to go leave at once, while the list still says whose they were."""
        for name, content in made.sets.items():
            one = seen.sets.get(name)
            if one is not None and not content >= frozenset(one.addresses):
                kept = self._store.write_addresses(one, content & frozenset(one.addresses))
                seen = replace(seen, sets={**seen.sets, name: kept})
        return seen

    def _prepared(self, seen: Seen, made: Plan, goal: Collection[Entry]) -> Seen:
        """Groups that are asked first and hold nothing yet, and sets without addresses."""
        new = [name for name in made.groups if name not in seen.groups]
        groups = {**seen.groups, **{name: self._store.create_group(name, self._capacity) for name in new}}
        if new:
            self._attach({name: groups[name].arn for name in sorted(groups)}, goal)
        missing = [name for name in made.sets if name not in seen.sets]
        sets = {**seen.sets, **{name: self._store.create_set(name, int(name[-1])) for name in missing}}
        return Seen(groups, sets, seen.others)

    def _overweight(self, seen: Seen, made: Plan) -> dict[str, int]:
        """By how much AWS itself finds groups too heavy; asked only where statements change."""
        found: dict[str, int] = {}
        for name, rules in made.groups.items():
            group = seen.groups[name]
            statements = _statements(rules)
            if statements - _statements(group.body.get("Rules", ())) - self._weighed.get(name, frozenset()):
                over = self._store.weigh(_resolved(rules, seen.sets)) - int(group.body["Capacity"])
                if over > 0:
                    found[name] = over
                else:
                    self._weighed[name] = statements
        return found

    def _fill(self, seen: Seen, made: Plan) -> None:
        for name, rules in made.groups.items():
            group, wanted = seen.groups[name], _resolved(rules, seen.sets)
            if _by_priority(group.body.get("Rules", ())) != wanted:
                self._store.write_rules(group, wanted)
        for name, content in made.sets.items():
            if content != frozenset(seen.sets[name].addresses):
                self._store.write_addresses(seen.sets[name], content)
        for name in made.spare:
            self._store.delete_set(seen.sets[name])


def _statements(rules: Sequence[Rule]) -> frozenset[str]:
    """Lists left out: they weigh what the plan says, one unit each."""
    return frozenset(repr(rule["Statement"]) for rule in rules if not str(rule["Name"]).startswith(LIST))


def _by_priority(rules: Sequence[Rule]) -> list[Rule]:
    return sorted(rules, key=lambda rule: int(rule["Priority"]))


def _resolved(rules: Sequence[Rule], sets: Mapping[str, Thing]) -> list[Rule]:
    """With the ARNs of sets that were made after the plan."""
    return [{**rule, "Statement": _placed(rule["Statement"], sets)} if _open(rule) else rule for rule in rules]


def _open(rule: Rule) -> bool:
    return any(arn.startswith(SET) for arn in references([rule]))


def _placed(value: Any, sets: Mapping[str, Thing]) -> Any:
    if isinstance(value, list):
        return [_placed(item, sets) for item in value]
    if not isinstance(value, dict):
        return value
    arn = value.get("ARN")
    if isinstance(arn, str) and arn.startswith(SET):
        return {**value, "ARN": sets[arn.removeprefix(SET)].arn}
    return {key: _placed(item, sets) for key, item in value.items()}
