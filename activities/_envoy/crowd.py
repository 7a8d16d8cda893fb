"""Who is behind an address, and what the log leaves unknown: read once and asked often, right before blocks."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities._access_log import Line, LogView, read_log
from activities._envoy.policy import Dialect, Hops, claims_of
from activities._envoy.traffic import Judge, address_of
from activities._networks import networks_of
from stanch.leases import NAMED_CLAIMS, BlockSpec
from stanch.ports_traffic import Exposure

_FRESH_SECONDS = 10.0
_FEW = 256  # addresses of a network that are looked up one by one
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass
class _Behind:
    """Traffic of one address."""

    requests: int = 0
    nameless: int = 0
    principals: set[str] = field(default_factory=set[str])


@dataclass(frozen=True)
class _Index:
    """Sums over a window of the log; no line is kept."""

    until: float
    requests: int
    unlogged: Counter[str]  # lines for which the log has no field for a claim
    logged: Counter[str]  # lines in which a further claim has a field
    by_address: dict[Address, _Behind]
    why: str


class Crowd:
    """Answers for one access log."""

    def __init__(self, log: Path, dialect: Dialect) -> None:
        self._log, self._dialect = log, dialect
        self._lock = threading.Lock()
        self._kept: dict[timedelta, _Index] = {}

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        """What guards ask of a block.

        Raises:
            Rejected: this Envoy cannot match what the specification asks for.
        """
        claims, networks = tuple(claims_of(spec.principal)), networks_of(spec.ips)
        index = self._index(window)
        if not index.requests:
            return Exposure(why=index.why)
        if claims:
            return Exposure(
                unknown=max(_missing(index, claim) for claim in claims), why="it has no field for the claim"
            )
        if networks:
            return _behind(index, networks)
        return Exposure(unknown=0.0, share=self._share(spec, window))

    def _index(self, window: timedelta) -> _Index:
        with self._lock:
            kept = self._kept.get(window)
            if kept is None or time.monotonic() > kept.until:
                kept = self._kept[window] = _read(self._read(window), direct=self._dialect.hops is Hops.DIRECT)
            return kept

    def _share(self, spec: BlockSpec, window: timedelta) -> float:
        judge = Judge(spec, dialect=self._dialect)
        hosts = [line for line in self._read(window).lines if judge.host(line)]
        return sum(1 for line in hosts if judge.endpoint(line)) / len(hosts) if hosts else 0.0

    def _read(self, window: timedelta) -> LogView:
        return read_log(self._log, since=datetime.now(UTC) - window)


def _read(log: LogView, *, direct: bool) -> _Index:
    unlogged: Counter[str] = Counter()
    logged: Counter[str] = Counter()
    by_text: dict[str, _Behind] = {}
    for line in log.lines:
        unlogged.update(line.unlogged)
        logged.update(name for name in line.claims if name not in NAMED_CLAIMS)
        _count(by_text.setdefault(address_of(line, direct=direct), _Behind()), line)
    by_address = {address: behind for text, behind in by_text.items() if (address := _parsed(text)) is not None}
    why = "; ".join(log.notes)
    return _Index(time.monotonic() + _FRESH_SECONDS, len(log.lines), unlogged, logged, by_address, why)


def _count(behind: _Behind, line: Line) -> None:
    behind.requests += 1
    behind.nameless += line.nameless
    if line.principal:
        behind.principals.add(line.principal)


def _missing(index: _Index, claim: str) -> float:
    """Share of the lines that cannot say whether a token had this claim."""
    without = index.unlogged[claim] if claim in NAMED_CLAIMS else index.requests - index.logged[claim]
    return without / index.requests


def _behind(index: _Index, networks: Sequence[Network]) -> Exposure:
    found = list(_within(index, networks))
    requests = sum(one.requests for one in found)
    people = set[str]().union(*(one.principals for one in found))
    unknown = sum(one.nameless for one in found) / requests if requests else 0.0
    return Exposure(principals=len(people), unknown=unknown, why="it has no field for the user" if unknown else "")


def _within(index: _Index, networks: Sequence[Network]) -> Iterable[_Behind]:
    known: dict[Address, _Behind] = {}
    for network in networks:
        if network.num_addresses <= _FEW:
            known |= {one: index.by_address[one] for one in network if one in index.by_address}
        else:
            known |= {one: behind for one, behind in index.by_address.items() if one in network}
    return known.values()


def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
