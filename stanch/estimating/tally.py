"""Blast radius: what a block would have hit of recorded traffic, and how much of it nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stanch.estimating.traffic import Request
from stanch.estimating.truth import Truth, every

Verdict = Callable[[Request], Truth]
_EXAMPLES = 5


@dataclass(frozen=True)
class Tally:
    """Sums over records; requests count by weight.

    Args:
        endpoint: requests of the endpoint. hit: of them, those that the block would deny.
        unknown: those of which the record cannot tell. succeeded: denied ones that were answered below 400.
        nameless: denied ones of which the record cannot tell who asked, so that `principals` may be too few.
        principals, clients: distinct ones among what would be denied; principals of unknown requests count, too.
    """

    endpoint: float = 0.0
    hit: float = 0.0
    unknown: float = 0.0
    succeeded: float = 0.0
    nameless: float = 0.0
    principals: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    examples: tuple[Request, ...] = field(default=(), repr=False)

    @property
    def share(self) -> float:
        """Of the endpoint's requests, those that are denied."""
        return self.hit / self.endpoint if self.endpoint else 0.0

    @property
    def unknown_share(self) -> float:
        """Of the endpoint's requests, those that nobody can tell of."""
        return self.unknown / self.endpoint if self.endpoint else 0.0


def judged(requests: Iterable[Request], *, endpoint: Verdict, hits: Verdict) -> Iterator[tuple[Request, Truth]]:
    """Requests that are or may be for the endpoint, each with whether the block would deny it."""
    for request in requests:
        there = endpoint(request)
        if there is not Truth.NO:
            yield request, every((there, hits(request)))


def tally(found: Iterable[tuple[Request, Truth]], *, examples: int = _EXAMPLES) -> Tally:
    """Sum up what was judged; `examples` says how many denied requests are kept."""
    reached = list(found)
    hit = [request for request, verdict in reached if verdict is Truth.YES]
    maybe = [request for request, verdict in reached if verdict is Truth.UNKNOWN]
    return Tally(
        endpoint=_weight(request for request, _ in reached),
        hit=_weight(hit),
        unknown=_weight(maybe),
        succeeded=_weight(one for one in hit if one.status is not None and one.status < 400),
        nameless=_weight(one for one in hit if one.principal is None),
        principals=frozenset(one.principal for one in (*hit, *maybe) if one.principal),
        clients=frozenset(one.client for one in (*hit, *maybe) if one.client),
        examples=tuple(hit[:examples]),
    )


def _weight(requests: Iterable[Request]) -> float:
    return sum(request.weight for request in requests)
