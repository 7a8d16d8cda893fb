"""Which lease a rule of our groups is of, by its name or by the list of its pool."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from activities._envoy.policy import parse_name
from activities._waf.entry import POOL
from activities._waf.record import Named
from activities._waf.register import Held
from activities._waf.standing import Standing


class Ours:
    """Our rule groups as they stand.

    Args:
        standing: what they hold.
        groups: their ARNs; a rule of the same name in anybody else's group is not ours.
    """

    def __init__(self, standing: Standing, groups: Iterable[str]) -> None:
        self._groups = frozenset(groups)
        pools = (pool for shelf in standing.shelves() for pool in shelf.pools.values())
        self._pools: Mapping[str, frozenset[Held]] = {pool.name: pool.held for pool in pools}

    def target(self, named: Named, client: str | None) -> str:
        """The target whose block a rule is, "" where it is none of ours.

        Where leases share a rule, the one that holds the client's address; the rule itself, where none of them alone
        does, as for the probe header that they share.
        """
        group, rule = named
        if group not in self._groups:
            return ""
        if rule.startswith(POOL):
            return self._sharing(rule, client)
        found = parse_name(rule)
        return (found.target or rule) if found else ""

    def concerns(self, named: Named, target: str) -> bool:
        """The rule is of this target, or of a pool that it is in."""
        group, rule = named
        if group not in self._groups:
            return False
        if rule.startswith(POOL):
            return any(held.tag.target == target for held in self._pools.get(rule, ()))
        found = parse_name(rule)
        return found is not None and found.target == target

    def _sharing(self, rule: str, client: str | None) -> str:
        held = self._pools.get(rule, frozenset())
        addresses = list(_addresses(client))
        inside = {one.tag.target for one in held if any(at in ipaddress.ip_network(one.network) for at in addresses)}
        targets = inside or {one.tag.target for one in held}
        return targets.pop() if len(targets) == 1 else rule


def _addresses(client: str | None) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Of a list of forwarded addresses, those that are some."""
    for word in (client or "").split(","):
        try:
            yield ipaddress.ip_address(word.strip())
        except ValueError:
            continue
