"""Text transformations of AWS WAF; where its description leaves two readings, both are judged."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import re
from collections.abc import Callable

_HEX = re.compile(rb"%([0-9A-Fa-f]{2})")
_WIDE = re.compile(rb"%[uU]([0-9A-Fa-f]{4})")
_COMMENT = re.compile(rb"/\*.*?(?:\*/|\Z)", re.DOTALL)
_MOST_READINGS = 16
Transform = Callable[[bytes], tuple[bytes, ...] | None]  # all readings; None where it cannot be told


def readings(value: bytes, transforms: tuple[str, ...]) -> tuple[bytes, ...] | None:
    """What may be left of a value after these transformations; None where that cannot be told."""
    found: tuple[bytes, ...] = (value,)
    for name in transforms:
        step = TRANSFORMS.get(name)
        if step is None:
            return None
        made = [step(one) for one in found]
        if any(one is None for one in made):
            return None
        found = tuple(dict.fromkeys(one for several in made if several is not None for one in several))
        if len(found) > _MOST_READINGS:
            return None
    return found


def _plain(change: Callable[[bytes], bytes]) -> Transform:
    return lambda value: (change(value),)


def _url(value: bytes) -> tuple[bytes, ...]:
    """A plus sign stays or is a blank: the description does not say."""
    spaced = value.replace(b"+", b" ")
    return tuple(dict.fromkeys(_HEX.sub(_byte, text) for text in (value, spaced)))


def _url_uni(value: bytes) -> tuple[bytes, ...]:
    return _url(_WIDE.sub(_narrow, value))


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def _narrow(found: re.Match[bytes]) -> bytes:
    """The low byte; full-width ASCII (FF01 to FF5E) becomes the character it looks like."""
    code = int(found[1], 16)
    return bytes([(code + 0x20) & 0xFF if 0xFF01 <= code <= 0xFF5E else code & 0xFF])


def _path(value: bytes) -> bytes:
    """Slashes merged, `.` left out, `..` resolved where it does not lead out of the beginning."""
    kept: list[bytes] = []
    parts = value.split(b"/")
    for part in parts[1 if value.startswith(b"/") else 0 :]:
        if part == b".." and kept and kept[-1] != b"..":
            kept.pop()
        elif part not in (b"", b"."):
            kept.append(part)
    ends = b"/" if kept and parts[-1] in (b"", b".", b"..") else b""
    return (b"/" if value.startswith(b"/") else b"") + b"/".join(kept) + ends


def _white(value: bytes) -> bytes:
    return re.sub(rb"[ \f\t\n\r\v\xa0]+", b" ", value)


def _html(value: bytes) -> bytes:
    return html.unescape(value.decode("latin-1")).encode("utf-8")


def _base64(value: bytes) -> tuple[bytes, ...] | None:
    try:
        return (base64.b64decode(value, validate=True),)
    except (binascii.Error, ValueError):
        return None


def _hex(value: bytes) -> tuple[bytes, ...] | None:
    try:
        return (binascii.unhexlify(value),)
    except (binascii.Error, ValueError):
        return None


TRANSFORMS: dict[str, Transform] = {
    "NONE": _plain(lambda value: value),
    "LOWERCASE": _plain(bytes.lower),
    "URL_DECODE": _url,
    "URL_DECODE_UNI": _url_uni,
    "NORMALIZE_PATH": _plain(_path),
    "NORMALIZE_PATH_WIN": _plain(lambda value: _path(value.replace(b"\\", b"/"))),
    "COMPRESS_WHITE_SPACE": _plain(_white),
    "HTML_ENTITY_DECODE": _plain(_html),
    "REMOVE_NULLS": _plain(lambda value: value.replace(b"\0", b"")),
    "REPLACE_NULLS": _plain(lambda value: value.replace(b"\0", b" ")),
    "REPLACE_COMMENTS": _plain(lambda value: _COMMENT.sub(b" ", value)),
    "BASE64_DECODE": _base64,
    "HEX_DECODE": _hex,
    "MD5": _plain(lambda value: hashlib.md5(value, usedforsecurity=False).digest()),
    "SHA256": _plain(lambda value: hashlib.sha256(value).digest()),
}
