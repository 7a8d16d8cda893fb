"""Whether an address belongs to networks, in the one spelling that both families share."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_network = lru_cache(maxsize=1024)(ipaddress.ip_network)


def within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks; an unreadable one is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    plain = getattr(found, "ipv4_mapped", None) or found
    return any(plain in _network(each) for each in networks)


def is_network(text: str) -> bool:
    """Whether a text names a network, with no bit set outside its prefix."""
    try:
        _network(text)
    except ValueError:
        return False
    return True
