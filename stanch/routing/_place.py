"""Places: host and path patterns with conditions, and how specific each is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import TypeAlias

from stanch.routing._normal import MAX_SEGMENTS, normal_host, normal_path, split_url

_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\Z")
_VARIABLE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}\Z")


class Kind(IntEnum):
    """What a token meets; smaller is more specific.

    END is an exact end, DEEP any number of segments, MANY one or more labels, REST whatever is left.
    """

    LITERAL = 0
    GLOB = 1
    ONE = 2
    END = 3
    DEEP = 4
    MANY = 5
    REST = 6


@dataclass(frozen=True)
class Token:
    """One label or segment of a pattern."""

    kind: Kind
    text: str = ""
    suffix: str = ""  # of a glob, whose prefix is `text`

    @property
    def rank(self) -> tuple[int, int]:
        return int(self.kind), -(len(self.text) + len(self.suffix)) if self.kind is Kind.GLOB else 0

    def meets(self, segment: str) -> bool:
        """Whether a single segment fits (not for `**`)."""
        if self.kind is Kind.LITERAL:
            return segment == self.text
        if self.kind is Kind.GLOB:
            fits = segment.startswith(self.text) and segment.endswith(self.suffix)
            return fits and len(segment) >= len(self.text) + len(self.suffix)
        return True


_KNOWN = 16_384  # patterns whose tokens are remembered: each is asked for several times while a file loads
Rank: TypeAlias = tuple[tuple[int, int], ...]
CONDITIONS = ("methods", "environment", "source")


@dataclass(frozen=True)
class Place:
    """Where a rule applies.

    Args:
        host: tokens from the right; a last MANY stands for one or more labels, REST for any host at all.
        path: tokens from the left; DEEP is `**` in the middle, REST at the end.
        methods: empty for all; likewise the others.
    """

    text: str
    host: tuple[Token, ...]
    path: tuple[Token, ...]
    methods: frozenset[str] = field(default_factory=frozenset[str])
    environment: frozenset[str] = field(default_factory=frozenset[str])
    source: frozenset[str] = field(default_factory=frozenset[str])

    @cached_property
    def listed(self) -> bool:
        """Whether it has any condition."""
        return bool(self.methods or self.environment or self.source)

    @cached_property
    def host_rank(self) -> Rank:
        return tuple(token.rank for token in self.host)

    @cached_property
    def path_rank(self) -> Rank:
        end = () if self.path and self.path[-1].kind is Kind.REST else ((int(Kind.END), 0),)
        return (*(token.rank for token in self.path), *end)

    @cached_property
    def rank(self) -> tuple[Rank, Rank, tuple[bool, ...]]:
        """Order of precedence, the most specific first: host, path, then listed conditions."""
        return self.host_rank, self.path_rank, tuple(not self.condition(name) for name in CONDITIONS)

    @property
    def folded(self) -> Place:
        """The same place for a host whose paths do not tell upper and lower case apart."""
        path = tuple(replace(token, text=token.text.lower(), suffix=token.suffix.lower()) for token in self.path)
        return replace(self, path=path)

    def condition(self, name: str) -> frozenset[str]:
        value: frozenset[str] = getattr(self, name)
        return value


@lru_cache(maxsize=_KNOWN)
def parse_host(text: str) -> tuple[Token, ...]:
    """Read a host pattern.

    Raises:
        ValueError: in words for the author.
    """
    if text == "*":
        return (Token(Kind.REST),)
    parts = text.split(".")
    tokens = [_label(part, first=index == 0, host=text) for index, part in enumerate(parts)]
    return tuple(reversed(tokens))


def _label(part: str, *, first: bool, host: str) -> Token:
    if _VARIABLE.match(part):
        return Token(Kind.ONE, part)
    if part == "*":
        if first:
            return Token(Kind.MANY)
        raise ValueError(f"'*' may only be the first label of host '{host}'; write {{name}} for exactly one label")
    if _HOST_LABEL.match(part):
        return _literal(part)
    if "/" in host:
        bare = normal_host(split_url(host)[0])
        raise ValueError(f"host '{host}' is a URL or has a path; write '{bare}', and the path in `path`")
    normal = normal_host(host)
    hint = f"; write '{normal}'" if normal != host and "*" not in host else ""
    raise ValueError(f"host '{host}' is not in normal form (lower case, no port, no trailing dot){hint}")


@lru_cache(maxsize=_KNOWN)
def parse_path(text: str) -> tuple[Token, ...]:
    """Read a path pattern.

    Raises:
        ValueError: in words for the author.
    """
    if text != normal_path(text):
        raise ValueError(f"path '{text}' is not in normal form; write '{normal_path(text)}'")
    parts = text.split("/")[1:] if text != "/" else []
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"path has more than {MAX_SEGMENTS} segments; what lies beyond is not compared")
    tokens = [_segment(part, last=index == len(parts) - 1, path=text) for index, part in enumerate(parts)]
    return tuple(token for index, token in enumerate(tokens) if not _repeated(tokens, index))


def _repeated(tokens: list[Token], index: int) -> bool:
    """`**/**` says no more than `**`."""
    deep = (Kind.DEEP, Kind.REST)
    return tokens[index].kind is Kind.DEEP and index + 1 < len(tokens) and tokens[index + 1].kind in deep


def _segment(part: str, *, last: bool, path: str) -> Token:
    if part == "**":
        return Token(Kind.REST if last else Kind.DEEP)
    if _VARIABLE.match(part):
        return Token(Kind.ONE, part)
    if "{" in part or "}" in part or part.count("*") > 1:
        raise ValueError(f"segment '{part}' of path '{path}' must be a word, {{name}}, one '*' in a word, or '**'")
    if "*" in part:
        prefix, _, suffix = part.partition("*")
        return Token(Kind.GLOB, prefix, suffix)
    return _literal(part)


@lru_cache(maxsize=_KNOWN)
def _literal(text: str) -> Token:
    """The same words come again and again in many rules."""
    return Token(Kind.LITERAL, text)
