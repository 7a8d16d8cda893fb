"""Which lease a rule of our groups is of: found among many networks, and whatever attackers forward."""

from __future__ import annotations

import itertools
import time

import pytest

from activities._waf.entry import Tag
from activities._waf.ours import Ours
from activities._waf.register import Held, list_rules
from activities._waf.standing import Group, Standing

GROUP, RULE = "arn:group", "stanch_pool-abc-1"


def ours(*held: tuple[str, str]) -> Ours:
    """Leases as (target, network) in one pool."""
    listed = list_rules(RULE, [Held(Tag(3, 2_000_000_000, target, "case"), network) for target, network in held])
    return Ours(
        Standing("stanch", (Group("stanch-1", 1000, ({"Name": RULE, "Priority": 1}, *_placed(listed))),)), [GROUP]
    )


def _placed(rules: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{**rule, "Priority": number} for number, rule in enumerate(rules, 2)]


@pytest.mark.parametrize(
    ("client", "whose"),
    [
        ("192.0.2.7", "one"),
        ("198.51.100.200", "two"),
        ("198.51.101.1", RULE),
        ("2001:db8::5", "six"),
        ("2001:db9::5", RULE),
        ("::c000:207", RULE),  # the same number in the other family
        ("10.1.2.3, 192.0.2.7", "one"),
        ("192.0.2.7, 198.51.100.9", RULE),
        ("192.0.2.7,junk,,\u0661.2.3.4", "one"),
        ("192.0.2.9", RULE),  # two leases hold it
        ("", RULE),
        (None, RULE),
    ],
)
def test_the_lease_is_told_by_the_clients_address(client: str | None, whose: str) -> None:
    held = [("one", "192.0.2.7/32"), ("two", "198.51.100.0/24"), ("six", "2001:db8::/32")]
    held += [("one", "192.0.2.9/32"), ("two", "192.0.2.9/32")]
    assert ours(*held).target((GROUP, RULE), client) == whose


def test_whoever_has_the_rule_alone_is_told_without_an_address() -> None:
    alone = ours(("one", "192.0.2.7/32"), ("one", "192.0.2.8/32"))
    assert alone.target((GROUP, RULE), "203.0.113.1") == "one"
    assert alone.concerns((GROUP, RULE), "one")
    assert not alone.concerns((GROUP, RULE), "two")
    assert alone.target(("arn:theirs", RULE), "192.0.2.7") == ""


def test_more_forwarded_addresses_than_are_looked_at_tell_nobody() -> None:
    pool = ours(("one", "192.0.2.7/32"), ("two", "192.0.2.8/32"))
    assert pool.target((GROUP, RULE), ",".join(["192.0.2.7"] * 64)) == "one"
    assert pool.target((GROUP, RULE), ",".join(["192.0.2.7"] * 65)) == RULE
    assert ours(("one", "192.0.2.7/32")).target((GROUP, RULE), "," * 64) == RULE


def test_many_records_of_attackers_who_forward_much_are_quick() -> None:
    numbers = itertools.product(range(16), range(250))
    pool = ours(*((f"t{a}x{b}", f"10.0.{a}.{b}/32") for a, b in numbers))
    client = ",".join(f"10.0.15.{n}" for n in range(64))
    started = time.process_time()
    assert {pool.target((GROUP, RULE), client) for _ in range(200)} == {RULE}
    assert time.process_time() - started < 2.0, "4,000 networks are not gone through for each address"
