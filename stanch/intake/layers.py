"""Text inside text: what percent, HTML and backslash escapes and base64 hide from a plain look."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/]{60,128}(?:\\r)?(?:\\n|\r?\n)){0,512}[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/])"
)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_ESCAPES = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[\"'\\/nrt])")
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_LEAST_PRINTABLE = 0.75


def peeled(text: str) -> str:
    """The text with one layer of each kind of escape taken off; the same text where there is none."""
    if "%" in text and _PERCENT.search(text):
        text = unquote(text, errors="replace")
    if "&" in text and _ENTITY.search(text):
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if "\\" in text:
        text = _ESCAPES.sub(_unescaped, text)
    return text


def _unescaped(match: re.Match[str]) -> str:
    code = match.group()[1:]
    return chr(int(code[1:], 16)) if code[0] in "ux" and len(code) > 1 else _SHORT.get(code, code)


def decoded_base64(run: str) -> str:
    """The text inside a base64 run, or nothing where it holds none: most of it must be printable ASCII."""
    raw = _WHITE.sub("", run).replace("-", "+").replace("_", "/").rstrip("=")
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    try:
        plain = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    printable = len(plain) - len(plain.translate(None, _PRINTABLE))
    if printable < _LEAST_PRINTABLE * len(plain):
        return ""
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain.decode("latin-1")


_WHITE = re.compile(r"\s|\\[rn]")
_PRINTABLE = bytes([9, 10, 13, *range(32, 127)])


def base64_pieces(run: str) -> Iterator[str]:
    """The run, and where it may be a path, its parts: one wrong character in front would shift everything."""
    yield run
    if "/" in run:
        yield from (part for part in run.split("/") if len(part) >= 16)
