"""A customer's account as it looks before Stanch comes: a web ACL with rules of its own, a REST stage, a user pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import boto3
from botocore.config import Config

USERS = ("alice", "bob", "mallory")
PASSWORD = "Correct-Horse-9-Battery"  # noqa: S105  of made-up users in a stand-in
LEASE_ATTRIBUTE = "stanch_lease"


@dataclass(frozen=True)
class Seeded:
    """Names and ids of what was made.

    Args:
        users: user name to password.
    """

    host: str
    web_acl_name: str
    web_acl_id: str
    web_acl_arn: str
    stage_arn: str
    user_pool_id: str
    client_id: str
    users: Mapping[str, str]


@cache
def client(service: str, url: str, region: str) -> Any:
    """A boto3 client that talks to the stand-in."""
    session = cast("Any", boto3.session.Session())  # its overloads want literal service names
    return session.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIASEED0000000000",
        aws_secret_access_key="not-a-secret",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )


def seed(url: str, *, region: str, host: str) -> Seeded:
    stage = _stage(client("apigateway", url, region), host, region)
    waf = client("wafv2", url, region)
    acl = waf.create_web_acl(**web_acl("customer-" + host.replace(".", "-")))["Summary"]
    waf.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage)
    pool, app = _pool(client("cognito-idp", url, region))
    users = {name: PASSWORD for name in USERS}  # noqa: C420  a dict of str, not of literals
    return Seeded(host, acl["Name"], acl["Id"], acl["ARN"], stage, pool, app, users)


def web_acl(name: str) -> dict[str, Any]:
    """CreateWebACL with members that careless clients reset on the first update."""
    return {
        "Name": name,
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": _visibility(name),
        "Rules": [_health_check(), _maintenance(), _rate_limit()],
        "CustomResponseBodies": {"sorry": {"ContentType": "APPLICATION_JSON", "Content": '{"error": "maintenance"}'}},
        "TokenDomains": ["example.com", "example.org"],
        "CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 300}},
        "AssociationConfig": {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}}},
        "DataProtectionConfig": {
            "DataProtections": [
                {"Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["authorization"]}, "Action": "HASH"}
            ]
        },
    }


def _visibility(metric: str) -> dict[str, Any]:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}


def _match(field: dict[str, Any], text: bytes) -> dict[str, Any]:
    body = {"SearchString": text, "FieldToMatch": field, "PositionalConstraint": "EXACTLY"}
    return {"ByteMatchStatement": body | {"TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}


def _health_check() -> dict[str, Any]:
    statement = _match({"UriPath": {}}, b"/healthz")
    shown: dict[str, Any] = {
        "Name": "allow-health-check",
        "Priority": 0,
        "Statement": statement,
        "Action": {"Allow": {}},
    }
    return shown | {"VisibilityConfig": _visibility("allow-health-check")}


def _maintenance() -> dict[str, Any]:
    statement = _match({"SingleHeader": {"Name": "x-release"}}, b"\x00\xff\x10")
    response = {"ResponseCode": 503, "CustomResponseBodyKey": "sorry"}
    shown = {"Name": "maintenance", "Priority": 5, "Statement": statement}
    shown["Action"] = {"Block": {"CustomResponse": response}}
    return shown | {"VisibilityConfig": _visibility("maintenance"), "RuleLabels": [{"Name": "customer:maintenance"}]}


def _rate_limit() -> dict[str, Any]:
    rate = {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}}
    shown: dict[str, Any] = {"Name": "rate-limit", "Priority": 10, "Statement": rate, "Action": {"Block": {}}}
    return shown | {"VisibilityConfig": _visibility("rate-limit")}


def _stage(api: Any, host: str, region: str) -> str:
    made = api.create_rest_api(name=host)["id"]
    root = api.get_resources(restApiId=made)["items"][0]["id"]
    place = {"restApiId": made, "resourceId": root, "httpMethod": "GET"}
    api.put_method(**place, authorizationType="NONE")
    api.put_integration(**place, type="MOCK")
    api.create_deployment(restApiId=made, stageName="prod")
    return f"arn:aws:apigateway:{region}::/restapis/{made}/stages/prod"


def _pool(idp: Any) -> tuple[str, str]:
    lease: dict[str, Any] = {"Name": LEASE_ATTRIBUTE, "AttributeDataType": "String", "Mutable": True}
    lease["StringAttributeConstraints"] = {"MinLength": "0", "MaxLength": "256"}
    pool = idp.create_user_pool(PoolName="customers", Schema=[lease])["UserPool"]["Id"]
    flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    app = idp.create_user_pool_client(UserPoolId=pool, ClientName="mobile", ExplicitAuthFlows=flows)
    for name in USERS:
        person = {"UserPoolId": pool, "Username": name}
        idp.admin_create_user(**person, MessageAction="SUPPRESS")
        idp.admin_set_user_password(**person, Password=PASSWORD, Permanent=True)
    return pool, app["UserPoolClient"]["ClientId"]
