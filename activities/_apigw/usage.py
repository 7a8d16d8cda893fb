"""What a block of an API key would hit, by the only counts that API Gateway keeps: per key, plan and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities._apigw.calls import Gateway
from activities._apigw.keys import key_of
from activities._apigw.places import Places
from stanch.errors import Rejected
from stanch.leases import BlockSpec
from stanch.ports import Estimate

_MOST_DAYS = 90
COVERAGE = "whole days of the key's usage plans only; addresses, paths and outcomes are not counted"


def estimated(gateway: Gateway, places: Places, spec: BlockSpec, *, window: timedelta) -> Estimate:
    """Rejected where it is not about an API key: unknown, never nought."""
    key = key_of(spec)
    if not key:
        hint = "estimate it at the WAF or gateway in front, with `at`"
        raise Rejected("API Gateway keeps no log that could tell what this would hit", code="V075", hint=hint)
    place = places.of(spec.host)
    today = datetime.now(UTC).date()
    days = min(_MOST_DAYS, max(1, -(-int(window.total_seconds()) // 86400)))
    period = {"start": (today - timedelta(days=days - 1)).isoformat(), "end": today.isoformat()}
    plans = [plan for plan in gateway.plans_of(gateway.key(key).id) if (place.api, place.stage) in plan.stages]
    counts = [gateway.used(plan.id, **period) for plan in plans]
    theirs = sum(count.get(key, 0) for count in counts)
    every = sum(sum(count.values()) for count in counts)
    share = theirs / every if every else 0.0
    return Estimate(theirs, 0, int(theirs > 0), share, 0, timedelta(days=days), COVERAGE)
