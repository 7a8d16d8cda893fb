"""Proof of effect with real requests: a block denies what it should, and nothing next to it.

Nobody's credential is used: every block also denies its own secret probe header on the same endpoint. Only GET, HEAD
and OPTIONS are ever sent where the request could reach the API, so that a probe changes nothing there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import httpx

from activities._envoy.traffic import PROBE_AGENT
from activities._http import http_client
from activities._probe_paths import beside, filled
from stanch.leases import BlockSpec, Lease, target_of
from stanch.ports import Owned, Usage
from stanch.ports_traffic import LogsLate, SharesRules, Trace

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_REQUEST_SECONDS = 5.0
_LOG_SECONDS = 12.0  # Envoy flushes its access log every ten seconds unless told otherwise
_PAUSE_SECONDS = 0.05
_STILL = "the block still denies requests"


class Probed(Protocol):
    """What a point offers to be proved."""

    base_url: str

    def canary(self, target: str) -> Mapping[str, str]: ...

    def deciding_target(self, agent: str, *, since: datetime) -> str | None: ...

    def list_owned(self) -> Sequence[Owned]: ...

    def passed(self, spec: BlockSpec, *, since: datetime) -> tuple[int, int | None]: ...

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage: ...


@dataclass(frozen=True)
class Proof:
    """What was seen; `details` is fit for the ledger (no header values, no credentials)."""

    ok: bool
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Seen:
    """One probe request and its answer; status 0 is no answer."""

    method: str
    path: str
    status: int
    agent: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or 'no answer'}"


def expect_blocked(point: Probed, block: Lease | BlockSpec, *, within: timedelta) -> Proof:
    """The block denies its probe header, and not the requests next to it.

    The denial counts only when the access log names our rule, or, with no usable log, when the same request without
    the probe header, or one next to it, gets through.
    """
    return _Blocked(point, _spec(block), within=within).prove()


def expect_actor_blocked(
    point: Probed, block: Lease | BlockSpec, *, within: timedelta, since: datetime | None = None
) -> Proof:
    """As `expect_blocked`, and by the access log nothing of the actor got through since a time (default: this call).

    Where the log does not show who asked, or is not there yet, the proof says that what got through is unknown.
    """
    spec = _spec(block)
    start = since or datetime.now(UTC)
    proof = expect_blocked(point, spec, within=within)
    denied, through = _passed(point, spec, start) if proof.ok else point.passed(spec, since=start)
    told = "unknown: the log does not tell" if through is None else str(through)
    details = {**proof.details, "actor_denied": str(denied), "actor_let_through": told}
    if proof.ok and through:
        return Proof(ok=False, reason="requests of the actor still get through", details=details)
    return Proof(ok=proof.ok, reason=proof.reason, details=details)


def _passed(point: Probed, spec: BlockSpec, start: datetime) -> tuple[int, int | None]:
    """Where lines come late, another probe that is denied shows that the log is there, though nobody else asks."""
    if not isinstance(point, LogsLate) or not point.log_seconds:
        return point.passed(spec, since=start)
    now = datetime.now(UTC)
    _Blocked(point, spec, within=timedelta()).send()
    return point.passed(spec, since=start, until=now)


def expect_unblocked(point: Probed, block: Lease | BlockSpec, *, within: timedelta) -> Proof:
    """The block is gone: no entry at the point, and its probe header is not denied by it any more.

    A denial that no log names counts as the block's: the point may still enforce what it no longer lists. Where others
    hold the block's rule, too, no probe tells them apart, and only what is listed is proved.
    """
    spec = _spec(block)
    target = target_of(spec)
    probe = _Prober(point, spec.host, within=within)
    details: dict[str, str] = {}
    reason = ""
    for _ in probe.attempts():
        standing = any(owned.target == target for owned in point.list_owned())
        details["entry"] = "present" if standing else "gone"
        reason = _STILL if standing else _left(probe, spec, _trace(point, spec), details)
        if not reason:
            return Proof(ok=True, details=details | probe.facts())
    return Proof(ok=False, reason=reason, details=details | probe.facts())


def _trace(point: Probed, spec: BlockSpec) -> Trace:
    if isinstance(point, SharesRules):
        return point.trace(spec)
    return Trace(partial(point.canary, target_of(spec)), target_of(spec))


def _left(probe: _Prober, spec: BlockSpec, trace: Trace, details: dict[str, str]) -> str:
    """Why a block that is not listed is not gone all the same, "" where it is."""
    if trace.left:
        return "addresses of the block are still in its rule, and no entry lists them"
    if trace.headers is None:
        details["positive"] = "not probed: its rule is shared"
        return ""
    method = _safe_method(spec)
    if not method:
        return ""
    seen = probe.send(method, filled(spec.path), headers=trace.headers())
    details["positive"] = str(seen)
    by = probe.decided(seen) if seen.status == 403 else ""
    if by is None:
        return "its probe is still denied, and no log says by what"
    return _STILL if not seen.status or trace.denied(by) else ""


def expect_healthy(
    point: Probed,
    host: str,
    *,
    within: timedelta,
    paths: Sequence[str] = ("/healthz",),
    window: timedelta = timedelta(minutes=1),
    max_error_rate: float = 0.01,
) -> Proof:
    """Every path answers below 500, and the host's share of answers from 500 on in the log is small.

    `window` is how far back the log counts: at most the time since the change that is judged.
    """
    probe = _Prober(point, host, within=within)
    details: dict[str, str] = {}
    reason = ""
    for _ in probe.attempts():
        seen = [probe.send("GET", filled(path)) for path in paths]
        details = {f"path_{number}": str(one) for number, one in enumerate(seen, start=1)}
        traffic = point.usage(host=host, path="/**", method="", window=window)
        rate = traffic.errors / traffic.requests if traffic.requests else 0.0
        details |= {"error_rate": f"{rate:.4f}", "requests": str(traffic.requests), "coverage": traffic.coverage}
        if any(not 0 < one.status < 500 for one in seen):
            reason = "the API does not answer as it should"
        elif rate > max_error_rate:
            reason = f"5xx rate {rate:.1%}"
        else:
            return Proof(ok=True, details=details | probe.facts())
    return Proof(ok=False, reason=reason, details=details | probe.facts())


class _Blocked:
    """One run of `expect_blocked`."""

    def __init__(self, point: Probed, spec: BlockSpec, *, within: timedelta) -> None:
        self._point = point
        self._spec = spec
        self._target = target_of(spec)
        self._probe = _Prober(point, spec.host, within=within)

    def prove(self) -> Proof:
        details: dict[str, str] = {"target": self._target}
        reason = "the probe was not sent in time"
        for _ in self._probe.attempts():
            seen = self.send()
            details["positive"] = str(seen)
            if seen.status == 403:
                return self._judge(seen, details)
            reason = "the block has no effect: its probe was answered" if seen.status else "the gateway does not answer"
        return Proof(ok=False, reason=reason, details=details | self._probe.facts())

    def send(self) -> _Seen:
        """The request that the block denies."""
        method = _safe_method(self._spec) or self._spec.methods[0]
        return self._probe.send(method, filled(self._spec.path), headers=self._point.canary(self._target))

    def _judge(self, seen: _Seen, details: dict[str, str]) -> Proof:
        near = {label: self._probe.send(method, path) for label, method, path in _neighbours(self._spec)}
        details |= {label: str(one) for label, one in near.items()}
        by = self._probe.decided(seen)
        through = [label for label, one in near.items() if one.status not in (0, 403)]
        details["confirmed_by"] = "access log" if by else "difference" if by is None and through else ""
        if by and by != self._target:
            details["decided_by"] = by  # another block of ours covers the same request
        reason = self._objection(near, confirmed=bool(details["confirmed_by"]))
        return Proof(ok=not reason, reason=reason, details=details | self._probe.facts())

    def _objection(self, near: Mapping[str, _Seen], *, confirmed: bool) -> str:
        if not confirmed:
            return "the probe was denied, but not by this block"
        if any(not one.status for one in near.values()):
            return "a request next to the block was not answered"
        wide = [label for label, one in near.items() if one.status == 403 and self._probe.decided(one) == self._target]
        return f"the block also denies what it should not: {', '.join(wide)}" if wide else ""


class _Prober:
    """Sends marked requests to one host of a point within a time, and asks the log who denied them."""

    def __init__(self, point: Probed, host: str, *, within: timedelta) -> None:
        self._point = point
        self._host = host
        self._started = time.monotonic()
        self._since = datetime.now(UTC) - timedelta(seconds=2)
        self._deadline = self._started + within.total_seconds()
        self._sent = 0

    def attempts(self) -> Iterator[int]:
        """At least one attempt, then more until the time is over."""
        number = 0
        pause = _PAUSE_SECONDS
        while not number or time.monotonic() < self._deadline:
            number += 1
            yield number
            time.sleep(max(0.0, min(pause, self._deadline - time.monotonic())))
            pause = min(pause * 2, 2.0)

    def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None) -> _Seen:
        agent = PROBE_AGENT + secrets.token_hex(8)
        url = self._point.base_url.rstrip("/") + path
        fixed = {"host": self._host, "user-agent": agent, "content-type": "application/x-stanch-probe"}
        self._sent += 1
        try:
            with http_client(seconds=_REQUEST_SECONDS) as client:
                answer = client.request(method, url, headers={**(headers or {}), **fixed})
        except httpx.HTTPError:
            return _Seen(method, path, 0, agent)
        return _Seen(method, path, answer.status_code, agent)

    def decided(self, seen: _Seen) -> str | None:
        """Target of the block that denied it: "" for none of ours, None where the log does not show the request."""
        left = max(1.0, self._deadline - time.monotonic())
        late: float = getattr(self._point, "log_seconds", _LOG_SECONDS)
        deadline = time.monotonic() + min(late, left)
        while True:
            target = self._point.deciding_target(seen.agent, since=self._since)
            if target is not None or time.monotonic() > deadline:
                return target
            time.sleep(_PAUSE_SECONDS)

    def facts(self) -> dict[str, str]:
        took = round((time.monotonic() - self._started) * 1000)
        return {
            "host": self._host,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "took_ms": str(took),
            "sent": str(self._sent),
        }


def _spec(block: Lease | BlockSpec) -> BlockSpec:
    spec = block.spec if isinstance(block, Lease) else block
    if not isinstance(spec, BlockSpec):
        raise TypeError("only blocks of requests can be probed")
    return spec


def _safe_method(spec: BlockSpec) -> str:
    """A method the block covers that changes nothing; empty where it only covers others."""
    methods = [method.upper() for method in spec.methods] or list(SAFE_METHODS)
    return next((method for method in SAFE_METHODS if method in methods), "")


def _neighbours(spec: BlockSpec) -> Iterator[tuple[str, str, str]]:
    """Requests just outside the block: (label, method, path)."""
    path = filled(spec.path)
    safe = _safe_method(spec)
    if safe and (spec.principal or spec.ips):
        yield "same_endpoint_other_caller", safe, path
    other = next((method for method in SAFE_METHODS if spec.methods and method not in spec.methods), "")
    if other:
        yield "other_method", other, path
    near = beside(spec.path)
    if near:
        yield "other_path", safe or "GET", near
