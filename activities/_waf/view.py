"""One point's sight of its traffic: which web ACL a host has, and what its log, or else its samples, say."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from activities._access_log import Redactor
from activities._aws import make_client
from activities._waf import sees
from activities._waf.acl import Acl, WebAcls, protecting
from activities._waf.attach import referring
from activities._waf.config import WafPointConfig
from activities._waf.entry import Dialect
from activities._waf.logged import Logged, WafLog
from activities._waf.logs import LogGroup
from activities._waf.ours import Ours
from activities._waf.sampled import Naming, Sampler, Samples
from activities._waf.standing import Standing
from activities._waf.store import Seen
from activities._waf.told import Told
from stanch.errors import Rejected
from stanch.leases import BlockSpec, target_of
from stanch.ports import Estimate, Usage
from stanch.ports_traffic import Exposure

_FRESH_SECONDS = 20.0
_Answer = TypeVar("_Answer")


class View:
    """Answers from the log where there is one that has all requests, else from samples.

    Each raises Rejected for what WAF cannot hold, or has no web ACL here.
    """

    def __init__(self, client: Any, config: WafPointConfig, acls: WebAcls, dialect: Dialect) -> None:
        naming = Naming(config.callers, config.addresses, config.forwarded_header)
        self._sampler = Sampler(client, scope=config.scope, naming=naming)
        self._config, self._acls, self._dialect = config, acls, dialect
        self._read: dict[str, tuple[float, Acl]] = {}
        self.log = _log(client, config, naming)
        redactor = Redactor(hashlib.sha256(b"redact:" + (dialect.secret or secrets.token_bytes(32))).digest())
        self.told = Told(self.log, acl=self._acl, hosts=tuple(config.web_acls), dialect=dialect, redactor=redactor)

    def estimate(self, spec: BlockSpec, window: timedelta) -> Estimate:
        def of(samples: Samples) -> Estimate:
            return sees.estimate(spec, samples, dialect=self._dialect, window=window)

        return self._best(spec.host, window, of, unknown=_unknown, more=_larger)

    def exposure(self, spec: BlockSpec, window: timedelta) -> Exposure:
        def of(samples: Samples) -> Exposure:
            return sees.exposure(spec, samples, dialect=self._dialect)

        return self._best(spec.host, window, of, unknown=lambda one: one.unknown, more=_wider)

    def usage(self, spec: BlockSpec, window: timedelta) -> Usage:
        def of(samples: Samples) -> Usage:
            return sees.usage(spec, samples, dialect=self._dialect, window=window)

        return self._best(spec.host, window, of, unknown=_untold, more=_busier)

    def observed(self, spec: BlockSpec, seen: Seen, prefix: str, window: timedelta) -> Estimate:
        """By WAF's own word."""
        acl, standing = self._acl(spec.host), seen.standing(prefix, withheld={})
        logged = self._logged(acl, window)
        if isinstance(logged, Logged):
            matched, everything = _matched(logged, spec, seen, standing), logged.samples()
        else:
            matched = self._sampled(acl, spec, seen, standing, window)
            everything = self._samples(acl, window, logged)
        return sees.observed(spec, matched, everything, dialect=self._dialect, window=window)

    def _sampled(self, acl: Acl, spec: BlockSpec, seen: Seen, standing: Standing, window: timedelta) -> Samples | None:
        """What was sampled of the rule of a target."""
        found = rule_of(standing, target_of(spec))
        group = seen.groups.get(found[0]) if found else None
        refers = referring(acl.rules, group.arn) if group else None
        if found is None or refers is None:
            return None
        reference = str(refers["VisibilityConfig"]["MetricName"])
        return self._sampler.of_rule(acl, found[1], group=found[0], reference=reference, window=window)

    def _best(
        self,
        host: str,
        window: timedelta,
        of: Callable[[Samples], _Answer],
        *,
        unknown: Callable[[_Answer], float],
        more: Callable[[_Answer, _Answer], _Answer],
    ) -> _Answer:
        """The answer from the log, or from samples where these show more: of what it hides, lacks, or cuts off.

        `unknown` says how little an answer knows, `more` decides between those from a cut log and from samples.
        """
        acl = self._acl(host)
        logged = self._logged(acl, window)
        if not isinstance(logged, Logged):
            return of(self._samples(acl, window, logged))
        found = of(logged.samples())
        if logged.whole and ((logged.records and not logged.hides) or not unknown(found)):
            return found
        if not logged.whole:
            sampled = self._samples(acl, window, "")
            both = replace(logged.samples(), why=f"{logged.coverage}; {sampled.why}")
            return more(of(both), of(replace(sampled, why=f"{sampled.why}; of the log, {logged.coverage}")))
        lacks = f"hides {', '.join(logged.hides)}" if logged.records else "has no requests"
        other = of(self._samples(acl, window, f"the WAF log {lacks}"))
        return other if unknown(other) < unknown(found) else found

    def _logged(self, acl: Acl, window: timedelta) -> Logged | str:
        """What the log has, or why it is not asked."""
        if self.log is None:
            return ""
        try:
            return self.log.everything(acl, window)
        except Rejected as error:
            return error.message

    def _samples(self, acl: Acl, window: timedelta, why: str) -> Samples:
        samples = self._sampler.everything(acl, window)
        return replace(samples, why=f"{samples.why}; {why}") if why else samples

    def _acl(self, host: str) -> Acl:
        until, acl = self._read.get(host, (0.0, None))
        if acl is None or time.monotonic() > until:
            target = self._config.target(host.lower().rstrip("."))
            if target is None:
                raise Rejected("no web ACL is configured for this host", hint="add it to `web_acls`")
            acl = self._acls.read(protecting(self._acls, target))
            self._read[host] = (time.monotonic() + _FRESH_SECONDS, acl)
        return acl


def _unknown(one: Estimate) -> float:
    return one.unknown_share + one.nameless / max(1, one.requests)


def _untold(one: Usage) -> float:
    return float(one.coverage.startswith("unknown"))


def _larger(log: Estimate, samples: Estimate) -> Estimate:
    return max(log, samples, key=lambda one: (one.requests, -_unknown(one)))


def _busier(log: Usage, samples: Usage) -> Usage:
    return max(log, samples, key=lambda one: (one.requests, -_untold(one)))


def _wider(log: Exposure, samples: Exposure) -> Exposure:
    """The more that either has seen, and the less that it knows, but for one that knows nothing at all."""
    both = (log, samples)
    shares = [one.share for one in both if one.share is not None]
    return Exposure(
        principals=max(one.principals for one in both),
        unknown=max((one.unknown for one in both if one.unknown < 1.0), default=1.0),
        share=max(shares, default=None),
        why=log.why,
    )


def _log(client: Any, config: WafPointConfig, naming: Naming) -> WafLog | None:
    if not config.log_group:
        return None
    return WafLog(LogGroup(make_client("logs", config.logs), config.log_group), client, naming=naming)


def arns_of(seen: Seen) -> list[str]:
    """Of our rule groups."""
    return [group.arn for group in seen.groups.values()]


def _matched(logged: Logged, spec: BlockSpec, seen: Seen, standing: Standing) -> Samples | None:
    """Requests that a rule of the target matched, whatever the rule was called before it was renewed."""
    target = target_of(spec)
    ours = Ours(standing, arns_of(seen))
    found = [one for one in logged.records if any(ours.concerns(name, target) for name in (one.ended, *one.counted))]
    return logged.samples(found) if found or rule_of(standing, target) else None


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
