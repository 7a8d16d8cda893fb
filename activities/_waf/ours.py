"""Which lease a rule of our groups is of, by its name or by the list of its pool."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from activities._envoy.policy import parse_name
from activities._waf.entry import POOL
from activities._waf.record import Named
from activities._waf.register import Held
from activities._waf.standing import Standing

_MOST_WORDS = 64  # of forwarded addresses: whoever sends more is not told apart
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Pool:
    """Who holds which network; found by masking an address, since attackers say how many are asked for."""

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self.targets: set[str] = set()
        self._networks: dict[tuple[int, int], dict[int, set[str]]] = {}
        for one in held:
            network = ipaddress.ip_network(one.network)
            self.targets.add(one.tag.target)
            same = self._networks.setdefault((network.version, network.prefixlen), {})
            same.setdefault(int(network.network_address), set()).add(one.tag.target)

    def around(self, address: Address) -> Iterator[str]:
        """Targets with a network that holds the address."""
        for (version, length), networks in self._networks.items():
            if version == address.version:
                rest = address.max_prefixlen - length
                yield from networks.get(int(address) >> rest << rest, ())


class Ours:
    """Our rule groups as they stand.

    Args:
        standing: what they hold.
        groups: their ARNs; a rule of the same name in anybody else's group is not ours.
    """

    def __init__(self, standing: Standing, groups: Iterable[str]) -> None:
        self._groups = frozenset(groups)
        pools = (pool for shelf in standing.shelves() for pool in shelf.pools.values())
        self._pools: Mapping[str, _Pool] = {pool.name: _Pool(pool.held) for pool in pools}

    def target(self, named: Named, client: str | None) -> str:
        """The target whose block a rule is, "" where it is none of ours.

        Where leases share a rule, the one that holds the client's address; the rule itself, where none of them alone
        does, as for the probe header that they share, or more addresses are forwarded than are looked at.
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
            return target in self._pools.get(rule, _NOBODY).targets
        found = parse_name(rule)
        return found is not None and found.target == target

    def _sharing(self, rule: str, client: str | None) -> str:
        words = (client or "").split(",", _MOST_WORDS)
        if len(words) > _MOST_WORDS:
            return rule
        pool = self._pools.get(rule, _NOBODY)
        targets = {target for at in _addresses(words) for target in pool.around(at)} or pool.targets
        return next(iter(targets)) if len(targets) == 1 else rule


_NOBODY = _Pool()


def _addresses(words: Iterable[str]) -> Iterator[Address]:
    """Of a list of forwarded addresses, those that are some."""
    for word in words:
        try:
            yield ipaddress.ip_address(word.strip())
        except ValueError:
            continue
