"""Addresses to block as AWS wants them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from activities import _networks


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
        Rejected: see `activities._networks`.
    """
    return tuple(sorted(str(network) for network in _networks.networks_of(ips)))
