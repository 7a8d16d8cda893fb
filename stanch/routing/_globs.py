"""Many patterns of words at one place of a trie: which of them a word or another pattern meets, without trying each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Generic, TypeVar

from stanch.routing._place import Token

N = TypeVar("N")
_FEW = 8  # so many are tried one by one


class Globs(dict[Token, N], Generic[N]):
    """What stands behind each pattern; the indexes are made when they are first asked for, and again after an entry."""

    __slots__ = ("_exact", "_known", "_lengths", "_sides")

    def __init__(self) -> None:
        super().__init__()
        self._known = 0
        self._exact: dict[tuple[str, str], tuple[Token, N]] = {}
        self._lengths: list[tuple[int, int]] = []
        self._sides: list[list[tuple[str, Token, N]]] = []

    def meeting(self, word: str) -> Iterator[tuple[Token, N]]:
        """Patterns that a word meets, with what stands behind them."""
        if len(self) <= _FEW:
            yield from ((token, node) for token, node in self.items() if token.meets(word))
            return
        self._index()
        size = len(word)
        for start, end in self._lengths:
            if start + end <= size:
                found = self._exact.get((word[:start], word[size - end :]))
                if found is not None:
                    yield found

    def crossing(self, other: Token) -> Iterator[N]:
        """What stands behind patterns that some word meets together with another pattern; a few more may come too."""
        if len(self) <= _FEW:
            yield from self.values()
            return
        self._index()
        starts, ends = self._sides
        by_start, by_end = list(_comparable(starts, other.text)), list(_comparable(ends, other.suffix[::-1]))
        yield from min(by_start, by_end, key=len)

    def _index(self) -> None:
        if self._known == len(self):
            return
        self._exact = {(token.text, token.suffix): (token, node) for token, node in self.items()}
        self._lengths = sorted({(len(start), len(end)) for start, end in self._exact})
        starts = [(token.text, token, node) for token, node in self.items()]
        ends = [(token.suffix[::-1], token, node) for token, node in self.items()]
        self._sides = [sorted(side, key=lambda each: each[0]) for side in (starts, ends)]
        self._known = len(self)  # last, since other threads look up meanwhile


def _comparable(side: list[tuple[str, Token, N]], text: str) -> Iterator[N]:
    """Entries whose text begins the other or goes on behind it."""
    for size in range(len(text)):
        at = _first(side, text[:size])
        while at < len(side) and side[at][0] == text[:size]:
            yield side[at][2]
            at += 1
    at = _first(side, text)
    while at < len(side) and side[at][0].startswith(text):
        yield side[at][2]
        at += 1


def _first(side: list[tuple[str, Token, N]], text: str) -> int:
    return bisect_left(side, text, key=lambda each: each[0])
