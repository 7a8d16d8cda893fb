"""What a block would hit and who uses an endpoint, judged from the access log by the same rules Envoy applies."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from activities._access_log import Line, LogView, Redactor
from activities._envoy_paths import host_regex, path_regex
from activities._envoy_policy import Dialect, claims_of, networks_of
from stanch.leases import BlockSpec
from stanch.ports import Estimate, Usage

_SAMPLES = 5


class Judge:
    """Decides about log lines what Envoy decides about requests.

    Raises:
        Rejected: the specification cannot be compiled, so no line can be judged either.
    """

    def __init__(self, spec: BlockSpec, *, dialect: Dialect) -> None:
        self._host = re.compile(host_regex(spec.host))
        everything = spec.path == "/**"
        wanted = path_regex(spec.path, ignore_case=dialect.ignore_case, spelling=dialect.spelling)
        self._path = None if everything else re.compile(wanted, re.DOTALL)
        self._methods = frozenset(method.upper() for method in spec.methods)
        self._claims = dict(claims_of(spec.principal))
        self._networks = networks_of(spec.ips)

    def endpoint(self, line: Line) -> bool:
        """The line is for the host, path and methods."""
        return (
            self._host.fullmatch(line.host) is not None
            and (self._path is None or self._path.fullmatch(line.path) is not None)
            and (not self._methods or line.method in self._methods)
        )

    def hits(self, line: Line) -> bool:
        """The whole specification matches."""
        named = all(line.claims.get(claim) == value for claim, value in self._claims.items())
        return named and self.endpoint(line) and (not self._networks or self._from_there(line.client))

    def _from_there(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def estimate(spec: BlockSpec, *, log: LogView, window: timedelta, dialect: Dialect, redactor: Redactor) -> Estimate:
    """Blast radius of the specification over the window."""
    judge = Judge(spec, dialect=dialect)
    endpoint = [line for line in log.lines if judge.endpoint(line)]
    hit = [line for line in endpoint if judge.hits(line)]
    return Estimate(
        requests=len(hit),
        clients=_distinct(line.client for line in hit),
        principals=_distinct(line.principal for line in hit),
        share_of_endpoint=len(hit) / len(endpoint) if endpoint else 0.0,
        succeeded=sum(1 for line in hit if line.status < 400),
        window=window,
        coverage=log.coverage,
        sample=tuple(redactor.sample(line) for line in hit[:_SAMPLES]),
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
