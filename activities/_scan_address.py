"""Which address a host may be reached at: looked up once, checked, and then that very address is called."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from stanch.errors import Rejected, RetrySafe


def allowed_address(host: str, port: int, networks: Sequence[str]) -> str:
    """The first address of a host, all of which must be allowed; see `allowed_addresses`."""
    return allowed_addresses(host, port, networks)[0]


def allowed_addresses(host: str, port: int, networks: Sequence[str]) -> list[str]:
    """The addresses of a host, all of which must be allowed, in the order to try them.

    Calling the address instead of the name keeps a name server from sending the second look elsewhere.

    Args:
        host: in normal form.
        port: for the lookup.
        networks: the only ones allowed; none named means public addresses only.

    Raises:
        Rejected: V028, an address is private, or outside the networks.
        RetrySafe: the name cannot be resolved now.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise RetrySafe("the host's name cannot be resolved", hint="check the name server") from None
    addresses = [str(item[4][0]).partition("%")[0] for item in found]
    if not addresses or not all(_allowed(address, networks) for address in addresses):
        hint = "name its network in `networks` of that section, if it may be called"
        raise Rejected("the host has an address that may not be called", code="V028", hint=hint)
    return list(dict.fromkeys(addresses))


def _allowed(text: str, networks: Sequence[str]) -> bool:
    address = ipaddress.ip_address(text)
    address = getattr(address, "ipv4_mapped", None) or address
    if networks:
        return any(address in ipaddress.ip_network(network) for network in networks)
    odd = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not odd and getattr(address, "sixtofour", None) is None  # which hold IPv4 addresses
