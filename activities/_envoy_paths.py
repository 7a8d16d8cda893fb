"""Hosts and path templates as anchored regular expressions that RE2 and Python read alike."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from stanch.errors import Rejected

MAX_TEMPLATE = 512
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
_PARAMETER = re.compile(r"\{[^{}/]+\}|\*")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SEGMENT_END = "(?:;[^/]*)?"  # `/a;v=1/b` is `/a/b` to servers with path parameters


def host_regex(host: str) -> str:
    """Exactly this host, in any case, with or without port and root dot.

    Raises:
        Rejected: it is a pattern or not a host name.
    """
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name):
        raise Rejected("the host to block is not one host name", hint="a block names one host, without wildcards")
    return rf"(?i){re.escape(name)}\.?(?::[0-9]+)?"


def path_regex(template: str, *, ignore_case: bool = False) -> str:
    """A template as an anchored expression over the normalised path, without query.

    `{x}` and `*` are one segment or part of it, a last `**` is the subtree with its root; a trailing slash is optional.

    Raises:
        Rejected: the template does not begin with a slash, is too long, or has `**` elsewhere than at the end.
    """
    head, subtree = (template[:-3], True) if template.endswith("/**") else (template, False)
    if not template.startswith("/") or "**" in head or len(template) > MAX_TEMPLATE or "?" in head or "#" in head:
        raise Rejected("the path to block is not a path template", hint="write /users/{id} or /mobile/**")
    segments = [segment for segment in head.split("/") if segment]
    body = "".join("/" + _segment(segment) for segment in segments)
    tail = "(?:/.*)?" if subtree else "/?"
    return ("(?i)" if ignore_case else "") + (body + tail if body else "/.*" if subtree else "/")


def _segment(segment: str) -> str:
    parts: list[str] = []
    end = 0
    for parameter in _PARAMETER.finditer(segment):
        parts += [_literal(segment[end : parameter.start()]), "[^/]+"]
        end = parameter.end()
    rest = _literal(segment[end:])
    return "".join([*parts, rest]) + (_SEGMENT_END if rest else "")


def _literal(text: str) -> str:
    """Matches the text as Envoy's path normalisation leaves it: other than unreserved bytes may stay encoded."""
    return "".join(_byte(byte) for byte in unquote_to_bytes(text))


def _byte(byte: int) -> str:
    if byte in _UNRESERVED:
        return re.escape(chr(byte))
    encoded = "%" + "".join(f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in f"{byte:02X}")
    return f"(?:{re.escape(chr(byte))}|{encoded})" if 0x20 < byte < 0x7F else encoded
