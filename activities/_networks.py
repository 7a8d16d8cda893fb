"""Addresses to block: networks of somebody, whichever way they are written."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from stanch.errors import Rejected

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = 96  # bits before an IPv4 address in an IPv6 one


def networks_of(ips: Sequence[str]) -> list[Network]:
    """The addresses as networks without host bits, each once; those that only map IPv4 into IPv6 as what they are.

    Raises:
        Rejected: one is no address, is of one link only, or is everybody.
    """
    try:
        found = [_plain(ipaddress.ip_network(ip, strict=False)) for ip in ips]
    except ValueError:
        raise Rejected("an address to block is not an IP address or CIDR block") from None
    if any(network.prefixlen == 0 for network in found):
        raise Rejected("an address to block is everybody")
    return list(dict.fromkeys(found))


def spelt(network: Network) -> list[Network]:
    """The network, and an IPv4 one also as proxies for both families write it into forwarded addresses."""
    if network.version == 6:
        return [network]
    mapped = ipaddress.IPv6Address((0xFFFF << 32) + int(network.network_address))
    return [network, ipaddress.IPv6Network((mapped, network.prefixlen + 96))]


def _plain(network: Network) -> Network:
    """An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address that servers see."""
    if isinstance(network, ipaddress.IPv4Network):
        return network
    if "%" in str(network):
        raise ValueError("an address with a zone is of one link only")
    mapped = network.network_address.ipv4_mapped
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ipaddress.IPv4Network((int(mapped), network.prefixlen - _MAPPED))
