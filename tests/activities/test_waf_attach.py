"""Where our rule groups may stand in a customer's web ACL: before all that lets requests in, groups too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_support import boto, managed_rule
from waf_support import Bed, bed, block, lease

from activities._waf.attach import reference
from stanch.errors import Rejected
from stanch.sandbox.aws import AwsStandin

Make = Callable[[Bed], dict[str, Any]]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


def group_of(scene: Bed, name: str) -> dict[str, Any]:
    """A reference to a rule group that somebody made."""
    shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
    name = f"{name}-{scene.customer.name}"
    made = boto(scene.aws).create_rule_group(Name=name, Scope="REGIONAL", Capacity=10, Rules=[], VisibilityConfig=shown)
    return reference(name, made["Summary"]["ARN"], 0)


def own_group(scene: Bed) -> dict[str, Any]:
    return group_of(scene, "office")


def counting_group(scene: Bed) -> dict[str, Any]:
    return own_group(scene) | {"OverrideAction": {"Count": {}}}


def group_of_another_point(scene: Bed) -> dict[str, Any]:
    return group_of(scene, "stanch-other")


def managed(scene: Bed) -> dict[str, Any]:
    return managed_rule("theirs", "AWSManagedRulesCommonRuleSet")


def overridden(scene: Bed, action: str = "Allow") -> dict[str, Any]:
    rule = managed(scene)
    override = {"Name": "NoUserAgent_HEADER", "ActionToUse": {action: {}}}
    rule["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = [override]
    return rule


def overridden_to_count(scene: Bed) -> dict[str, Any]:
    return overridden(scene, "Count")


def put_first(scene: Bed, rule: dict[str, Any]) -> None:
    shifted = [{**one, "Priority": one["Priority"] + 10} for one in scene.customer.rules()]
    scene.customer.put_rules([{**rule, "Priority": 0}, *shifted])


@pytest.mark.parametrize("make", [own_group, overridden])
def test_a_group_that_may_let_requests_in_is_no_place_to_be(aws: AwsStandin, make: Make) -> None:
    scene = bed(aws)
    rule = make(scene)
    put_first(scene, rule)
    with pytest.raises(Rejected, match=f"no free priority before rule {rule['Name']}"):
        scene.hold(lease(block("/a"), "a"))
    named = Bed(aws, scene.customer, scene.another(behind=["allow-health-check", rule["Name"]]))
    assert named.hold(lease(block("/a"), "a")).results[0].ok


@pytest.mark.parametrize("make", [own_group, overridden])
def test_a_group_that_comes_before_us_later_stops_new_blocks(aws: AwsStandin, make: Make) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/a"), "a"))
    rule = make(scene)
    put_first(scene, rule)
    with pytest.raises(Rejected, match=f"{rule['Name']} lets requests in before"):
        scene.hold(lease(block("/b"), "b"))
    (check,) = [one for one in scene.point.doctor() if "web ACL" in one.name]
    assert rule["Name"] in check.detail


@pytest.mark.parametrize("make", [counting_group, group_of_another_point, managed, overridden_to_count])
def test_a_group_that_lets_nobody_in_may_come_first(aws: AwsStandin, make: Make) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/a"), "a"))
    put_first(scene, make(scene))
    assert scene.hold(lease(block("/b"), "b")).results[0].ok


def test_our_second_group_stands_behind_our_first(aws: AwsStandin) -> None:
    scene = bed(aws, group="shield", capacity=60)
    for number in range(8):
        scene.hold(lease(block(f"/a/{number}"), f"a{number}"))
    names = [rule["Name"] for rule in scene.customer.rules() if rule["Name"].startswith("shield")]
    assert names == ["shield-1", "shield-2"]
