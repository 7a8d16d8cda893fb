"""Names of resources as tools spell them, and the patterns of the inventory that they meet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from stanch.inventory._pieces import Pieces, of_glob

T = TypeVar("T")
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*://(?:[^@/\s]+@)?|git@)?", re.IGNORECASE)
_TAG = re.compile(r"(?:@sha256:[0-9a-f]{64})?$|:[\w.-]{1,128}(?:@sha256:[0-9a-f]{64})?$", re.IGNORECASE)
_SSH = re.compile(r"^([\w.-]+\.[a-z]+):(?!\d+/)", re.IGNORECASE)
MAX_NAME = 512


def plain_name(text: str) -> str:
    """One spelling: `github.com/acme/shop` for `https://github.com/Acme/shop.git`; an ARN stays as it is."""
    text = text.strip()[:MAX_NAME]
    if text.lower().startswith("arn:"):
        return text
    text = _SSH.sub(r"\1/", _SCHEME.sub("", text))
    return text.rstrip("/").removesuffix(".git").casefold()


def spellings(text: str) -> tuple[str, ...]:
    """A name, without the tag of an image, and without the host of a repository."""
    name = plain_name(text)
    if not name or name.startswith("arn:"):
        return (name,) if name else ()
    bare = _TAG.sub("", name)
    first, _, rest = bare.partition("/")
    hosted = rest if "." in first and "/" in rest else ""
    return tuple(dict.fromkeys(item for item in (name, bare, hosted) if item))


class ResourceIndex(Generic[T]):
    """Values by exact name or pattern; exact beats pattern, more fixed text beats less."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, tuple[str, T]] = {}
        self._globs: dict[str, list[tuple[Pieces, str, T]]] = {}
        for pattern, value in entries:
            name = plain_name(pattern)
            pieces = of_glob(name)
            if pieces is None:
                self._exact.setdefault(name, (pattern, value))
            else:
                self._globs.setdefault(pieces.fixed[0], []).append((pieces, pattern, value))
        self._lengths = sorted({len(prefix) for prefix in self._globs}, reverse=True)

    def find(self, text: str) -> tuple[str, T] | None:
        """The pattern that wins, as written, with its value."""
        names = spellings(text)
        for name in names:
            if name in self._exact:
                return self._exact[name]
        met = [item for name in names for item in self._met(name)]
        if not met:
            return None
        best = min(met, key=lambda item: (-item[0].weight, item[0].fixed))
        return best[1], best[2]

    def _met(self, name: str) -> list[tuple[Pieces, str, T]]:
        found: list[tuple[Pieces, str, T]] = []
        for length in self._lengths:
            found += [item for item in self._globs.get(name[:length], ()) if item[0].meets(name)]
        return found
