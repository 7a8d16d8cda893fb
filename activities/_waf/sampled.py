"""Requests that WAF sampled, as far as it shows them: three hours back, 500 of the first 5,000 of each piece of time.

`GetSampledRequests` picks from the first 5,000 requests of the time asked for and says which time that was, so the time
is asked for in pieces, and each sample stands for its share of its piece.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities._aws import NotThere, outcome
from activities._waf.acl import Acl
from activities._waf.samples import ALL, MAX_ITEMS, WINDOW
from stanch.estimating import Request, from_sample
from stanch.estimating.parts import values_of

_PIECES = 4
_FRESH_SECONDS = 20.0
_REACH = WINDOW - timedelta(seconds=30)
_HEADER_BYTES = 8000  # beyond, WAF itself inspects no more of them


@dataclass(frozen=True)
class Samples:
    """What was sampled.

    Args:
        requests: each weighs as many requests as it stands for.
        whole: these are all requests of the time looked at. why: what they do not show.
    """

    requests: tuple[Request, ...] = ()
    whole: bool = False
    why: str = "no requests were sampled"

    @property
    def weight(self) -> float:
        return sum(request.weight for request in self.requests)


@dataclass(frozen=True)
class Naming:
    """Where the sender of a request is written.

    Args:
        callers: headers, or `cookie:NAME`, that hold who asks, the first that is there decides.
        addresses: as of the dialect. header: where forwarded addresses are.
    """

    callers: tuple[str, ...] = ()
    addresses: str = ""
    header: str = "x-forwarded-for"

    def named(self, request: Request) -> Request:
        return replace(request, principal=self._caller(request), client=self._client(request))

    def _caller(self, request: Request) -> str | None:
        """A digest of the credential, "" where none is sent, None where the sample cannot tell."""
        for word in self.callers:
            kind, _, name = word.rpartition(":")
            values = values_of((kind or "header", name if kind else name.lower()), request)
            if not values.whole:
                return None
            if values.found:
                return hashlib.sha256(b"\0".join((word.encode(), *values.found))).hexdigest()
        seen_by_cookie = any(word.startswith("cookie:") for word in self.callers)
        return "" if self.callers and (seen_by_cookie or "cookie" not in request.headers) else None

    def _client(self, request: Request) -> str | None:
        if self.addresses not in ("last", "any"):
            return request.client
        values = request.headers.get(self.header.lower())
        text = ",".join(values or ())
        return (text.rpartition(",")[2].strip() if self.addresses == "last" else text) or None


class Sampler:
    """Asks WAF, and keeps the answer for a few seconds, since every block of a burst asks the same."""

    def __init__(self, client: Any, *, scope: str, naming: Naming) -> None:
        self._client, self._scope, self._naming = client, scope, naming
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, str, timedelta], tuple[float, Samples | None]] = {}

    def everything(self, acl: Acl, window: timedelta) -> Samples:
        """Requests that reached a web ACL."""
        if not acl.body["VisibilityConfig"]["SampledRequestsEnabled"]:
            return Samples(why="sampling is switched off for the web ACL")
        found = self._metric(acl, ALL, "", window)
        if found is None:
            found = self._metric(acl, str(acl.body["VisibilityConfig"]["MetricName"]), "", window)
        return found or Samples()

    def of_rule(self, acl: Acl, rule: str, *, group: str, reference: str, window: timedelta) -> Samples | None:
        """Requests that a rule of ours matched, None where WAF gives no samples of it.

        Its own metric is asked first, then that of the reference to its group, whose samples name the rule.
        """
        found = self._metric(acl, rule, "", window)
        if found is None or not found.requests:
            found = self._metric(acl, reference, f"{group}#{rule}", window) or found
        return found

    def _metric(self, acl: Acl, metric: str, within: str, window: timedelta) -> Samples | None:
        key = (acl.ref.arn, metric, within, window)
        with self._lock:
            until, kept = self._kept.get(key, (0.0, None))
            if time.monotonic() > until:
                kept = self._asked(acl, metric, within, window)
                self._kept = {one: (end, had) for one, (end, had) in self._kept.items() if end > time.monotonic()}
                self._kept[key] = (time.monotonic() + _FRESH_SECONDS, kept)
            return kept

    def _asked(self, acl: Acl, metric: str, within: str, window: timedelta) -> Samples | None:
        now = datetime.now(UTC)
        reach = min(window, _REACH)
        hidden = list(protected(acl.body))
        requests: list[Request] = []
        whole, population = True, 0
        for number in range(_PIECES):
            start = now - reach + number * reach / _PIECES
            try:
                items, size, share = self._piece(acl.ref.arn, metric, start, start + reach / _PIECES)
            except NotThere:
                return None
            whole = whole and len(items) >= size and share >= 1.0
            population += round(size / share)
            factor = _factor(items, size, share)
            kept = [item for item in items if not within or item.get("RuleNameWithinRuleGroup") == within]
            requests += [self._naming.named(_shown(item, hidden, factor)) for item in kept]
        return Samples(tuple(requests), whole, _words(len(requests), population, reach, window, whole=whole))

    def _piece(
        self, arn: str, metric: str, start: datetime, end: datetime
    ) -> tuple[Sequence[Mapping[str, Any]], int, float]:
        """Samples, how many requests they are of, and the share of the time that they are from."""
        span = {"StartTime": start, "EndTime": end}
        with outcome("GetSampledRequests", write=False):
            answer = self._client.get_sampled_requests(
                WebAclArn=arn, RuleMetricName=metric, Scope=self._scope, TimeWindow=span, MaxItems=MAX_ITEMS
            )
            items, size = answer["SampledRequests"], int(answer["PopulationSize"])
        seen = answer.get("TimeWindow", span)
        length = (seen["EndTime"] - seen["StartTime"]) / (end - start)
        # AWS gives whole seconds, so that a second less is no shorter time
        short = seen["EndTime"] < end - timedelta(seconds=2)
        return items, size, min(1.0, max(length, 0.001)) if short else 1.0


def _factor(items: Sequence[Mapping[str, Any]], size: int, share: float) -> float:
    total = sum(float(item.get("Weight", 1)) for item in items)
    return max(float(size), total) / total / share if total else 1.0


def veiled(request: Request, hidden: Sequence[tuple[str, str]]) -> Request:
    """Without values that are not what was sent, and open where headers may go on beyond what is recorded."""
    headers = dict(request.headers)
    query = request.query
    for kind, name in hidden:
        if kind == "SINGLE_HEADER":
            headers |= {one: None for one in headers if name in ("", one)}
        elif kind == "SINGLE_COOKIE":
            headers |= {one: None for one in headers if one == "cookie"}
        elif kind in ("QUERY_STRING", "SINGLE_QUERY_ARGUMENT"):
            query = None
    size = sum(len(name) + sum(map(len, values or ())) for name, values in headers.items())
    host = None if headers.get("host", ()) is None else request.host
    whole = request.headers_whole and size < _HEADER_BYTES
    return replace(request, headers=headers, host=host, query=query, headers_whole=whole)


def _shown(item: Mapping[str, Any], hidden: Sequence[tuple[str, str]], factor: float) -> Request:
    request = veiled(from_sample(item), hidden)
    return replace(request, weight=request.weight * factor)


def protected(acl: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that the web ACL replaces in samples and logs, by a word or by a hash: neither is what was sent."""
    for one in acl.get("DataProtectionConfig", {}).get("DataProtections", ()):
        for name in one["Field"].get("FieldKeys") or [""]:
            yield str(one["Field"]["FieldType"]), str(name).lower()


def _words(shown: int, population: int, reach: timedelta, window: timedelta, *, whole: bool) -> str:
    minutes = round(reach / timedelta(minutes=1))
    asked = f" of {round(window / timedelta(minutes=1))} asked for" if window > reach else ""
    share = "all" if whole else f"of about {population}"
    return f"WAF sampled {shown} requests ({share}) of the last {minutes} minutes{asked}; no bodies, no answers"
