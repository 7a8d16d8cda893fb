"""Templates for one category or kind of finding: `finding.API1.j2` and `_fix.attack.j2` go before the general one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import get_args

from stanch.views import CATEGORIES, Kind

_CATEGORIES = {code.partition(":")[0]: code for code in CATEGORIES if code}
QUALIFIERS: tuple[str, ...] = (*_CATEGORIES, *get_args(Kind))
_BY_CODE = {code: name for name, code in _CATEGORIES.items()}


def base_of(name: str) -> str:
    """The template that a variant stands in for; itself where it is none."""
    return name.partition(".")[0]


def qualifiers_of(category: str, kind: str) -> tuple[str, ...]:
    """Endings that count for a finding, the strongest last: a category says more than a kind."""
    return tuple(filter(None, (kind if kind in QUALIFIERS else "", _BY_CODE.get(category, ""))))


def chosen(sources: Mapping[str, str], qualifiers: tuple[str, ...]) -> dict[str, str]:
    """The templates with the variants of these qualifiers in place of their bases."""
    found = dict(sources)
    for qualifier in qualifiers:
        ending = f".{qualifier}"
        found |= {base_of(name): source for name, source in sources.items() if name.endswith(ending)}
    return found


def variant_problem(name: str, sources: Mapping[str, str]) -> str:
    """What is wrong with the name of a variant; empty where nothing is."""
    base, dot, qualifier = name.partition(".")
    if not dot:
        return ""
    if qualifier not in QUALIFIERS:
        near = difflib.get_close_matches(qualifier, QUALIFIERS, n=1)
        return f"{qualifier!r} is no category or kind of finding: {near[0] if near else ', '.join(QUALIFIERS)}"
    return "" if base in sources else f"there is no template {base + '.j2'!r} that it could stand in for"
