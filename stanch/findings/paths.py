"""Request paths in normal form and the template behind them, so that /users/7 and /users/8 are one operation."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PLACEHOLDER = "{p}"
MAX_PATH = 2048
MAX_SEGMENTS = 32

# Neither a dot segment nor anything of `_HOSTILE` is without one of these: most paths have none.
_ODD = re.compile(r"[.%\\\x00]")
_HOSTILE = re.compile(r"%2f|%5c|%00|\x00|\\|%25[0-9a-f]{2}", re.IGNORECASE)
_VARIABLE = re.compile(
    r"\d+"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"  # UUID
    r"|[0-7][0-9A-HJKMNP-TV-Z]{25}"  # ULID
    r"|\{[^{}/]*\}|:[A-Za-z_]\w*|<[^<>/]*>"  # a placeholder that the tool wrote
    r"|\d{4}-\d{2}-\d{2}(?:T[0-9:.Z+-]*)?"
    r"|[^@/\s]+@[^@/\s]+\.[^@/\s]+"
    r"|\+\d{7,15}",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\{[^{}/]*\}|:[A-Za-z_]\w*|<[^<>/]*>")
_PART = re.compile(r"\{[^{}/]*\}")
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}={0,2}")
_SIGNED = re.compile(r"[\w-]{10,}(?:\.[\w-]{10,}){2,4}", re.ASCII)  # JWT and the like


class Path(NamedTuple):
    """A path without query and its template; `basis` is heuristic or none."""

    path: str = ""
    template: str = ""
    basis: str = "none"


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Normal form of a path, path with query, or URL.

    A path with dot segments, encoded slashes, NUL or double encoding is attack evidence, not a route: it stays literal.
    """
    raw = _without_query(text.strip()).strip()
    if not raw:
        return Path()
    raw = raw if raw.startswith("/") else f"/{raw}"
    raw = raw[:MAX_PATH]
    if is_hostile(raw):
        return Path(raw, raw, "none")
    path = re.sub(r"/{2,}", "/", raw)
    segments = path.split("/")[: MAX_SEGMENTS + 1]
    template = "/".join(_segment(part) for part in segments)
    return Path(path, template, "heuristic")


def is_hostile(path: str) -> bool:
    """True where decoding or resolving the path could make it another path; `..;x` is `..` to some servers."""
    if not _ODD.search(path):
        return False
    names = (unquote(part).partition(";")[0] for part in path.split("/"))
    return bool(_HOSTILE.search(path)) or any(name in (".", "..") for name in names)


@lru_cache(maxsize=4096)
def segments_of(path: str) -> tuple[str, ...] | None:
    """The decoded segments of a path without query; None where it is an attack, too long or no path at all."""
    if not path.startswith("/") or len(path) > MAX_PATH or is_hostile(path):
        return None
    parts = re.sub(r"/{2,}", "/", path).split("/")[1:]
    return tuple(unquote(part.split(";", 1)[0]) for part in parts) if len(parts) <= MAX_SEGMENTS else None


def is_variable(segment: str) -> bool:
    """A whole segment that stands for any: `{id}`, `:id` or `<id>`."""
    return bool(_WHOLE.fullmatch(segment))


@lru_cache(maxsize=4096)
def neutral(template: str) -> str:
    """The template with every variable called `{p}`: a specification that renames one means the same operation."""
    return "/".join(_neutral(part) for part in template.split("/"))


def _neutral(part: str) -> str:
    if is_variable(part):
        return PLACEHOLDER
    return _PART.sub(PLACEHOLDER, part) if "{" in part else part


def declared_template(text: str) -> str:
    """Normal form of a template that a tool or a specification gave."""
    raw = _without_query(text.strip())[:MAX_PATH] if text else ""
    if not raw:
        return ""
    return raw if raw.startswith("/") else f"/{raw}"


def _without_query(text: str) -> str:
    if "://" in text[:12]:
        try:
            text = urlsplit(text).path or "/"
        except ValueError:
            return ""
    return text.partition("?")[0].partition("#")[0]


@lru_cache(maxsize=4096)  # the words of paths come again, whatever the ids between them
def _segment(raw: str) -> str:
    raw = raw.split(";", 1)[0]
    part = unquote(raw)
    if _VARIABLE.fullmatch(part) or _HEX.fullmatch(part) or _SIGNED.fullmatch(part) or _looks_opaque(part):
        return PLACEHOLDER
    return raw if not part.isprintable() or any(char in part for char in "?#%{}*\ufffd") else part


def _looks_opaque(part: str) -> bool:
    """Random-looking: long, and with more digits than a word such as oauth2-authorization has."""
    if not _OPAQUE.fullmatch(part):
        return False
    digits = sum(char.isdigit() for char in part)
    mixed = part != part.lower() and part != part.upper()
    return digits >= (2 if mixed else 4)
