"""Wildcards right over a public suffix: `*.co.uk` is no customer's domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from publicsuffixlist import PublicSuffixList

from stanch.routing._entries import Entry
from stanch.routing._place import Kind, Place
from stanch.routing._written import Found


def suffixes(entries: Sequence[Entry]) -> Iterator[Found]:
    """R004, by the list that the package brings along; nothing is fetched."""
    for entry in entries:
        if over_suffix(entry.place):
            message = f"rule '{entry.rule.id}' has a wildcard over a public suffix: {entry.place.text}"
            yield Found("R004", message, entry.path, "name the domain", severity="warning")


def over_suffix(place: Place) -> bool:
    """Whether what is fixed of a host pattern is a public suffix, or a name that nobody has registered."""
    fixed = [token.text for token in place.host if token.kind is Kind.LITERAL]
    if not fixed or len(fixed) == len(place.host):
        return False
    return _is_public(".".join(reversed(fixed)))


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _is_public(name: str) -> bool:
    return bool(_list().is_public(name))
