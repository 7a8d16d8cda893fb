"""Patterns of a resource policy for the path of a block; their `*` runs over slashes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stanch.errors import Rejected

_SEGMENT = re.compile(r"[A-Za-z0-9._\-]+|\{[^{}/]+\}")
_ANY = "{}"


def globs_of(path: str, paths: Sequence[str]) -> list[str]:
    """What denies a path template, and no more.

    Args:
        path: of the block.
        paths: of the API's resources.

    Raises:
        Rejected: V072, it cannot be said, or would reach further.
    """
    if path == "/**":
        return ["*"]
    subtree = path.endswith("/**")
    segments = path.removesuffix("/**").strip("/").split("/")
    if path == "/" or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise Rejected("a resource policy cannot match this path", code="V072", hint="block it at the WAF or gateway")
    words = ["*" if segment.startswith("{") else segment for segment in segments]
    glob = "/".join(words)
    if glob == "*":
        raise _wider("the path / as well")
    if subtree and words != sorted(words, key="*".__eq__):  # a literal after a variable
        raise _wider("what lies between them as well")
    if "*" in glob and not subtree:
        _refuse_deeper(words, paths)
    return [glob, f"{glob}/*"] if subtree else [glob, f"{glob}/"]


def _refuse_deeper(words: Sequence[str], paths: Sequence[str]) -> None:
    """None that lies deeper may be matched; a value that happens to be a literal of ours is let be."""
    for other in paths:
        if any(len(one) != len(words) and _matches(words, one) for one in _served(other, more=len(words))):
            raise _wider(f"{other} as well")


def _served(path: str, *, more: int) -> Iterator[list[str]]:
    """What a resource serves, by segments; a greedy one passes on whatever lies below it."""
    parts = path.strip("/").split("/")
    if not parts[-1].endswith("+}"):
        yield parts
        return
    fixed = [_ANY if part.startswith("{") else part for part in parts]
    for count in range(more + 1):  # longer ones match nothing else
        yield fixed + [_ANY] * count


def _matches(words: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a path of this template can match, where a `*` takes one segment or more."""
    ends = {0}
    for word in words:
        if word == "*":
            ends = set(range(min(ends) + 1, len(parts) + 1)) if ends else ends
        else:
            ends = {at + 1 for at in ends if at < len(parts) and parts[at] in (word, _ANY)}
    return len(parts) in ends


def _wider(what: str) -> Rejected:
    message = f"a resource policy would deny {what}: its * runs over slashes"
    return Rejected(message, code="V072", hint="block one literal path, a literal subtree, or at the WAF or gateway")
