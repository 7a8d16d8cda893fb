"""What our counting rules would have blocked, from the requests that WAF sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from activities._aws import NotThere, outcome

WINDOW = timedelta(hours=3)  # GetSampledRequests reaches no further back
MAX_ITEMS = 500
ALL = "ALL"
_HARMLESS = frozenset({"ALLOW", "COUNT"})


@dataclass(frozen=True)
class Sampled:
    """Estimate for one metric: requests that reached it, and how many of them the group would refuse."""

    population: float
    refused: float


def sample(client: Any, *, scope: str, acl_arn: str, metric: str, window: timedelta) -> Sampled | None:
    """Estimate for a metric name, None where WAF has no such metric.

    WAF samples at most 500 of the first 5,000 requests of the window; `Weight` is relative, so shares are scaled to
    the population (API reference, GetSampledRequests).
    """
    now = datetime.now(UTC)
    span = {"StartTime": now - min(window, WINDOW - timedelta(seconds=30)), "EndTime": now}
    try:
        with outcome("GetSampledRequests", write=False):
            answer = client.get_sampled_requests(
                WebAclArn=acl_arn, RuleMetricName=metric, Scope=scope, TimeWindow=span, MaxItems=MAX_ITEMS
            )
            return _scaled(answer["SampledRequests"], int(answer["PopulationSize"]))
    except NotThere:
        return None


def _scaled(requests: Sequence[Mapping[str, Any]], population: int) -> Sampled:
    weights = [(float(item.get("Weight", 1)), item) for item in requests]
    total = sum(weight for weight, _ in weights)
    size = max(float(population), total)
    refused = sum(weight for weight, item in weights if _would_refuse(item))
    return Sampled(population=size, refused=size * refused / total if total else 0.0)


def _would_refuse(item: Mapping[str, Any]) -> bool:
    # A rule that its group itself only counts has that as its configured action; everything unclear counts as refused.
    return item.get("OverriddenAction", "") not in _HARMLESS


def summary(everything: Sampled | None, ours: Sequence[Sampled], *, window: timedelta) -> dict[str, float]:
    """Numbers a playbook may compare.

    `would_block_ratio` is an upper estimate: a request that two groups refuse counts twice, and where the total is not
    known any match counts as all traffic. `coverage` is the share of the window that samples can show.
    """
    blocked = sum(one.refused for one in ours)
    total = max(everything.population if everything else 0.0, max((one.population for one in ours), default=0.0))
    known = everything is not None
    ratio = min(1.0, blocked / total) if known and total else float(blocked > 0)
    return {
        "would_block_ratio": ratio,
        "would_block": float(round(blocked)),
        "requests": float(round(total)),
        "sampled": 1.0,
        "total_known": float(known),
        "coverage": min(1.0, WINDOW / window) if window else 0.0,
    }
