"""What the AWS tests share: one stand-in per module, and a fresh web ACL or user per test."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activities.aws_waf import CONNECTOR, AwsWaf
from stanch.sandbox._aws.seed import client, web_acl
from stanch.sandbox.aws import AwsStandin

COMMON = "AWSManagedRulesCommonRuleSet"
BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
HOST = "api.example.com"
_numbers = itertools.count(1)


def boto(aws: AwsStandin, service: str = "wafv2") -> Any:
    return client(service, aws.url, aws.region)


@dataclass(frozen=True)
class Customer:
    """A customer's web ACL, seen with a plain client of their own."""

    aws: AwsStandin
    name: str
    id: str
    arn: str

    @property
    def ref(self) -> dict[str, str]:
        return {"Name": self.name, "Scope": "REGIONAL", "Id": self.id}

    def read(self) -> tuple[dict[str, Any], str]:
        answer = boto(self.aws).get_web_acl(**self.ref)
        return answer["WebACL"], answer["LockToken"]

    def rules(self) -> list[dict[str, Any]]:
        return list(self.read()[0]["Rules"])

    def put_rules(self, rules: list[dict[str, Any]]) -> None:
        """What a console user does: save the whole ACL."""
        body, token = self.read()
        readonly = {"ARN", "Capacity", "LabelNamespace", "ManagedByFirewallManager", "Description"}
        kept = {name: value for name, value in body.items() if name not in readonly}
        boto(self.aws).update_web_acl(**{**kept, **self.ref, "Rules": rules, "LockToken": token})

    def connector(self, **more: Any) -> AwsWaf:
        section: Mapping[str, Any] = self.aws.section(web_acls={HOST: self.name}, **more)
        built: AwsWaf = CONNECTOR.build("waf", section)
        return built


def customer(aws: AwsStandin, **changes: Any) -> Customer:
    """A new web ACL with the customer's own rules and members."""
    name = f"customer-{next(_numbers)}"
    made = boto(aws).create_web_acl(**{**web_acl(name), **changes})["Summary"]
    return Customer(aws, name, made["Id"], made["ARN"])


def managed_rule(name: str, group: str, *, priority: int = 50, override: str = "None") -> dict[str, Any]:
    """A managed group that the customer put in themselves."""
    return {
        "Name": name,
        "Priority": priority,
        "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}},
        "OverrideAction": {override: {}},
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name},
    }
