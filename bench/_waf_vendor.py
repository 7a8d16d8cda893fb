"""AWS WAF's stand-in as the vendor of a benchmark: one update of a kind a second, and somebody else at the console."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from activities.aws_waf_point import CONNECTOR, WafPoint
from stanch.sandbox._aws.seed import client, web_acl
from stanch.sandbox._aws.shapes import AwsError
from stanch.sandbox.aws import AwsStandin

OURS = "stanch-"


class WafVendor:
    """A customer's web ACL with foreign rules, and the real point in front of it.

    Args:
        host: that the web ACL protects.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._aws = AwsStandin(witness=False)
        self.updates: list[float] = []
        self.calls: list[str] = []
        self.throttled = 0
        self.conflicts = 0

    def __enter__(self) -> WafVendor:
        self._aws.__enter__()
        client("wafv2", self._aws.url, self._aws.region).create_web_acl(**web_acl("bench"))
        more = {"web_acls": {self._host: "bench"}, "behind": ["allow-health-check"], "addresses": "peer"}
        self.point: WafPoint = CONNECTOR.build("edge", self._aws.section(**more))
        self._aws.waf.writes_per_second = 1.0
        self._watch()
        return self

    def __exit__(self, *_: object) -> None:
        self._aws.__exit__(None, None, None)

    def _watch(self) -> None:
        """Note each update of ours, with its time."""
        real = self._aws.waf.call

        def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
            try:
                answer = real(operation, request)
            except AwsError as error:
                self.throttled += error.code == "ThrottlingException"
                self.conflicts += error.code == "WAFOptimisticLockException"
                raise
            if operation.startswith(("Create", "Update")):
                self.updates.append(time.monotonic())
                self.calls.append(operation)
            return answer

        self._aws.waf.call = call  # type: ignore[method-assign]

    def read(self) -> tuple[dict[str, bytes], int]:
        """Every rule in our groups and every blocked address: what is ours under the target, else under its name."""
        found: dict[str, bytes] = {one.name: b"" for one in self.point.list_owned()}
        with self._aws._lock:
            for group in self._aws.waf._store.all("RuleGroup", "REGIONAL"):
                for rule in group.body["Rules"]:
                    if rule["Name"].startswith("customer-"):
                        found[rule["Name"]] = str(rule["VisibilityConfig"]["MetricName"]).encode()
        return found, 0

    def edit(self, name: str, body: bytes) -> bool:
        """Somebody puts a rule into our own group; False where there is no group yet."""
        metric = body.decode().replace(" ", "-")
        with self._aws._lock:
            store = self._aws.waf._store
            groups = store.all("RuleGroup", "REGIONAL")
            if not groups:
                return False
            kept = [rule for rule in groups[0].body["Rules"] if rule["Name"] != name]
            request = {"Name": groups[0].name, "Id": groups[0].id, "Scope": "REGIONAL"}
            rules = [*kept, _foreign(name, metric, 9000 + int(name.rpartition("-")[2]))]
            body_now = {"Rules": rules, "VisibilityConfig": groups[0].body["VisibilityConfig"]}
            store.update("RuleGroup", {**request, **body_now, "LockToken": groups[0].lock_token})
        return True


def _foreign(name: str, metric: str, priority: int) -> dict[str, Any]:
    shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}
    statement = {"GeoMatchStatement": {"CountryCodes": ["AQ"]}}
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": {"Count": {}},
        "VisibilityConfig": shown,
    }
