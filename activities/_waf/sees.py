"""Blast radius, exposure and use at AWS WAF, judged over sampled requests by the statements that a block is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from activities._waf.entry import PROBE_HEADER, SET, Dialect, addressed
from activities._waf.match import Statement, all_of, endpoint, principal
from activities._waf.networks import family, networks_of
from activities._waf.sampled import Samples
from stanch.estimating import Condition, Every, Request, Tally, Truth, judge, judged, read_statement, tally
from stanch.leases import BlockSpec
from stanch.ports import Estimate, Usage
from stanch.ports_traffic import Exposure

_THREE = 3.0  # of n samples that show nothing else, at most 3/n of the requests are something else (95 % certain)


def estimate(spec: BlockSpec, samples: Samples, *, dialect: Dialect, window: timedelta) -> Estimate:
    """What a block would have hit.

    Raises:
        Rejected: WAF cannot hold it.
    """
    return _summed(_tallied(spec, samples, dialect), samples, window)


def observed(
    spec: BlockSpec, matched: Samples | None, samples: Samples, *, dialect: Dialect, window: timedelta
) -> Estimate:
    """What a rule matched by WAF's own word; of a rule that leases share, only what is of this one.

    `matched` are samples of the rule, None where WAF gives none; `samples` are of everything, to compare with.
    """
    if matched is None:
        return Estimate(0, 0, 0, 0.0, 0, window, "unknown: WAF gives no samples of this rule", unknown_share=1.0)
    who = _who(spec, dialect)
    ours = _addresses(spec, dialect)
    real = [one for one in matched.requests if not _probes(one, who)]
    found = tally((request, judge(ours, request)) for request in real)
    whole = _tallied(spec, samples, dialect)
    total = replace(found, endpoint=max(whole.endpoint, found.hit + found.unknown))
    seen = matched.requests or samples.requests
    return _summed(total, replace(samples, requests=seen, whole=samples.whole or bool(real), why=matched.why), window)


def exposure(spec: BlockSpec, samples: Samples, *, dialect: Dialect) -> Exposure:
    """What guards ask right before a block.

    Raises:
        Rejected: WAF cannot hold it.
    """
    found = _tallied(spec, samples, dialect)
    if not samples.requests:
        return Exposure(why=samples.why)
    if spec.principal is not None and not spec.principal.empty:
        return Exposure(unknown=_unknown(found, samples), why=samples.why)
    if spec.ips:
        return _behind(spec, samples, dialect)
    there = _kept(samples.requests, _condition(endpoint(BlockSpec(host=spec.host), dialect.reading)))
    hit = _kept(there, _condition(endpoint(spec, dialect.reading)))
    share = _weight(hit) / _weight(there) if there else None
    return Exposure(unknown=_thin(there, samples), share=share, why=samples.why)


def usage(spec: BlockSpec, samples: Samples, *, dialect: Dialect, window: timedelta) -> Usage:
    """Who uses an endpoint; how they were answered is in no sample."""
    found = _kept(samples.requests, _condition(endpoint(spec, dialect.reading)))
    return Usage(
        requests=round(_weight(found)),
        clients=len({one.client for one in found if one.client}),
        principals=len({one.principal for one in found if one.principal}),
        errors=0,
        last_seen=max((one.at for one in found if one.at is not None), default=None),
        window=window,
        coverage=_coverage(samples),
    )


def hits(spec: BlockSpec, dialect: Dialect) -> Condition:
    """What a request must be for a block to deny it; our own probes are not meant.

    Raises:
        Rejected: WAF cannot hold it.
    """
    return Every((_condition(endpoint(spec, dialect.reading)), _who(spec, dialect)))


def _behind(spec: BlockSpec, samples: Samples, dialect: Dialect) -> Exposure:
    """Who is behind addresses, wherever they ask."""
    found = _kept(samples.requests, _addresses(spec, dialect))
    sure = [one for one in found if judge(_addresses(spec, dialect), one) is Truth.YES]
    total = _weight(found)
    open_ = total - _weight(one for one in sure if one.principal is not None)
    people = {one.principal for one in found if one.principal}
    unknown = max(open_ / total if total else 0.0, _thin(sure, samples))
    return Exposure(principals=len(people), unknown=unknown, why=samples.why)


def _tallied(spec: BlockSpec, samples: Samples, dialect: Dialect) -> Tally:
    there = _condition(endpoint(spec, dialect.reading))
    return tally(judged(samples.requests, endpoint=partial(judge, there), hits=partial(judge, _who(spec, dialect))))


def _summed(found: Tally, samples: Samples, window: timedelta) -> Estimate:
    return Estimate(
        requests=round(found.hit),
        clients=len(found.clients),
        principals=len(found.principals),
        share_of_endpoint=found.share,
        succeeded=0,
        window=window,
        coverage=_coverage(samples),
        unknown_share=_unknown(found, samples),
        nameless=round(found.nameless),
    )


def _unknown(found: Tally, samples: Samples) -> float:
    """Nothing sampled of an endpoint is no traffic only where everything was sampled."""
    return found.unknown_share if found.endpoint or (samples.whole and samples.requests) else 1.0


def _thin(found: Sequence[Request], samples: Samples) -> float:
    """What samples that are not all may have missed, as a share."""
    return 0.0 if samples.whole else min(1.0, _THREE / len(found)) if found else 1.0


def _coverage(samples: Samples) -> str:
    return samples.why if samples.requests else f"unknown: {samples.why}"


def _who(spec: BlockSpec, dialect: Dialect) -> Condition:
    return Every((_condition(principal(spec.principal, dialect.reading, path=spec.path)), _addresses(spec, dialect)))


def _probes(request: Request, who: Condition) -> bool:
    """A probe of ours: only its header can be what the rule matched. Whoever else sends that header still counts."""
    return PROBE_HEADER in request.headers and judge(who, request) is Truth.NO


def _condition(statements: Sequence[Statement]) -> Condition:
    return read_statement(all_of(statements)) if statements else Every(())


def _addresses(spec: BlockSpec, dialect: Dialect) -> Condition:
    if not spec.ips:
        return Every(())
    networks = networks_of(spec.ips)
    return read_statement(
        addressed(dialect), sets=lambda arn: [one for one in networks if arn == f"{SET}{family(one)}"]
    )


def _kept(requests: Iterable[Request], condition: Condition) -> list[Request]:
    """Those that meet it, or may."""
    return [request for request in requests if judge(condition, request) is not Truth.NO]


def _weight(requests: Iterable[Request]) -> float:
    return sum(request.weight for request in requests)
