"""Which operations of a list belong to nobody in particular: those that fall to the default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stanch.routing._index import Address
from stanch.routing._table import RouteTable


@dataclass(frozen=True)
class Coverage:
    """How much of a list of operations the rules speak about (R401).

    Args:
        unowned: operations that fall to the default, in the order given.
        hosts: host -> (operations, of these unowned).
    """

    unowned: tuple[Address, ...]
    hosts: dict[str, tuple[int, int]]


def coverage(table: RouteTable, operations: Iterable[Address]) -> Coverage:
    """Look every operation up; what an inventory says about owners is not asked here."""
    unowned: list[Address] = []
    total, without = Counter[str](), Counter[str]()
    for operation in operations:
        total[operation.host] += 1
        if not table.rule_at(operation):
            without[operation.host] += 1
            unowned.append(operation)
    return Coverage(tuple(unowned), {host: (count, without[host]) for host, count in sorted(total.items())})
