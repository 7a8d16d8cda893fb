"""The shipped IAM policies against the calls that the connectors really make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_support import COMMON, boto
from waf_support import lease as waf_lease

from activities import aws_waf_point, iam_access_key
from activities.aws_waf import CONNECTOR
from activities.cognito import CONNECTORS
from stanch.leases import BlockSpec, Lease, SuspendSpec, target_of
from stanch.sandbox.aws import AwsStandin, Seeded

FOLDER = Path(__file__).parents[2] / "deploy" / "iam"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin() as standin:
        yield standin


@pytest.fixture(scope="module")
def seeded(aws: AwsStandin) -> Seeded:
    return aws.seed()


def allowed(action: str) -> set[str]:
    policy = json.loads((FOLDER / f"{action}.json").read_text())
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
    return {name for statement in policy["Statement"] for name in statement["Action"]}


def called(aws: AwsStandin, call: Callable[[], Any]) -> tuple[set[str], Any]:
    aws.calls.clear()
    result = call()
    return set(aws.calls), result


def test_policy_connector_needs_exactly_its_policies(aws: AwsStandin, seeded: Seeded) -> None:
    table = {"name": seeded.web_acl_name, "resource": seeded.stage_arn}
    waf = CONNECTOR.build("waf", aws.section(web_acls={seeded.host: table}))
    call = {"host": seeded.host, "groups": [COMMON], "mode": "count", "case_id": "c", "key": "k"}
    used, attached = called(aws, lambda: waf.attach(**call))
    assert used == allowed("policy.attach")
    handle = {"attachment": attached.id}
    assert called(aws, lambda: waf.observe(**handle, window=timedelta(hours=1)))[0] == allowed("policy.observe")
    assert called(aws, lambda: waf.enforce(**handle, mode="block"))[0] == allowed("policy.enforce")
    assert called(aws, lambda: waf.detach(**handle))[0] == allowed("policy.detach")


def test_waf_point_needs_exactly_its_policy(aws: AwsStandin) -> None:
    seeded = aws.seed("held.example.com")
    table = {"name": seeded.web_acl_name, "resource": seeded.stage_arn}
    more = {"web_acls": {seeded.host: table}, "behind": ["allow-health-check"], "addresses": "peer", "pace": 0}
    point = aws_waf_point.CONNECTOR.build("edge", aws.section(**more))
    held = waf_lease(BlockSpec(host=seeded.host, ips=("192.0.2.1",)))

    def hold_and_lift() -> None:
        held_now = point.reconcile(adds=[held], removes=[], wanted=None, expected="")
        point.list_owned()
        waf_lift = point.reconcile(adds=[held], removes=[], wanted=None, expected=held_now.digest)
        other = waf_lease(BlockSpec(host=seeded.host, ips=("192.0.2.2",)))
        point.exposure(other.spec, window=timedelta(hours=1))
        more = point.reconcile(adds=[other], removes=[], wanted=None, expected=waf_lift.digest)
        point.reconcile(adds=[], removes=[held.target, other.target], wanted=None, expected=more.digest)

    assert called(aws, hold_and_lift)[0] == allowed("block.scope.aws_waf")
    used, checks = called(aws, point.doctor)
    assert used <= allowed("doctor")
    assert all(check.ok for check in checks)


def test_reading_the_waf_log_needs_exactly_its_policy(aws: AwsStandin) -> None:
    seeded = aws.seed("logged.example.com")
    group = "aws-waf-logs-held"
    boto(aws, "logs").create_log_group(logGroupName=group)
    place = f"arn:aws:logs:eu-central-1:123456789012:log-group:{group}"
    wanted = {"ResourceArn": seeded.web_acl_arn, "LogDestinationConfigs": [place]}
    boto(aws).put_logging_configuration(LoggingConfiguration=wanted)
    more = {"web_acls": {seeded.host: seeded.web_acl_name}, "log_group": group}
    point = aws_waf_point.CONNECTOR.build("edge", aws.section(**more))
    spec, since = BlockSpec(host=seeded.host, path="/a"), datetime.now(UTC)

    def ask() -> None:
        point.estimate(spec, window=timedelta(hours=1))
        point.samples(host=seeded.host, path="/a", window=timedelta(hours=1), limit=1)
        point.deciding_target("stanch-probe/1", since=since)
        point.observed(spec.counting, window=timedelta(hours=1))

    used = called(aws, ask)[0]
    assert used >= allowed("block.scope.aws_waf.log")
    assert used <= allowed("block.scope.aws_waf.log") | allowed("block.scope.aws_waf")
    used, checks = called(aws, point.doctor)
    assert used <= allowed("doctor") | allowed("block.scope.aws_waf.log")
    assert [check.ok for check in checks if "log group" in check.name] == [True]


def test_association_and_logging_need_exactly_their_policies(aws: AwsStandin) -> None:
    seeded = aws.seed("flips.example.com")
    boto(aws).disassociate_web_acl(ResourceArn=seeded.stage_arn)
    table = {"name": seeded.web_acl_name, "resource": seeded.stage_arn}
    logs = "arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-x"
    flips = CONNECTOR.build("waf", aws.section(web_acls={seeded.host: table}, log_destination=logs)).flips
    for action in ("associate", "enable_logging", "dissociate", "disable_logging"):
        used, _ = called(aws, lambda action=action: getattr(flips, action)(seeded.host))
        assert used == {name for name in allowed(f"waf.{action}") if not name.startswith("apigateway:")}, action


def test_cognito_needs_exactly_its_policies(aws: AwsStandin, seeded: Seeded) -> None:
    identity, point = (one.build("idp", aws.section(user_pool_id=seeded.user_pool_id)) for one in CONNECTORS)
    spec = SuspendSpec(user_id="bob")
    until = datetime.now(UTC) + timedelta(hours=1)
    base = {"lease_id": "l", "case_id": "c", "episode": "e", "step": "s", "point": "p"}
    lease = Lease.model_validate({**base, "target": target_of(spec), "spec": spec, "expires_at": until})

    def suspend_and_resume() -> None:
        point.reconcile(adds=[lease], removes=[], wanted=None, expected="")
        point.list_owned()
        point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="")

    assert called(aws, suspend_and_resume)[0] == allowed("user.suspend")
    assert called(aws, lambda: identity.sign_out("bob"))[0] == allowed("user.sign_out")
    assert called(aws, lambda: identity.revoke_token(token_id="t", user_id="bob"))[0] == allowed("token.revoke")


def test_access_key_point_needs_exactly_its_policy(aws: AwsStandin) -> None:
    iam = boto(aws, "iam")
    iam.create_user(UserName="deploy")
    key = iam.create_access_key(UserName="deploy")["AccessKey"]["AccessKeyId"]
    spec = SuspendSpec(user_id=key)
    base = {"lease_id": "l", "case_id": "c", "episode": "e", "step": "s", "point": "p", "spec": spec}
    until = datetime.now(UTC) + timedelta(hours=1)
    lease = Lease.model_validate({**base, "target": target_of(spec), "expires_at": until})
    point = iam_access_key.CONNECTOR.build("keys", aws.section())

    def suspend_and_resume() -> None:
        point.reconcile(adds=[lease], removes=[], wanted=None, expected="")
        point.list_owned()
        point.reconcile(adds=[], removes=[lease.target], wanted=None, expected="")
        point.doctor()

    assert called(aws, suspend_and_resume)[0] == allowed("user.suspend.access_key")


def test_doctor_needs_exactly_its_policy(aws: AwsStandin, seeded: Seeded) -> None:
    table = {"name": seeded.web_acl_name, "resource": seeded.stage_arn}
    waf = CONNECTOR.build("waf", aws.section(web_acls={seeded.host: table}))
    identity, point = (one.build("idp", aws.section(user_pool_id=seeded.user_pool_id)) for one in CONNECTORS)
    held = aws_waf_point.CONNECTOR.build("edge", aws.section(web_acls={seeded.host: table}))
    used, _ = called(aws, lambda: [*waf.doctor(), *identity.doctor(), *point.doctor(), *held.doctor()])
    used |= {"wafv2:GetRuleGroup", "wafv2:GetIPSet"}  # where there are some
    assert used == allowed("doctor")


def test_no_policy_allows_more_than_it_names() -> None:
    for path in FOLDER.glob("*.json"):
        assert not [name for name in allowed(path.stem) if "*" in name]
