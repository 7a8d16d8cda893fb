"""Canonical forms of what a block may touch, and whether two of them overlap; unreadable forms raise ValueError."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple
from urllib.parse import unquote

_MAPPED = IPv6Network("::ffff:0:0/96")
_MAPPED_FIRST = int(_MAPPED.network_address)
_HOST = re.compile(r"(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)\Z")
MAX_TEXT = 2048


class Range(NamedTuple):
    """Addresses from `first` to `last` on one line that holds both families (IPv4 as its mapped IPv6 addresses).

    `version` and `prefix` say how wide it is; a range that swallows all of IPv4 counts as 0.0.0.0/0.
    """

    first: int
    last: int
    version: int
    prefix: int

    def overlaps(self, other: Range) -> bool:
        return self.first <= other.last and other.first <= self.last


class Pattern(NamedTuple):
    """A path by segments; None stands for any one segment, `open_end` for anything below."""

    segments: tuple[str | None, ...]
    open_end: bool

    @property
    def catches_all(self) -> bool:
        """True where nothing in it narrows the paths it covers."""
        return not any(self.segments) and (self.open_end or bool(self.segments))

    def overlaps(self, other: Pattern) -> bool:
        """True where some path is covered by both."""
        shared = min(len(self.segments), len(other.segments))
        if any(
            ours is not None and theirs is not None and ours != theirs
            for ours, theirs in zip(self.segments, other.segments, strict=False)
        ):
            return False
        longer_ok = len(self.segments) == shared or other.open_end
        return longer_ok and (len(other.segments) == shared or self.open_end)


@lru_cache(maxsize=8192)
def addresses(text: str) -> Range:
    """An address or network; scope ids and host bits are dropped, mapped IPv6 is IPv4."""
    network = ip_network(re.sub(r"%[^/]*", "", text.strip()), strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    if isinstance(network, IPv4Network):
        return Range(first + _MAPPED_FIRST, last + _MAPPED_FIRST, 4, network.prefixlen)
    if network.subnet_of(_MAPPED):
        return Range(first, last, 4, network.prefixlen - 96)
    if _MAPPED.subnet_of(network):
        return Range(first, last, 4, 0)
    return Range(first, last, 6, network.prefixlen)


@lru_cache(maxsize=8192)
def host_name(text: str) -> str:
    """A host in lower case, without port and final dot, in its ASCII form; `*.` in front covers every name below."""
    name = unicodedata.normalize("NFKC", text.strip())
    if name.startswith("["):
        return str(IPv6Address(re.sub(r"\](:\d{1,5})?\Z", "", name[1:])))
    name = re.sub(r":\d{1,5}\Z", "", name).rstrip(".").lower()
    if not name.isascii():
        name = name.encode("idna").decode()  # a name that IDNA refuses raises UnicodeError, a ValueError
    if len(name) > 253 or not _HOST.match(name):
        raise ValueError("not a host name")
    return name


def hosts_overlap(one: str, other: str) -> bool:
    """True where some host is covered by both canonical names."""
    if "*" not in one + other:
        return one == other
    if "*" in one and "*" in other:
        return _suffix(one).endswith(_suffix(other)) or _suffix(other).endswith(_suffix(one))
    wild, exact = (one, other) if "*" in one else (other, one)
    return wild == "*" or exact.endswith(_suffix(wild)) or exact == wild[2:]


@lru_cache(maxsize=8192)
def path_pattern(text: str) -> Pattern:
    """A path template as every server might read it: decoded, dot segments resolved, case and `;` parameters ignored.

    What is doubtful covers more, never less: a segment with any placeholder in it stands for every segment.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        raise ValueError("not a path")
    plain = unicodedata.normalize("NFKC", re.split(r"[?#]", _decoded(text.strip()), maxsplit=1)[0])
    parts = [part.split(";", 1)[0] for part in re.split(r"[/\\]+", plain.casefold())]
    return _resolved([part.strip() for part in parts])


@lru_cache(maxsize=8192)
def name(text: str) -> str:
    """A user, client or token id, so that case, width and blanks make no difference."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if not plain:
        raise ValueError("empty")
    return plain


def names_overlap(protected: str, given: str) -> bool:
    """True where a canonical id is the protected one; `*` in the protected id stands for any characters."""
    return re.fullmatch(".*".join(map(re.escape, protected.split("*"))), given, re.DOTALL) is not None


def _suffix(wild: str) -> str:
    return wild[1:]  # "*.example.com" covers what ends in ".example.com"; "*" covers everything


def _decoded(text: str) -> str:
    for _ in range(4):
        once = unquote(text, errors="replace")
        if once == text:
            return text
        text = once
    raise ValueError("encoded too often")


def _resolved(parts: list[str]) -> Pattern:
    segments: list[str | None] = []
    for number, part in enumerate(parts):
        if part == "..":
            del segments[-1:]
        elif part == "**":
            climbs = ".." in parts[number:]
            return Pattern(() if climbs else tuple(segments), open_end=True)
        elif part not in ("", "."):
            segments.append(None if part[0] == ":" or re.search(r"[{}<>*]", part) else part)
    return Pattern(tuple(segments), open_end=False)
