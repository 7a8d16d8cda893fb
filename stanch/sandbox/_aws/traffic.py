"""Traffic that a web ACL is said to have seen, and the samples WAF would give of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stanch.sandbox._aws.asked import Asked, Verdict
from stanch.sandbox._aws.shapes import AwsError, invalid

ALL = "ALL"
REACH_SECONDS = 3 * 3600
SAMPLED_FROM = 5000


@dataclass(frozen=True)
class Seen:
    """One request, or `weight` like it, that passed a web ACL.

    Args:
        group: managed rule group that matches it, empty for none.
        rule: rule inside the group, or a top-level rule of the ACL when `group` is empty.
        configured: what the group's rule does by itself, for example COUNT where AWS ships it counting.
        at: seconds since the epoch.
    """

    uri: str
    method: str = "GET"
    ip: str = "198.51.100.7"
    country: str = "DE"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    group: str = ""
    rule: str = ""
    configured: str = "BLOCK"
    weight: int = 1
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class _Sample:
    seen: Seen
    metric: str
    action: str
    overridden: str = ""
    within: str = ""


class Traffic:
    """Samples by web ACL ARN and metric."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], list[_Sample]] = {}

    def feed(self, acl: Mapping[str, Any], requests: Iterable[Seen]) -> None:
        """Let requests pass the ACL as its rules are now: counting rules note them, the first other match ends it."""
        for seen in requests:
            action = "ALLOW" if "Allow" in acl["DefaultAction"] else "BLOCK"
            for rule in sorted(acl["Rules"], key=lambda item: int(item["Priority"])):
                if not _matches(rule, seen):
                    continue
                metric = str(rule["VisibilityConfig"]["MetricName"])
                done, overridden = _effect(rule, seen)
                self._note(acl, _Sample(seen, metric, done, overridden))
                if done != "COUNT":
                    action = done
                    break
            self._note(acl, _Sample(seen, ALL, action))

    def passed(self, acl: Mapping[str, Any], asked: Asked, verdict: Verdict) -> None:
        """A real request went by, and these rules matched it."""
        uri = asked.path.decode("latin-1")
        headers = {name: value.decode("latin-1") for name, value in asked.headers}
        seen = Seen(uri, asked.method, ip=asked.peer, headers=headers)
        for match in verdict.matched:
            for metric in match.metrics:
                self._note(acl, _Sample(seen, metric, match.action, within=match.within))
        self._note(acl, _Sample(seen, ALL, verdict.action))

    def _note(self, acl: Mapping[str, Any], sample: _Sample) -> None:
        self._samples.setdefault((str(acl["ARN"]), sample.metric), []).append(sample)

    def answer(self, acl: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        """GetSampledRequests."""
        metric = str(request["RuleMetricName"])
        known = {str(rule["VisibilityConfig"]["MetricName"]) for rule in acl["Rules"]}
        known |= {noted for arn, noted in self._samples if arn == acl["ARN"]}
        if metric not in known | {ALL, str(acl["VisibilityConfig"]["MetricName"])}:
            raise AwsError("WAFNonexistentItemException", "no such metric in the web ACL")
        start, end = float(request["TimeWindow"]["StartTime"]), float(request["TimeWindow"]["EndTime"])
        if start < time.time() - REACH_SECONDS or start > end:
            raise invalid("samples reach three hours back", "TIME_WINDOW")
        found = [s for s in self._samples.get((str(acl["ARN"]), metric), []) if start <= s.seen.at <= end + 1]
        population = sum(sample.seen.weight for sample in found)
        shown = found[: int(request["MaxItems"])] if population <= SAMPLED_FROM else _spread(found, request["MaxItems"])
        return {
            "SampledRequests": [_described(sample) for sample in shown],
            "PopulationSize": population,
            "TimeWindow": {"StartTime": start, "EndTime": end},
        }


def _spread(found: Sequence[_Sample], limit: int) -> list[_Sample]:
    return list(found[:: max(1, -(-len(found) // limit))])


def _matches(rule: Mapping[str, Any], seen: Seen) -> bool:
    if not seen.group:
        return bool(seen.rule) and rule["Name"] == seen.rule
    return str(rule["Statement"].get("ManagedRuleGroupStatement", {}).get("Name", "")) == seen.group


def _effect(rule: Mapping[str, Any], seen: Seen) -> tuple[str, str]:
    """Action taken, and the configured action where an override changed it."""
    if "Action" in rule:
        return next(iter(rule["Action"])).upper(), ""
    if "Count" in rule["OverrideAction"]:
        return "COUNT", seen.configured
    return seen.configured, ""


def _described(sample: _Sample) -> dict[str, Any]:
    seen = sample.seen
    request = {
        "ClientIP": seen.ip,
        "Country": seen.country,
        "URI": seen.uri,
        "Method": seen.method,
        "HTTPVersion": "HTTP/1.1",
        "Headers": [{"Name": name, "Value": value} for name, value in seen.headers.items()],
    }
    shown: dict[str, Any] = {"Request": request, "Weight": seen.weight, "Timestamp": seen.at, "Action": sample.action}
    if seen.group and sample.metric != ALL:
        shown["RuleNameWithinRuleGroup"] = seen.rule or "unnamed"
    if sample.within:
        shown["RuleNameWithinRuleGroup"] = sample.within
    if sample.overridden:
        shown["OverriddenAction"] = sample.overridden
    return shown
