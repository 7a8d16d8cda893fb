"""Addresses to block as AWS wants them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from stanch.errors import Rejected

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = 96  # bits before an IPv4 address in an IPv6 one


def family(network: str) -> int:
    return 6 if ":" in network else 4


def plainly(address: str) -> str:
    """An address of a set in our spelling: AWS gives IPv6 written out in full, whatever it was sent."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(address, strict=False))
    except ValueError:
        return address


def networks_of(ips: Sequence[str]) -> tuple[str, ...]:
    """Addresses as AWS wants them: blocks, without host bits.

    Raises:
        Rejected: one is no address, or is everybody.
    """
    try:
        found = {_plain(ipaddress.ip_network(ip, strict=False)) for ip in ips}
    except ValueError:
        raise Rejected("an address to block is not an IP address or CIDR block") from None
    if any(network.prefixlen == 0 for network in found):
        raise Rejected("an address to block is everybody")
    return tuple(sorted(str(network) for network in found))


def _plain(network: Network) -> Network:
    """An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address that WAF sees."""
    if isinstance(network, ipaddress.IPv4Network):
        return network
    if "%" in str(network):
        raise ValueError("an address with a zone is of one link only")
    mapped = network.network_address.ipv4_mapped
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ipaddress.IPv4Network((int(mapped), network.prefixlen - _MAPPED))
