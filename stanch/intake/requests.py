"""A delivery as it arrived: exact bytes, headers, query, and who is at the other end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """What arrived.

    Args:
        body: the bytes as received, before any decoding.
        headers: names in any case; pairs where the server keeps repeated ones.
        remote: the sender's address; a trusted proxy may have told it.
        query: decoded parameters of the URL.
        peer: the address at the other end of the socket; "" where it is not known, and then no proxy is trusted.
    """

    body: bytes = field(repr=False)
    headers: Pairs = field(repr=False)
    remote: str = ""
    query: Pairs = field(default=(), repr=False)
    peer: str = ""

    def header(self, name: str) -> str:
        """A header by its lower-case name; "" where it is missing or has two values, of which readers pick either."""
        return self._headers.get(name, "")

    def parameter(self, name: str) -> str:
        """The same of the query; names are exact."""
        return self._query.get(name, "")

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        return _unambiguous([(name.lower(), value) for name, value in _pairs(self.headers)])

    @cached_property
    def _query(self) -> Mapping[str, str]:
        return _unambiguous(list(_pairs(self.query)))


def _pairs(given: Pairs) -> Iterable[tuple[str, str]]:
    return given.items() if isinstance(given, Mapping) else given


def _unambiguous(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found.clear()
    for name, value in pairs:
        found[name] = value if found.get(name, value) == value else ""
    return found
