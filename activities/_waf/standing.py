"""What stands at AWS for us, as it was read: rule groups and sets, what they hold, and a digest of it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities._waf.entry import POOL
from activities._waf.networks import family
from activities._waf.register import Held
from activities._waf.shelf import Pool, Shelf, read_shelf

Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """A rule group as it was read."""

    name: str
    capacity: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Standing:
    """What stands.

    Args:
        prefix: how the names of our sets begin.
        sets: name to addresses.
        arns: of sets, by name.
        others: how many sets of the account are not ours.
    """

    prefix: str
    groups: tuple[Group, ...] = ()
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    arns: Mapping[str, str] = field(default_factory=dict[str, str])
    others: int = 0

    def set_name(self, pool: str, number: int) -> str:
        return f"{self.prefix}-{pool.removeprefix(POOL)}-v{number}"

    def families(self, pool: str) -> frozenset[int]:
        return frozenset(number for number in (4, 6) if self.set_name(pool, number) in self.sets)

    def shelves(self) -> list[Shelf]:
        return [read_shelf(group.name, group.capacity, group.rules, self.families) for group in self.groups]

    def emptied(self) -> frozenset[str]:
        """Targets of which an address is listed and not in its set."""
        pools = (pool for shelf in self.shelves() for pool in shelf.pools.values())
        return frozenset(held.tag.target for pool in pools for held in pool.held if not self.has(pool, held))

    def has(self, pool: Pool, held: Held) -> bool:
        """The address is in the pool's set."""
        return held.network in self.sets.get(self.set_name(pool.name, family(held.network)), ())

    def digest(self) -> str:
        """What stands of ours, whatever the order; empty where nothing does."""
        lines = sorted(line for shelf in self.shelves() for line in self._lines(shelf))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""

    def _lines(self, shelf: Shelf) -> Iterator[str]:
        for rule in (*shelf.own.values(), *(pool.rule for pool in shelf.pools.values())):
            shown = {**rule, "Priority": 0}
            yield json.dumps([shelf.name, shown], sort_keys=True, default=lambda blob: blob.hex())
        for name, pool in shelf.pools.items():
            for held in pool.held:
                yield json.dumps([shelf.name, name, held.tag.name, held.network, self.has(pool, held)])
