"""Networks that blocks name, whichever way they are written."""

from __future__ import annotations

import pytest

from activities._networks import networks_of, spelt
from stanch.errors import Rejected


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["192.0.2.7", "192.0.2.9/24", "192.0.2.7/32"], ["192.0.2.7/32", "192.0.2.0/24"]),
        (["::ffff:192.0.2.7", "::ffff:192.0.2.0/120"], ["192.0.2.7/32", "192.0.2.0/24"]),
        (["2001:DB8:0::7"], ["2001:db8::7/128"]),
    ],
)
def test_each_is_found_once_as_what_it_is(given: list[str], found: list[str]) -> None:
    assert [str(network) for network in networks_of(given)] == found


@pytest.mark.parametrize(
    "given", ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "fe80::1%eth0", "fe80::1%,10.0.0.7", "nowhere", "192.0.2.1/33", ""]
)
def test_everybody_and_what_is_of_one_link_only_is_refused(given: str) -> None:
    with pytest.raises(Rejected):
        networks_of([given])


def test_proxies_for_both_families_write_ipv4_as_ipv6() -> None:
    (four,), (six,) = networks_of(["192.0.2.0/24"]), networks_of(["2001:db8::/48"])
    assert [str(network) for network in spelt(four)] == ["192.0.2.0/24", "::ffff:c000:200/120"]
    assert spelt(six) == [six]
