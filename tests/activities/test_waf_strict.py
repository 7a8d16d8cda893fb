"""The AWS WAF point where AWS is at its strictest: spelling, reads that lag, races, parts taken apart by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from aws_support import HOST, boto, customer, managed_rule
from botocore.exceptions import ClientError
from waf_support import Bed, bed, block, lease

from activities._waf.acl import Acl, AclRef, WebAcls
from activities.aws_waf_point import CONNECTOR
from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Rejected, RetrySafe
from stanch.leases import Lease
from stanch.sandbox.aws import AwsStandin, answer_with

OTHER = "other.example.com"
FULL = "2001:0db8:0000:0000:0000:0000:0000:00ff/128"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def scene(aws: AwsStandin) -> Bed:
    return bed(aws)


def six(word: str, *more: str) -> Lease:
    return lease(block("/**", ips=(f"2001:db8::{word}", *more)), word)


def ahead(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as Firewall Manager puts it before all others."""
    kept = {name: rule[name] for name in ("Name", "Priority", "OverrideAction", "VisibilityConfig")}
    return {**kept, "FirewallManagerStatement": rule["Statement"]}


# -- spelling ----------------------------------------------------------------------------------------------------------


def test_ipv6_is_found_in_the_spelling_that_aws_gives_and_lifted(scene: Bed) -> None:
    one, two = six("a"), six("b", "198.51.100.0/24", "2001:db8:1::/48")
    assert all(result.ok for result in scene.hold(one, two).results)
    assert "2001:0db8:0000:0000:0000:0000:0000:000a/128" in str(scene.sets()), "AWS spells it out"
    assert [result.ok for result in scene.hold(one).results] == [True]
    scene.lift(one)
    assert "000a/128" not in str(scene.sets())
    scene.lift(two)
    assert (scene.sets(), scene.digest) == ({}, "")
    (check,) = [each for each in scene.point.doctor() if each.name.endswith("only blocks of ours")]
    assert check.ok


def test_a_foreign_ipv6_address_stays_as_it_is_spelled(scene: Bed) -> None:
    scene.hold(six("a"))
    (name,) = scene.sets()
    scene.foreign_address(name, FULL)
    scene.hold(six("b"))
    scene.lift(six("a"), six("b"))
    assert scene.sets() == {name: [FULL]}


# -- others at the same time, and reads that lag -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("CreateRuleGroup", "WAFDuplicateItemException"),  # another worker was faster
        ("CreateIPSet", "WAFDuplicateItemException"),
        ("UpdateRuleGroup", "WAFNonexistentItemException"),  # somebody deleted it, or a set it refers to
        ("UpdateIPSet", "WAFNonexistentItemException"),
    ],
)
def test_what_others_make_or_delete_meanwhile_is_read_again(scene: Bed, operation: str, code: str) -> None:
    scene.aws.faults.script(operation, answer_with(code))
    held = lease(block("/orders/**", ips=("198.51.100.1",)))
    assert [result.ok for result in scene.hold(held).results] == [True]
    assert list(scene.sets().values()) == [["198.51.100.1/32"]]


def test_a_group_deleted_by_hand_is_made_anew_for_the_full_set(scene: Bed) -> None:
    first, second = lease(block("/a"), "a"), lease(block("/b"), "b")
    scene.hold(first)
    ours = scene.group()
    scene.customer.put_rules([rule for rule in scene.customer.rules() if "RuleGroupReference" not in str(rule)])
    body = ours["RuleGroup"]
    boto(scene.aws).delete_rule_group(Name=body["Name"], Id=body["Id"], Scope="REGIONAL", LockToken=ours["LockToken"])
    done = scene.point.reconcile(adds=[second], removes=[], wanted=[first], expected="")
    assert {result.target: result.ok for result in done.results} == {first.target: True, second.target: True}


def test_reads_that_lag_are_not_believed(scene: Bed) -> None:
    """AWS shows a change a moment later: neither is a block reported as missing, nor one written twice."""
    first = lease(block("/orders/**", ips=("198.51.100.1",)), "a")
    scene.aws.waf.read_lag = 0.4
    try:
        while True:  # until the web ACL itself is there to be read
            with suppress(ClientError):
                scene.customer.read()
                break
        assert [result.ok for result in scene.hold(first).results] == [True]
        assert [result.ok for result in scene.hold(lease(block("/b"), "b")).results] == [True]
        assert [result.ok for result in scene.lift(first).results] == [True]
    finally:
        scene.aws.waf.read_lag = 0.0
    assert scene.owned() == {lease(block("/b"), "b").target}
    names = [rule["Name"] for rule in scene.customer.rules() if "RuleGroupReference" in str(rule)]
    assert len(names) == 1


# -- web ACLs ----------------------------------------------------------------------------------------------------------


