"""One of our rule groups as a value: rules of leases, pools with their lists, and what is not ours, with its limits.

Pure. A change makes a new value, so that a plan can be tried and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from activities._waf.cost import rated, references, weight
from activities._waf.entry import POOL, SET, Tag, tag_of
from activities._waf.networks import family
from activities._waf.register import LIST, Held, list_rules, overhead, pool_listed, read_list

Rule = Mapping[str, Any]
Arns = Mapping[int, str]  # family -> ARN of the pool's set


@dataclass(frozen=True)
class Limits:
    """Amazon's quotas, per region and account unless said otherwise (AWS WAF quotas; a group's capacity is its own)."""

    rules: int = 100  # per group: our own bound, so that one update stays small
    references: int = 50  # per group
    rates: int = 4  # rate-based rules per group
    addresses: int = 10_000  # per set
    sets: int = 100
    groups: int = 2  # of ours


@dataclass(frozen=True)
class Pool:
    """Leases that differ in their addresses only.

    Args:
        rule: as read, or as compiled with `set:4` and `set:6`.
        families: of the sets that it has or is to have.
    """

    name: str
    rule: Rule
    held: frozenset[Held] = frozenset()
    families: frozenset[int] = frozenset()

    def networks(self, number: int) -> frozenset[str]:
        return frozenset(held.network for held in self.held if family(held.network) == number)

    def holding(self, held: Collection[Held]) -> Pool:
        families = {family(one.network) for one in held}
        return replace(self, held=self.held | frozenset(held), families=self.families | families)

    @property
    def wcu(self) -> int:
        template = weight(self.rule) if SET in str(references([self.rule])) else weight(self.rule) + 5
        return template + overhead(len(self.held))


@dataclass(frozen=True)
class Shelf:
    """A rule group.

    Args:
        foreign: rules of others, and ours that nobody can read.
        own: by rule name.
        pools: by pool name.
        priorities: of rules that stood, by name.
    """

    name: str
    capacity: int
    foreign: tuple[Rule, ...] = ()
    own: Mapping[str, Rule] = field(default_factory=dict[str, Rule])
    pools: Mapping[str, Pool] = field(default_factory=dict[str, Pool])
    priorities: Mapping[str, int] = field(default_factory=dict[str, int])

    def with_rule(self, rule: Rule) -> Shelf:
        return replace(self, own={**self.own, str(rule["Name"]): rule})

    def with_pool(self, pool: Pool) -> Shelf:
        return replace(self, pools={**self.pools, pool.name: pool})

    def without(self, gone: Callable[[Tag], bool]) -> Shelf:
        """Without what leases with such tags hold; a pool that is empty then is left, since it may hold others' too."""
        own = {name: rule for name, rule in self.own.items() if not gone(_tag(rule))}
        pools = {name: _keeping(pool, gone) for name, pool in self.pools.items()}
        return replace(self, own=own, pools=pools)

    def tags(self) -> Iterator[Tag]:
        yield from (_tag(rule) for rule in self.own.values())
        yield from {held.tag for pool in self.pools.values() for held in pool.held}

    def lacks(self, limits: Limits) -> str:
        """What there is not enough of, "" where all fits."""
        rules = [*self.foreign, *self.own.values()]
        used = sum(weight(rule) for rule in rules) + sum(pool.wcu for pool in self.pools.values())
        count = len(rules) + sum(1 + overhead(len(pool.held)) for pool in self.pools.values())
        refers = len(references(rules)) + sum(len(pool.families) for pool in self.pools.values())
        lacking = {
            "capacity": used > self.capacity,
            "rules": count > limits.rules,
            "references to sets": refers > limits.references,
            "rate-based rules": sum(map(rated, rules)) > limits.rates,
        }
        return next((word for word, short in lacking.items() if short), "")

    def rules(self, arns: Mapping[str, Arns]) -> tuple[Rule, ...]:
        """All rules as an update sends them, by priority; `arns` are those of each pool's sets."""
        ours: list[Rule] = list(self.own.values())
        for name, pool in self.pools.items():
            ours += [with_sets(pool.rule, name, arns[name]), *list_rules(name, pool.held)]
        taken = {int(rule["Priority"]) for rule in self.foreign} | {*self.priorities.values()}
        free = (number for number in range(100_000) if number not in taken)
        placed = [{**rule, "Priority": self.priorities.get(str(rule["Name"]), -1)} for rule in ours]
        placed = [rule if rule["Priority"] >= 0 else {**rule, "Priority": next(free)} for rule in placed]
        return tuple(sorted([*self.foreign, *placed], key=lambda rule: int(rule["Priority"])))


def read_shelf(name: str, capacity: int, rules: Sequence[Rule], families: Callable[[str], frozenset[int]]) -> Shelf:
    """A rule group as it was read; `families` knows which sets of a pool there are."""
    own = {str(rule["Name"]): rule for rule in rules if tag_of(rule)}
    listed: dict[str, set[Held]] = {}
    for rule in rules:
        if pool_listed(rule):
            listed.setdefault(pool_listed(rule), set()).update(read_list(rule))
    pools = {
        str(rule["Name"]): Pool(
            str(rule["Name"]), rule, frozenset(listed.get(str(rule["Name"]), ())), families(str(rule["Name"]))
        )
        for rule in rules
        if str(rule["Name"]).startswith(POOL)
    }
    ours = (*own, *pools)
    foreign = tuple(rule for rule in rules if rule["Name"] not in ours and not str(rule["Name"]).startswith(LIST))
    return Shelf(name, capacity, foreign, own, pools, {str(rule["Name"]): int(rule["Priority"]) for rule in rules})


def with_sets(rule: Rule, name: str, arns: Arns) -> Rule:
    """A pool's rule with the ARNs of its sets, as compiled or as it was read."""
    if not any(one.startswith(SET) for one in references([rule])):
        return rule
    return {
        **rule,
        "Name": name,
        "Statement": _placed(rule["Statement"], arns),
        "VisibilityConfig": {**rule["VisibilityConfig"], "MetricName": name},
    }


def _placed(statement: Mapping[str, Any], arns: Arns) -> dict[str, Any]:
    ((kind, body),) = statement.items()
    if kind == "IPSetReferenceStatement":
        arn = arns.get(int(body["ARN"].removeprefix(SET)), "") if body["ARN"].startswith(SET) else body["ARN"]
        return {kind: {**body, "ARN": arn}} if arn else {}
    if "Statements" in body:
        inner = [placed for one in body["Statements"] if (placed := _placed(one, arns))]
        return inner[0] if len(inner) == 1 else {kind: {**body, "Statements": inner}} if inner else {}
    return {kind: body}


def _keeping(pool: Pool, gone: Callable[[Tag], bool]) -> Pool:
    return replace(pool, held=frozenset(held for held in pool.held if not gone(held.tag)))


def _tag(rule: Rule) -> Tag:
    tag = tag_of(rule)
    assert tag is not None, "only rules with a tag are kept as our own"
    return tag
