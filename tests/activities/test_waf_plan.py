"""The plan alone: whatever is asked of it, quotas hold, nothing foreign changes, nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from waf_support import block, lease, limit

from activities._waf.cost import rated, references, weight
from activities._waf.entry import Dialect, Entry, compile_lease, tag_of
from activities._waf.plan import Plan, plan
from activities._waf.register import Held, list_rules, read_list
from activities._waf.shelf import Limits
from activities._waf.standing import Group, Standing
from activities._waf.write import _resolved
from stanch.leases import Lease

NOW = datetime.now(UTC)
DIALECT = Dialect(addresses="peer", secret=b"k" * 16)
SMALL = Limits(rules=6, references=3, rates=1, addresses=3, sets=4, groups=2)
CAPACITY = 150


def entry(one: Lease) -> Entry:
    return compile_lease(one, DIALECT, now=NOW)


severities = st.sampled_from(["info", "low", "medium", "high", "critical"])
addresses = st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::1", "2001:db8::2"])
paths = st.sampled_from(["/a", "/b/{id}", "/c/**"])
blocks = st.builds(lambda path, ips: block(path, ips=tuple(sorted(ips))), paths, st.frozensets(addresses, max_size=3))
limits = st.builds(lambda path: limit(path, 100), paths)
leases = st.builds(
    lambda spec, name, severity, hours: lease(spec, name, severity=severity, hours=hours),
    blocks | limits,
    st.sampled_from("abcdef"),
    severities,
    st.integers(1, 4),
)
turns = st.lists(
    st.tuples(st.lists(leases, max_size=6, unique_by=lambda one: one.target), st.booleans(), st.integers(0, 9)),
    max_size=5,
)


def foreign(number: int) -> dict[str, Any]:
    shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "x"}
    statement = {"GeoMatchStatement": {"CountryCodes": ["AQ"]}}
    return {"Name": f"theirs-{number}", "Priority": 3 + number, "Statement": statement, "Action": {"Block": {}},
            "VisibilityConfig": shown}  # fmt: skip


def carried_out(standing: Standing, made: Plan) -> Standing:
    """What stands once the plan is written."""
    sets = dict(made.sets)
    arns = {name: f"arn:{name}" for name in sets}
    things: Any = {name: SimpleNamespace(arn=arn) for name, arn in arns.items()}
    groups = tuple(
        Group(name, CAPACITY, tuple(_resolved(rules, things))) for name, rules in sorted(made.groups.items())
    )
    return Standing(standing.prefix, groups, sets, arns, standing.others)


def targets(standing: Standing) -> set[str]:
    return {tag.target for shelf in standing.shelves() for tag in shelf.tags()}


def check_quotas(made: Plan) -> None:
    assert len(made.groups) <= SMALL.groups
    assert len(made.sets) <= SMALL.sets
    assert all(len(content) <= SMALL.addresses for content in made.sets.values())
    for rules in made.groups.values():
        assert sum(weight(rule) for rule in rules) <= CAPACITY
        assert len(rules) <= SMALL.rules
        assert len(references(rules)) <= SMALL.references
        assert sum(map(rated, rules)) <= SMALL.rates
        assert len({rule["Name"] for rule in rules}) == len({rule["Priority"] for rule in rules}) == len(rules)


@settings(max_examples=60, deadline=None)
@given(turns=turns)
def test_any_sequence_of_turns(turns: Sequence[tuple[list[Lease], bool, int]]) -> None:
    theirs = (foreign(0), foreign(1))
    standing = Standing("stanch-x", (Group("stanch-x-1", CAPACITY, theirs),))
    for adds, lifts, seed in turns:
        before = targets(standing)
        gone = {target for index, target in enumerate(sorted(before)) if lifts and (index + seed) % 2}
        goal = [entry(one) for one in adds]
        wanted = {one.tag.target for one in goal}
        gone -= wanted
        made = plan(standing, goal=goal, gone=lambda tag, gone=gone: tag.target in gone, limits=SMALL,
                    new_group=("stanch-x", CAPACITY))  # fmt: skip
        check_quotas(made)
        after = carried_out(standing, made)
        assert tuple(rule for rule in after.groups[0].rules if rule["Name"].startswith("theirs")) == theirs
        now = targets(after)
        assert not now & gone
        told = set(made.refused) | set(made.evicted)
        assert (before | wanted) - gone - now <= told, "what is not there and should be is told"
        assert now <= before | wanted
        assert not after.emptied() & {one.tag.target for one in goal if one.tag.target not in told}
        for target, tag in made.evicted.items():
            others = [one.tag.risk for one in goal if one.tag.target not in made.refused]
            assert target not in now
            assert tag.risk < max(others), "nothing makes room for what is of no higher risk"
        again = plan(after, goal=goal, gone=lambda _: False, limits=SMALL, new_group=("stanch-x", CAPACITY))
        if not told:
            assert carried_out(after, again) == after, "and once is enough"
        standing = after


@given(
    held=st.lists(st.tuples(st.from_regex(r"\A[A-Za-z0-9_-]{1,40}\Z"), addresses | st.just("10.0.0.0/8")), max_size=30)
)
def test_a_list_says_what_was_put_into_it(held: list[tuple[str, str]]) -> None:
    wanted = set()
    for number, (case, ip) in enumerate(held):
        one = lease(block(ips=(ip,)), case).model_copy(update={"expires_at": NOW + timedelta(hours=1 + number)})
        made = entry(one)
        wanted |= {Held(made.tag, network) for network in made.networks}
    rules = list_rules("stanch_pool-0123456789abcdef-1", wanted)
    assert {one for rule in rules for one in read_list(rule)} == wanted
    for rule in rules:
        for label in rule["RuleLabels"]:
            parts = label["Name"].split(":")
            assert len(parts) <= 6
            assert all(1 <= len(part) <= 128 for part in parts)


def test_a_rule_says_whose_it_is() -> None:
    made = entry(lease(block("/a"), severity="critical"))
    assert tag_of({**made.rule, "Priority": 0}) == made.tag
    stripped = {**made.rule, "RuleLabels": []}
    found = tag_of(stripped)
    assert found is not None
    assert found.risk == 9, "what cannot be weighed is not let go of"
