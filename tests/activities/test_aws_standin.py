"""The AWS stand-in itself: strict where moto is lax, and of the same shape where moto has an opinion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_support import COMMON, Customer, boto, customer, managed_rule
from botocore.exceptions import ClientError

from stanch.sandbox._aws.seed import web_acl
from stanch.sandbox.aws import AwsStandin, Seen


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin() as standin:
        yield standin


@pytest.fixture
def theirs(aws: AwsStandin) -> Customer:
    return customer(aws)


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return str(caught.value.response["Error"]["Code"])


def update(theirs: Customer, **changes: Any) -> dict[str, Any]:
    body, token = theirs.read()
    request = {
        **theirs.ref,
        "LockToken": token,
        "DefaultAction": body["DefaultAction"],
        "VisibilityConfig": body["VisibilityConfig"],
        **changes,
    }
    answer: dict[str, Any] = boto(theirs.aws).update_web_acl(**request)
    return answer


def test_update_replaces_everything(theirs: Customer) -> None:
    update(theirs)
    body, _ = theirs.read()
    assert body["Rules"] == []
    assert "CustomResponseBodies" not in body
    assert "TokenDomains" not in body
    assert body["Capacity"] == 0


def test_lock_token_is_checked_and_used_up(theirs: Customer) -> None:
    _, token = theirs.read()
    update(theirs)
    assert code_of(update, theirs, LockToken=token) == "WAFOptimisticLockException"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (
            [managed_rule("a", COMMON, priority=n) for n in (1, 2)],
            "WAFInvalidParameterException",
        ),
        (
            [managed_rule(name, COMMON, priority=1) for name in "ab"],
            "WAFInvalidParameterException",
        ),
        ([managed_rule("a", "AWSManagedRulesOfNobody")], "WAFNonexistentItemException"),
        ([managed_rule(f"r{n}", COMMON, priority=n) for n in range(8)], "WAFLimitsExceededException"),
    ],
)
def test_bad_rules_are_refused(theirs: Customer, rules: list[dict[str, Any]], code: str) -> None:
    before = theirs.read()
    assert code_of(update, theirs, Rules=rules) == code
    assert theirs.read() == before


def test_references_must_exist_and_hold_what_they_name(aws: AwsStandin, theirs: Customer) -> None:
    waf = boto(aws)
    made = waf.create_ip_set(Name="bad", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"])
    arn = made["Summary"]["ARN"]
    rule = {
        **managed_rule("set", COMMON),
        "Statement": {"IPSetReferenceStatement": {"ARN": arn}},
        "Action": {"Block": {}},
    }
    del rule["OverrideAction"]
    rule["Action"] = {"Block": {}}
    update(theirs, Rules=[rule])
    place = {"Name": "bad", "Scope": "REGIONAL", "Id": made["Summary"]["Id"]}
    token = waf.get_ip_set(**place)["LockToken"]
    assert code_of(waf.delete_ip_set, **place, LockToken=token) == "WAFAssociatedItemException"
    update(theirs, Rules=[])
    waf.delete_ip_set(**place, LockToken=token)
    assert code_of(update, theirs, Rules=[rule]) == "WAFNonexistentItemException"


@pytest.mark.parametrize("address", ["0.0.0.0/0", "garbage", "192.0.2.1", "2001:db8::/32", "192.0.2.0/33"])
def test_bad_addresses_are_refused(aws: AwsStandin, address: str) -> None:
    request = {"Name": "x", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": [address]}
    assert code_of(boto(aws).create_ip_set, **request) == "WAFInvalidParameterException"


def test_rule_group_capacity_is_fixed_at_creation(aws: AwsStandin) -> None:
    rules = [rule for rule in web_acl("x")["Rules"] if rule["Name"] == "allow-health-check"]
    request = {"Name": "rg", "Scope": "REGIONAL", "VisibilityConfig": rules[0]["VisibilityConfig"], "Rules": rules}
    assert code_of(boto(aws).create_rule_group, **request, Capacity=1) == "WAFLimitsExceededException"
    made = boto(aws).create_rule_group(**request, Capacity=10)["Summary"]
    assert code_of(boto(aws).create_rule_group, **request, Capacity=10) == "WAFDuplicateItemException"
    place = {"Name": "rg", "Scope": "REGIONAL", "Id": made["Id"]}
    assert boto(aws).get_rule_group(**place)["RuleGroup"]["Capacity"] == 10


def test_association_replaces_and_keeps_from_deleting(aws: AwsStandin) -> None:
    seeded = aws.seed()
    other = customer(aws)
    waf = boto(aws)
    _, token = Customer(aws, seeded.web_acl_name, seeded.web_acl_id, seeded.web_acl_arn).read()
    place = {"Name": seeded.web_acl_name, "Scope": "REGIONAL", "Id": seeded.web_acl_id}
    assert code_of(waf.delete_web_acl, **place, LockToken=token) == "WAFAssociatedItemException"
    waf.associate_web_acl(WebACLArn=other.arn, ResourceArn=seeded.stage_arn)
    assert waf.get_web_acl_for_resource(ResourceArn=seeded.stage_arn)["WebACL"]["ARN"] == other.arn
    stages = waf.list_resources_for_web_acl(WebACLArn=other.arn, ResourceType="API_GATEWAY")["ResourceArns"]
    assert stages == [seeded.stage_arn]
    waf.disassociate_web_acl(ResourceArn=seeded.stage_arn)
    assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=seeded.stage_arn)
    waf.delete_web_acl(**place, LockToken=token)
    nowhere = seeded.stage_arn.replace("prod", "nowhere")
    call = {"WebACLArn": other.arn, "ResourceArn": nowhere}
    assert code_of(waf.associate_web_acl, **call) == "WAFNonexistentItemException"


def test_binary_search_strings_and_tags_come_back_as_they_went_in(theirs: Customer) -> None:
    rule = next(rule for rule in theirs.rules() if rule["Name"] == "maintenance")
    assert rule["Statement"]["ByteMatchStatement"]["SearchString"] == b"\x00\xff\x10"
    waf = boto(theirs.aws)
    waf.tag_resource(ResourceARN=theirs.arn, Tags=[{"Key": "team", "Value": "mobile"}])
    tags = waf.list_tags_for_resource(ResourceARN=theirs.arn)["TagInfoForResource"]["TagList"]
    assert tags == [{"Key": "team", "Value": "mobile"}]


def test_managed_groups_have_the_capacities_that_aws_publishes(aws: AwsStandin) -> None:
    waf = boto(aws)
    listed = waf.list_available_managed_rule_groups(Scope="REGIONAL")["ManagedRuleGroups"]
    assert COMMON in [group["Name"] for group in listed]
    described = waf.describe_managed_rule_group(VendorName="AWS", Name=COMMON, Scope="REGIONAL")
    assert described["Capacity"] == 700
    assert "CrossSiteScripting_BODY" in [rule["Name"] for rule in described["Rules"]]
    rules = [managed_rule("a", COMMON)]
    assert waf.check_capacity(Scope="REGIONAL", Rules=rules)["Capacity"] == 700


def test_samples_are_bounded_weighed_and_reach_three_hours_back(aws: AwsStandin, theirs: Customer) -> None:
    update(theirs, Rules=[managed_rule("owasp", COMMON)])
    aws.feed(theirs.name, [Seen(f"/{n}", group=COMMON, rule="NoUserAgent_HEADER", weight=10) for n in range(700)])
    now = datetime.now(UTC)
    request = {"WebAclArn": theirs.arn, "Scope": "REGIONAL", "RuleMetricName": "owasp", "MaxItems": 500}
    window = {"StartTime": now - timedelta(hours=1), "EndTime": now}
    answer = boto(aws).get_sampled_requests(**request, TimeWindow=window)
    assert len(answer["SampledRequests"]) <= 500
    assert answer["PopulationSize"] == 7000
    assert answer["SampledRequests"][0]["Action"] == "BLOCK"
    window["StartTime"] = now - timedelta(hours=4)
    assert code_of(boto(aws).get_sampled_requests, **request, TimeWindow=window) == "WAFInvalidParameterException"


def test_throttle_mode_allows_one_update_a_second(theirs: Customer) -> None:
    theirs.aws.waf.writes_per_second = 0.01
    try:
        update(theirs)
        assert code_of(update, theirs) == "ThrottlingException"
        theirs.aws.waf.writes_per_second = 1e6
        update(theirs)
    finally:
        theirs.aws.waf.writes_per_second = None


def test_unknown_operations_and_members_are_refused(aws: AwsStandin) -> None:
    assert code_of(boto(aws).list_api_keys, Scope="REGIONAL") == "UnknownOperationException"
    arn = "arn:aws:cognito-idp:eu-central-1:111111111111:userpool/x"
    code = code_of(boto(aws, "cognito-idp").list_tags_for_resource, ResourceArn=arn)
    assert code == "UnknownOperationException"  # moto has none, and says so with a 500


def test_ledger_has_changes_and_no_reads_or_passwords(aws: AwsStandin) -> None:
    aws.seed("ledger.example.com")
    events = {entry["event"] for entry in aws.ledger.entries()}
    assert {"CreateWebACL", "AssociateWebACL", "AdminCreateUser", "CreateUserPool"} <= events
    assert not {event for event in events if event.startswith(("Get", "List", "GET", "AdminGet"))}
    assert "Horse" not in str(aws.ledger.entries())


def test_two_standins_share_nothing() -> None:
    with AwsStandin() as one, AwsStandin() as two:
        boto(one, "cognito-idp").create_user_pool(PoolName="only-here")
        assert boto(two, "cognito-idp").list_user_pools(MaxResults=10)["UserPools"] == []


# Members of moto's answers that the API reference does not know.
MOTO_ALONE = {"GetWebACL.WebACL.LockToken", "GetWebACLForResource.WebACL.LockToken"}


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items() if item not in (None, "")}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


def _lacking(moto: Any, ours: Any, place: str = "") -> list[str]:
    """Where moto's answer has a member or a type that ours does not."""
    if isinstance(moto, dict) and isinstance(ours, dict):
        missing = [f"{place}.{key}" for key in moto if key not in ours]
        return missing + [w for key in moto if key in ours for w in _lacking(moto[key], ours[key], f"{place}.{key}")]
    if isinstance(moto, list) and isinstance(ours, list):
        return _lacking(moto[0], ours[0], f"{place}[]") if moto and ours else []
    return [] if type(moto) is type(ours) and (not isinstance(moto, str) or moto == ours) else [place]


def test_answers_have_the_shape_that_moto_gives(aws: AwsStandin) -> None:
    del aws.pairs[:]
    seeded = aws.seed("shape.example.com")
    theirs = Customer(aws, seeded.web_acl_name, seeded.web_acl_id, seeded.web_acl_arn)
    theirs.put_rules([*theirs.rules(), managed_rule("owasp", COMMON)])
    waf = boto(aws)
    waf.list_web_acls(Scope="REGIONAL")
    waf.get_web_acl_for_resource(ResourceArn=seeded.stage_arn)
    waf.create_ip_set(Name="shape", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"])
    waf.list_ip_sets(Scope="REGIONAL")
    waf.disassociate_web_acl(ResourceArn=seeded.stage_arn)
    waf.delete_web_acl(**theirs.ref, LockToken=theirs.read()[1])
    seen = {pair.operation for pair in aws.pairs}
    assert {"CreateWebACL", "UpdateWebACL", "GetWebACL", "AssociateWebACL", "DeleteWebACL", "CreateIPSet"} <= seen
    for pair in aws.pairs:
        assert pair.moto_status == 200, pair
        assert set(_lacking(_shape(pair.moto), _shape(pair.ours), pair.operation)) <= MOTO_ALONE
