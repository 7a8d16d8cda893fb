"""What a block would hit and who uses an endpoint, judged from the access log by the same rules Envoy applies."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from activities._access_log import Line, LogView, Redactor
from activities._edge.rules import target_in
from activities._envoy.paths import host_regex, path_regex
from activities._envoy.policy import Dialect, Hops, claims_of
from activities._networks import networks_of
from stanch.estimating import Claim, Condition, Every, From, Request, Truth, judge, known, tally
from stanch.leases import COUNT, NAMED_CLAIMS, BlockSpec, target_of
from stanch.ports import Estimate, Usage

_SAMPLES = 5
PROBE_AGENT = "stanch-probe/"


class Judge:
    """Decides about log lines what Envoy decides about requests.

    Raises:
        Rejected: the specification cannot be compiled, so no line can be judged either.
    """

    def __init__(self, spec: BlockSpec, *, dialect: Dialect) -> None:
        self._host = re.compile(host_regex(spec.host))
        everything = spec.path == "/**"
        spelling = replace(dialect.spelling, backtracks=True)
        wanted = path_regex(spec.path, ignore_case=dialect.ignore_case, spelling=spelling)
        self._path = None if everything else re.compile(wanted, re.DOTALL)
        self._methods = frozenset(method.upper() for method in spec.methods)
        self._caller, self._asked = _caller(spec), frozenset(claims_of(spec.principal)) - NAMED_CLAIMS.keys()
        self._direct = dialect.hops is Hops.DIRECT

    def host(self, line: Line) -> bool:
        """The line is for the host."""
        return self._host.fullmatch(line.host) is not None

    def endpoint(self, line: Line) -> bool:
        """The line is for the host, path and methods."""
        return (
            self.host(line)
            and (self._path is None or self._path.fullmatch(line.path) is not None)
            and (not self._methods or line.method in self._methods)
        )

    def hits(self, line: Line) -> Truth:
        """Whether the whole specification matches, as far as the log can tell."""
        return judge(self._caller, self.request(line)) if self.endpoint(line) else Truth.NO

    def request(self, line: Line) -> Request:
        """The line as the estimator reads it; a claim that is no field of the log is unknown."""
        return Request(
            method=line.method,
            host=line.host,
            path=line.path,
            client=address_of(line, direct=self._direct) or None,
            claims=line.claims,
            unrecorded=line.unlogged | (self._asked - line.claims.keys()),
            principal=None if line.nameless else line.principal,
            status=line.status,
            at=line.at,
        )


def address_of(line: Line, *, direct: bool) -> str:
    """The address that this Envoy's blocks compare; an IPv4 one as such, also where a proxy wrote it as an IPv6 one."""
    text = line.peer if direct and line.peer else line.client
    try:
        plain = getattr(ipaddress.ip_address(text), "ipv4_mapped", None)
    except ValueError:
        return text
    return str(plain or text)


def _caller(spec: BlockSpec) -> Condition:
    """Who is meant: every claim, and one of the addresses."""
    claims = [Claim((name,), value) for name, value in claims_of(spec.principal).items()]
    networks = networks_of(spec.ips)
    return Every((*claims, *((From(tuple(networks)),) if networks else ())))


def estimate(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect, redactor: Redactor) -> Estimate:
    """Blast radius of the specification over the window, by our own reading of it."""
    judging = Judge(spec, dialect=dialect)
    judged = [(line, judging.hits(line)) for line in log.lines if judging.endpoint(line)]
    return _summed(judged, judging, log=log, window=window, redactor=redactor)


def observed(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect, redactor: Redactor) -> Estimate:
    """The same by Envoy's own verdict; it names one policy, so where that is another of ours we judge."""
    judging, target = Judge(spec, dialect=dialect), target_of(spec)

    def verdict(line: Line) -> Truth:
        named = target_in(line.shadow_policy if spec.effect == COUNT else line.policy)
        return judging.hits(line) if named not in ("", target) else known(named)

    judged = [(line, verdict(line)) for line in log.lines if judging.endpoint(line) and not _is_probe(line)]
    return _summed(judged, judging, log=log, window=window, redactor=redactor)


def _is_probe(line: Line) -> bool:
    """One of ours, which is nobody; whoever only says so is still counted as themselves."""
    return line.agent.startswith(PROBE_AGENT) and not line.principal and line.status == 403


def _summed(
    judged: Sequence[tuple[Line, Truth]], judging: Judge, *, log: LogView, window: timedelta, redactor: Redactor
) -> Estimate:
    found = tally((judging.request(line), verdict) for line, verdict in judged)
    hit = (line for line, verdict in judged if verdict is Truth.YES)
    return Estimate(
        requests=int(found.hit),
        clients=len(found.clients),
        principals=len(found.principals),
        share_of_endpoint=found.share,
        succeeded=int(found.succeeded),
        window=window,
        coverage=log.coverage,
        sample=tuple(redactor.sample(line) for line in islice(hit, _SAMPLES)),
        unknown_share=found.unknown_share if log.lines else 1.0,
        nameless=int(found.nameless),
    )


def usage(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect) -> Usage:
    """Traffic of the endpoint; errors are answers of 500 and above."""
    judge = Judge(spec, dialect=dialect)
    lines = [line for line in log.lines if judge.endpoint(line)]
    return Usage(
        requests=len(lines),
        clients=_distinct(line.client for line in lines),
        principals=_distinct(line.principal for line in lines),
        errors=sum(1 for line in lines if line.status >= 500),
        last_seen=max((line.at for line in lines), default=None),
        window=window,
        coverage=log.coverage,
    )


def endpoint_lines(spec: BlockSpec, *, log: LogView, dialect: Dialect) -> Iterator[Line]:
    """Requests of the endpoint, newest first, in clear."""
    judge = Judge(spec, dialect=dialect)
    return (line for line in log.lines if judge.endpoint(line))


def _distinct(values: Iterable[str]) -> int:
    return len({value for value in values if value})
