"""The normal form of a place: what hosts and paths are turned into before anything is matched."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import idna

MAX_SEGMENTS = 64
MAX_SEGMENT = 512
_ROUNDS = 3
_TEMPLATE = re.compile(r"\{[^{}/]*\}\Z")


def normal_host(host: str) -> str:
    """Lower case, A-labels, without port and trailing dot."""
    if host.islower() and host.isascii() and ":" not in host and host[-1] != "." and host == host.strip():
        return host
    text = host.strip().lower()
    if text.startswith("["):  # an IPv6 literal
        return text.partition("]")[0] + "]"
    text = text.partition(":")[0].rstrip(".")
    if text.isascii():
        return text
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return text


def labels(host: str) -> list[str]:
    """Labels of a normal host, from the right."""
    return host.split(".")[::-1] if host else []


def normal_path(path: str) -> str:
    """A path as the upstream would see it: decoded, without query and parameters, `.`, `..` and `//` resolved.

    Decoding goes on until nothing changes (three rounds at most), since double encoding is a usual evasion.
    """
    if _is_plain(path):
        return path
    text = re.split(r"[?#]", path, maxsplit=1)[0]
    for _ in range(_ROUNDS):
        decoded = unquote(text, errors="replace")
        if decoded == text:
            break
        text = decoded
    return "/" + "/".join(_resolved(text.replace("\\", "/").split("/")))


def _is_plain(path: str) -> bool:
    """Whether nothing in a path needs a second look; most paths are so, and lookups must be quick."""
    odd = "%" in path or "/." in path or "//" in path or ";" in path or "?" in path or "#" in path or "\\" in path
    return not odd and path[:1] == "/" and path[-1:] != "/"


def _resolved(parts: list[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        name = part.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return kept


def segments(path: str) -> list[str]:
    """Segments of a normal path; what lies beyond the limits is cut off."""
    if path == "/":
        return []
    parts = path[1:].split("/")
    if len(path) <= MAX_SEGMENT and len(parts) <= MAX_SEGMENTS:
        return parts
    return [part[:MAX_SEGMENT] for part in parts[:MAX_SEGMENTS]]


def raw_segments(path: str) -> list[str]:
    """Segments of a path as written, for telling whether encoding changed where it goes."""
    bare = re.split(r"[?#]", path, maxsplit=1)[0].strip("/")
    return bare.split("/")[:MAX_SEGMENTS] if bare else []


def is_template(segment: str) -> bool:
    """`{id}` of an operation template."""
    return bool(_TEMPLATE.match(segment))


def split_url(target: str) -> tuple[str, str]:
    """Host and path of a URL or of `host/path`."""
    parts = urlsplit(target if "://" in target else f"//{target}")
    return parts.netloc.rpartition("@")[2], parts.path + (f"?{parts.query}" if parts.query else "")
