"""Texts with gaps: `{x}` inside a path segment and `*` in the name of a resource, met without backtracking."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GAP = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True)
class Pieces:
    """Fixed texts in this order, with a gap between each two.

    Args:
        fixed: first and last may be empty.
        least: characters that a gap has at least.
    """

    fixed: tuple[str, ...]
    least: int = 0

    @property
    def weight(self) -> int:
        """How much is fixed; more is more specific."""
        return sum(map(len, self.fixed))

    def meets(self, text: str) -> bool:
        """Leftmost search is enough: a piece found earlier only leaves more room for the next."""
        first, *middle, last = self.fixed
        if not text.startswith(first):
            return False
        position = len(first)
        for piece in middle:
            found = text.find(piece, position + self.least)
            if found < 0:
                return False
            position = found + len(piece)
        return text.endswith(last) and len(text) - len(last) >= position + self.least


def of_segment(segment: str) -> Pieces | None:
    """The pieces of a segment such as `{name}.json`; None for a plain word."""
    fixed = tuple(_GAP.split(segment))
    return Pieces(fixed, least=1) if len(fixed) > 1 else None


def of_glob(pattern: str) -> Pieces | None:
    """The pieces of `arn:aws:lambda:*:function:pay-*`; None without a star."""
    fixed = tuple(pattern.split("*"))
    return Pieces(fixed) if len(fixed) > 1 else None
