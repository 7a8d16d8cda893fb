"""Hosts and path templates as anchored regular expressions that RE2 and Python read alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote, unquote_to_bytes

from stanch.errors import Rejected

MAX_TEMPLATE = 512
_WINDOW = 60  # characters of an expression; its size is a little less than its length
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
_PARAMETER = re.compile(r"\{[^{}/]+\}|\*")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SEGMENT_END = "(?:;[^/]*)?"  # `/a;v=1/b` is `/a/b` to servers with path parameters


def host_regex(host: str) -> str:
    """Exactly this host, in any case, with or without port and root dot.

    Raises:
        Rejected: it is a pattern or not a host name.
    """
    return f"(?i){host_body(host)}"


def host_body(host: str) -> str:
    """As `host_regex`, for where case is ignored already.

    Raises:
        Rejected: it is a pattern or not a host name.
    """
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name):
        raise Rejected("the host to block is not one host name", hint="a block names one host, without wildcards")
    return rf"{re.escape(name)}\.?(?::.*)?"  # `host:` and `host:x` reach the same API: servers drop what is no number


ODD = r".*/(?:\.?;[^/]*/|\.\.;).*"


@dataclass(frozen=True)
class Spelling:
    """How a gateway hands a path to its expressions.

    Args:
        literal: matches a piece of text that is not a parameter.
        slash: matches what parts segments.
        part: matches a parameter.
        odd: matches every path that Java servers, or servers to which a backslash is a slash, resolve once more; empty
            where that is asked apart.
        backtracks: the engine tries again what it has matched, which attackers could make long; it is told not to.
    """

    literal: Callable[[str], str]
    slash: str = "/"
    part: str = "[^/]+"
    odd: str = ODD
    backtracks: bool = False


def path_regex(template: str, *, ignore_case: bool = False, spelling: Spelling | None = None) -> str:
    """A template as an anchored expression over the normalised path, without query (default: as Envoy leaves it).

    `{x}` and `*` are one segment or part of it, a last `**` is the subtree with its root; a trailing slash is optional.
    `/;v=1/x` and `/y/..;/x` may be `/x` to the API and are nobody's own paths, so they count as what is blocked.

    Raises:
        Rejected: the template does not begin with a slash, is too long, or has `**` elsewhere than at the end.
    """
    head, subtree = (template[:-3], True) if template.endswith("/**") else (template, False)
    if not template.startswith("/") or "**" in head or len(template) > MAX_TEMPLATE or "?" in head or "#" in head:
        raise Rejected("the path to block is not a path template", hint="write /users/{id} or /mobile/**")
    segments = [segment for segment in head.split("/") if segment]
    form = spelling or ENCODED
    body = "".join(form.slash + _segment(segment, form) for segment in segments)
    end = rf"{form.slash}(?:\.?;[^/]*)?"
    tail = f"(?:{form.slash}.*)?" if subtree else f"(?:{end})?"
    matched = body + tail if body else "/.*" if subtree else end
    return ("(?i)" if ignore_case else "") + (f"(?:{form.odd}|{matched})" if form.odd else matched)


def windows(template: str) -> list[str]:
    """Templates that together match what this one does, each small enough for an engine with a limit (Envoy: 100)."""
    head, end = (template[:-3], "/**") if template.endswith("/**") else (template, "")
    segments = [segment for segment in head.split("/") if segment]
    groups: list[list[int]] = []
    size = _WINDOW
    for place, segment in enumerate(segments):
        size += len(_segment(segment, ENCODED))
        if size > _WINDOW:
            groups.append([])
            size = len(_segment(segment, ENCODED))
        groups[-1].append(place)
    shown = ["/".join(text if place in group else "*" for place, text in enumerate(segments)) for group in groups]
    return [f"/{text}{end}" for text in shown] if len(groups) > 1 else [template]


def _segment(segment: str, form: Spelling) -> str:
    """Every parameter but the last ends where what follows it is first found: any later place fits no better."""
    texts = [form.literal(text) for text in _PARAMETER.split(segment)]
    shortest = form.part if form.part.endswith("?") else f"{form.part}?"
    parts = [f"(?>{shortest}{text})" if form.backtracks else form.part + text for text in texts[1:-1]]
    last = [form.part, texts[-1]] if len(texts) > 1 else []
    return "".join([texts[0], *parts, *last]) + (_SEGMENT_END if texts[-1] else "")


def _literal(text: str) -> str:
    """Matches the text as Envoy's path normalisation leaves it: other than unreserved bytes may stay encoded."""
    return "".join(_byte(byte) for byte in unquote_to_bytes(text))


def _byte(byte: int) -> str:
    if byte in _UNRESERVED:
        return re.escape(chr(byte))
    encoded = "%" + "".join(f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in f"{byte:02X}")
    return f"(?:{re.escape(chr(byte))}|{encoded})" if 0x20 < byte < 0x7F else encoded


def _decoded_bytes(text: str) -> str:
    """As form decoding leaves it, byte by byte: `+` has become a space, so the two are one."""
    return "".join("[+ ]" if byte in b"+ " else _as_byte(byte) for byte in unquote_to_bytes(text))


def _as_byte(byte: int) -> str:
    return chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"\\x{byte:02x}"


def _decoded_text(text: str) -> str:
    return "".join(_as_point(point) for point in unquote(text))


def _as_point(point: str) -> str:
    return point if point.isalnum() or not point.isascii() else f"\\x{ord(point):02x}"


ENCODED = Spelling(_literal)
ESCAPED_SLASHES = Spelling(  # the API may decode them after all
    _literal,
    slash=r"(?:[/\x5c]|%2[Ff]|%5[Cc])+",
    odd=r".*(?:[/\x5c]|%2[Ff]|%5[Cc])(?:\.?;.*(?:[/\x5c]|%2[Ff]|%5[Cc])|\.\.[;\x5c]).*",
)
DECODED_BYTES = Spelling(_decoded_bytes, backtracks=True)
DECODED_TEXT = Spelling(
    _decoded_text,
    slash=r"[/\x5c]",
    part=r"[^/\x5c]+",
    odd=r".*(?:[/\x5c](?:\.?;[^/]*[/\x5c]|\.\.[;\x5c])|\x5c\.\.(?:/|$)).*",
)


def loose(spelling: Spelling) -> Spelling:
    """For paths with escaped slashes, which an API may or may not read as slashes: a parameter may hold some.

    It takes the shortest, so that an engine that backtracks finds a match before it runs out of steps.
    """
    return replace(spelling, part=".+?")
