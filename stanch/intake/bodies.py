"""Turns the bytes of a delivery (JSON, NDJSON, XML) into documents within limits, refusing what is ambiguous."""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from pydantic_core import from_json

from stanch.errors import IntakeError
from stanch.intake.markup import looks_like_xml, parse_xml
from stanch.shapes import is_dict, is_list

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # for XML only; its line ends are two bytes each
_STOPPED = re.compile(r"line (\d+) column (\d+)")
_TYPES = ("json", "text/plain", "octet-stream", "x-www-form-urlencoded", "xml")
_LINE_TYPES = ("ndjson", "jsonl", "json-lines", "jsonlines")


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes; one delivery may hold many findings."""

    delivery: int = 1024 * 1024
    finding: int = 256 * 1024
    gzip_ratio: int = 20
    depth: int = 100
    items: int = 5000


DEFAULT_LIMITS = Limits()


class _Duplicate(ValueError):
    pass


def decompress(body: bytes, encoding: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The body without its content encoding; only gzip, capped in size and ratio.

    Raises:
        IntakeError: 413 too large, 415 another encoding, 400 damaged.
    """
    if len(body) > limits.delivery:
        raise IntakeError(f"the body has more than {limits.delivery} bytes", status=413, code="I002")
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise IntakeError("only gzip is understood as content encoding", status=415, code="I003")
    return _gunzip(body, min(limits.delivery, len(body) * limits.gzip_ratio))


def _gunzip(body: bytes, cap: int) -> bytes:
    engine = zlib.decompressobj(wbits=31)
    try:
        out = engine.decompress(body, cap + 1)
    except zlib.error:
        raise IntakeError("the gzip body is damaged", code="I004") from None
    if len(out) > cap:
        raise IntakeError("the body unpacks to more than is allowed", status=413, code="I002")
    if not engine.eof or engine.unused_data:
        raise IntakeError("the gzip body is incomplete or has something after its end", code="I004")
    return out


def parse_documents(body: bytes, content_type: str = "", limits: Limits = DEFAULT_LIMITS) -> list[Any]:
    """The documents of a body: one object, the items of an array, the lines of NDJSON, or one XML document.

    Raises:
        IntakeError: 415 for a media type that is neither JSON nor XML, 413 for too much, 400 for anything unclear.
    """
    if len(body) > limits.delivery:
        raise IntakeError(f"the body has more than {limits.delivery} bytes", status=413, code="I002")
    media = _media(content_type)
    if not media.is_known:
        raise IntakeError(
            "the content type is neither JSON nor XML",
            status=415,
            code="I003",
            hint="send application/json, application/x-ndjson or application/xml",
        )
    text = body if body.startswith(_UTF_16) else body.removeprefix(_BOM).strip()
    documents = _documents(text, media, limits)
    if len(documents) > limits.items:
        raise IntakeError(f"the body has more than {limits.items} items", status=413, code="I002")
    return documents


class _Media(NamedTuple):
    """What a content type promises."""

    is_known: bool
    by_line: bool
    is_xml: bool


@lru_cache(maxsize=64)
def _media(content_type: str) -> _Media:
    media = content_type.split(";", 1)[0].strip().lower()
    is_known = not media or any(word in media for word in _TYPES)
    return _Media(is_known, any(word in media for word in _LINE_TYPES), "xml" in media)


def parse_value(text: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """One JSON value or XML document that stands inside another document.

    Raises:
        IntakeError: as for a body.
    """
    text = text.strip()
    return parse_xml(text, depth=limits.depth) if looks_like_xml(text) else _parse(text, limits)


def _documents(body: bytes, media: _Media, limits: Limits) -> list[Any]:
    if not body and media.by_line:  # how a scanner that writes lines says that it found nothing
        return []
    if not body:
        raise IntakeError("the body is empty", code="I005")
    if looks_like_xml(body) or media.is_xml:
        return [parse_xml(body, depth=limits.depth)]
    lines = body.split(b"\n") if body[:1] == b"{" else []
    if len(lines) > 1 and (media.by_line or (lines[0].rstrip().endswith(b"}") and _complete(lines[0]))):
        return [_parse(line, limits, place=f"line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    parsed = _parse(body, limits)
    return parsed if is_list(parsed) else [parsed]


def _complete(line: bytes) -> bool:
    try:
        from_json(line)
    except ValueError:
        return False
    return True


def _parse(text: bytes, limits: Limits, place: str = "") -> Any:
    """Strict JSON: UTF-8 without lone surrogates, no duplicate keys, no NaN, nothing infinite, bounded depth."""
    where = f"{place}: " if place else ""
    try:
        from_json(text, allow_inf_nan=False)  # stricter than what reads, which finds repeated keys and is asked second
        parsed = _READER.decode(text.decode())
    except _Duplicate as error:
        raise IntakeError(f"{where}{error}", code="I006", place=place) from None
    except (ValueError, RecursionError) as error:
        raise IntakeError(f"{where}not valid JSON{_position(error)}", code="I005", place=place) from None
    levels = text.count(b"{") + text.count(b"[")  # at most
    if levels > limits.depth and _depth(parsed) > limits.depth:
        raise IntakeError(f"{where}nested deeper than {limits.depth}", code="I007", place=place)
    return parsed


def _position(error: BaseException) -> str:
    """Where parsing stopped, for people; what stands there is not repeated."""
    found = _STOPPED.search(str(error))
    return f" (stopped at line {found[1]}, column {found[2]})" if found else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Duplicate("the same key is given twice in one object")
    return made


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not JSON")


_READER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: Any) -> list[Any]:
    if is_dict(node):
        return [child for child in node.values() if isinstance(child, dict | list)]
    return [child for child in node if isinstance(child, dict | list)] if is_list(node) else []