def test_a_web_acl_that_is_gone_keeps_only_its_own_hosts_blocks_out(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.point = scene.another(web_acls={HOST: scene.customer.name, OTHER: "gone"})
    good = lease(block("/a"), "a")
    theirs = lease(block("/a").model_copy(update={"host": OTHER}), "b")
    told = {result.target: result for result in scene.hold(good, theirs).results}
    assert (told[good.target].ok, told[theirs.target].ok) == (True, False)
    assert "no web ACL gone" in told[theirs.target].reason
    assert scene.owned() == {good.target}
    with pytest.raises(Rejected, match="no web ACL gone"):
        scene.hold(theirs)


def refused(monkeypatch: pytest.MonkeyPatch, name: str, error: ConnectorError) -> None:
    """AWS says so whenever this web ACL is read."""
    read = WebAcls.read

    def tried(acls: WebAcls, ref: AclRef) -> Acl:
        if ref.name == name:
            raise error
        return read(acls, ref)

    monkeypatch.setattr(WebAcls, "read", tried)


def test_a_web_acl_that_may_not_be_read_keeps_only_its_own_hosts_blocks_out(
    aws: AwsStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, shut = bed(aws), customer(aws)
    scene.point = scene.another(web_acls={OTHER: shut.name, HOST: scene.customer.name})
    refused(monkeypatch, shut.name, AuthBlocked("AWS answered GetWebACL with AccessDeniedException"))
    good = lease(block("/a"), "a")
    theirs = lease(block("/a").model_copy(update={"host": OTHER}), "b")
    told = {result.target: result for result in scene.hold(good, theirs).results}
    assert (told[good.target].ok, told[theirs.target].ok) == (True, False)
    assert "AccessDenied" in told[theirs.target].reason
    with pytest.raises(AuthBlocked):
        scene.hold(theirs)


@pytest.mark.parametrize("error", [AuthBlocked("denied"), Rejected("odd"), RetrySafe("throttled")])
def test_a_web_acl_that_cannot_be_read_is_not_said_to_stop_nothing(
    scene: Bed, monkeypatch: pytest.MonkeyPatch, error: ConnectorError
) -> None:
    shut = customer(scene.aws)
    scene.point = scene.another(web_acls={OTHER: shut.name, HOST: scene.customer.name})
    good, theirs = lease(block("/a"), "a"), lease(block("/a").model_copy(update={"host": OTHER}), "b")
    scene.hold(good, theirs)
    scene.customer.put_rules([rule for rule in scene.customer.rules() if "RuleGroupReference" not in str(rule)])
    refused(monkeypatch, shut.name, error)
    assert scene.point.without_effect([theirs, good]) == {good.target}


def test_a_web_acl_that_is_gone_stops_nothing(scene: Bed) -> None:
    scene.hold(good := lease(block("/a"), "a"))
    assert scene.another(web_acls={HOST: "gone"}).without_effect([good]) == {good.target}


def test_a_group_that_firewall_manager_puts_ahead_may_let_requests_in(scene: Bed) -> None:
    rule = managed_rule("company", "AWSManagedRulesCommonRuleSet")
    override = {"Name": "NoUserAgent_HEADER", "ActionToUse": {"Allow": {}}}
    rule["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = [override]
    groups = {"PreProcessFirewallManagerRuleGroups": [ahead(rule)]}
    before = scene.customer.rules()
    scene.aws.waf.tamper(scene.customer.name, lambda body: body.update(groups))
    with pytest.raises(Rejected, match="rule company lets requests in before"):
        scene.hold(lease(block("/a"), "a"))
    assert scene.customer.rules() == before
    scene.point = scene.another(behind=["allow-health-check", "company"])
    assert scene.hold(lease(block("/a"), "a")).results[0].ok
    scene.point = scene.another()
    (check,) = [one for one in scene.point.doctor() if "web ACL" in one.name]
    assert "company" in check.detail


def test_a_distribution_is_not_asked_for_its_web_acl(aws: AwsStandin) -> None:
    acls = {HOST: {"name": "edge", "resource": "arn:aws:cloudfront::1:distribution/E1"}}
    section = aws.section(scope="CLOUDFRONT", web_acls=acls) | {"region": "us-east-1"}
    with pytest.raises(ConfigError, match="distribution"):
        CONNECTOR.build("edge", section)


def test_hosts_are_found_in_any_case(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.point = scene.another(web_acls={HOST.upper(): scene.customer.name})
    assert scene.hold(lease(block("/a"), "a")).results[0].ok


# -- taken apart by hand -----------------------------------------------------------------------------------------------


def test_what_stands_and_stops_nothing_is_told(scene: Bed) -> None:
    pooled, plain = lease(block("/orders/**", ips=("198.51.100.1",)), "ip"), lease(block("/a"), "a")
    scene.hold(pooled, plain)
    assert scene.point.without_effect([pooled, plain]) == set()
    (name,) = scene.sets()
    found = next(one for one in boto(scene.aws).list_ip_sets(Scope="REGIONAL")["IPSets"] if one["Name"] == name)
    place = {"Name": name, "Id": found["Id"], "Scope": "REGIONAL"}
    boto(scene.aws).update_ip_set(**place, LockToken=found["LockToken"], Addresses=[])
    assert scene.point.without_effect([pooled, plain]) == {pooled.target}
    scene.customer.put_rules([rule for rule in scene.customer.rules() if "RuleGroupReference" not in str(rule)])
    assert scene.point.without_effect([pooled, plain]) == {pooled.target, plain.target}
    assert scene.point.without_effect([]) == set()
