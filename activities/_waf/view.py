"""One point's sight of its traffic: which web ACL a host has, and what its samples say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from activities._waf import sees
from activities._waf.acl import Acl, WebAcls, protecting
from activities._waf.attach import referring
from activities._waf.config import WafPointConfig
from activities._waf.entry import Dialect
from activities._waf.sampled import Naming, Sampler, Samples
from activities._waf.standing import Standing
from stanch.errors import Rejected
from stanch.leases import BlockSpec, target_of
from stanch.ports import Estimate, Usage
from stanch.ports_traffic import Exposure

_FRESH_SECONDS = 20.0


class View:
    """Answers from samples; each raises Rejected for what WAF cannot hold, or has no web ACL here."""

    def __init__(self, client: Any, config: WafPointConfig, acls: WebAcls, dialect: Dialect) -> None:
        naming = Naming(config.callers, config.addresses, config.forwarded_header)
        self._sampler = Sampler(client, scope=config.scope, naming=naming)
        self._config, self._acls, self._dialect = config, acls, dialect
        self._read: dict[str, tuple[float, Acl]] = {}

    def estimate(self, spec: BlockSpec, window: timedelta) -> Estimate:
        return sees.estimate(spec, self._seen(spec.host, window), dialect=self._dialect, window=window)

    def exposure(self, spec: BlockSpec, window: timedelta) -> Exposure:
        return sees.exposure(spec, self._seen(spec.host, window), dialect=self._dialect)

    def usage(self, spec: BlockSpec, window: timedelta) -> Usage:
        return sees.usage(spec, self._seen(spec.host, window), dialect=self._dialect, window=window)

    def observed(self, spec: BlockSpec, standing: Standing, groups: Mapping[str, str], window: timedelta) -> Estimate:
        """By WAF's own word; `groups` are the ARNs of ours by name."""
        acl = self._acl(spec.host)
        found = rule_of(standing, target_of(spec))
        matched = None
        if found is not None and (refers := referring(acl.rules, groups.get(found[0], ""))) is not None:
            reference = str(refers["VisibilityConfig"]["MetricName"])
            matched = self._sampler.of_rule(acl, found[1], group=found[0], reference=reference, window=window)
        everything = self._sampler.everything(acl, window)
        return sees.observed(spec, matched, everything, dialect=self._dialect, window=window)

    def _seen(self, host: str, window: timedelta) -> Samples:
        return self._sampler.everything(self._acl(host), window)

    def _acl(self, host: str) -> Acl:
        until, acl = self._read.get(host, (0.0, None))
        if acl is None or time.monotonic() > until:
            target = self._config.target(host.lower().rstrip("."))
            if target is None:
                raise Rejected("no web ACL is configured for this host", hint="add it to `web_acls`")
            acl = self._acls.read(protecting(self._acls, target))
            self._read[host] = (time.monotonic() + _FRESH_SECONDS, acl)
        return acl


def rule_of(standing: Standing, target: str) -> tuple[str, str] | None:
    """Group and rule that hold a target, of a pool the rule that all of it share."""
    for shelf in standing.shelves():
        for name, pool in shelf.pools.items():
            if any(held.tag.target == target for held in pool.held):
                return shelf.name, name
        for tag in shelf.tags():
            if tag.target == target:
                return shelf.name, tag.name
    return None
