"""The functions that adapters may call besides JMESPath's own; each takes null and answers null."""

from __future__ import annotations

import base64
import html
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from jmespath import functions

from stanch.errors import IntakeError
from stanch.findings.times import parse_time
from stanch.findings.words import known_environment
from stanch.intake.bodies import Limits, decompress, parse_documents, parse_value
from stanch.shapes import is_dict, is_list
from stanch.sources.reading import header_pairs, inner, number_in, uncapital

Bands = Sequence[Sequence[Any]]
Tables = Mapping[str, Mapping[str, Any] | Bands]

_ANY: Any = {"types": []}
_NOTHING = frozenset(
    {"", "null", "none", "nil", "undefined", "unknown", "string", "n/a", "-", "-2147483648", "x.x.x.x", "(null)"}
)
_OPERATION = re.compile(
    r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE)\s{1,4}(https?://[^\s'\"`]{1,2048}|/[^\s'\"`]{0,2048})"
)
_URL = re.compile(r"https?://[^\s'\"`<>]{1,2048}")
_TAG = re.compile(r"<[/!]?[A-Za-z][^<>]{0,512}>")
_GZIP = b"\x1f\x8b"
_INNER = Limits(gzip_ratio=100)  # log lines repeat themselves
_BREAK = re.compile(r"</?(?:p|br|li|div|ul|ol|h\d)\b[^<>]{0,64}>", re.IGNORECASE)
_CWE = re.compile(r"CWE[-_: ]{0,2}(\d{1,6})\b", re.IGNORECASE)
_FINGERPRINT = re.compile(r"[\w.:/+=-]{12,512}", re.ASCII)
# What some tools file among them: it says who and when, or changes with every edit of the file.
_NO_FINGERPRINTS = ("commit", "author", "email", "date", "message", "file")
_POINTER = re.compile(
    r"/paths/(?P<path>[^/]+)(?:/(?P<method>get|head|post|put|patch|delete|options|trace)\b)?(?:/(?P<rest>.+))?",
    re.DOTALL,
)


class AdapterFunctions(functions.Functions):
    """JMESPath functions for one adapter, with its tables."""

    def __init__(self, tables: Tables | None = None) -> None:
        self._tables = tables or {}

    def own(self, name: str) -> Callable[..., Any] | None:
        """One of the functions below, which take any value and so need no check of types."""
        own = f"_func_{name}" in vars(AdapterFunctions)
        return getattr(self, f"_func_{name}") if own else None

    @functions.signature(_ANY, _ANY)
    def _func_url_part(self, url: Any, part: Any) -> Any:
        try:
            parsed = urlsplit(url if "//" in url else f"//{url}")
            value = getattr(parsed, "hostname" if part == "host" else part)
        except (TypeError, ValueError, AttributeError):
            return None
        return value or None

    @functions.signature(_ANY)
    def _func_op_split(self, text: Any) -> Any:
        """The first `METHOD /path` in a text, as {method, path}."""
        found = _OPERATION.search(text[:16384]) if isinstance(text, str) else None
        return {"method": found.group(1), "path": found.group(2).rstrip(".,;:)]")} if found else None

    @functions.signature(_ANY, _ANY)
    def _func_json_pointer_op(self, index: Any, number: Any) -> Any:
        """What entry `number` of a list of JSON pointers into an OpenAPI file names: operation and place in it."""
        try:
            found = _POINTER.match(index[int(number)])
        except (TypeError, ValueError, IndexError, KeyError):
            return None
        if not found:
            return None
        path, rest = (text and text.replace("~1", "/").replace("~0", "~") for text in found.group("path", "rest"))
        return {"path": path, "method": found["method"], "rest": rest}

    @functions.signature(_ANY)
    def _func_ts(self, value: Any) -> Any:
        parsed = parse_time(value)
        return parsed.isoformat() if parsed else None

    @functions.signature(_ANY)
    def _func_nullish(self, value: Any) -> Any:
        """Null for what tools write when they mean nothing."""
        return None if value is None or str(value).strip().lower() in _NOTHING else value

    @functions.signature(_ANY)
    def _func_ip(self, value: Any) -> Any:
        try:
            return str(ipaddress.ip_address(str(value).strip()))
        except ValueError:
            return None

    @functions.signature(_ANY, _ANY)
    def _func_table(self, name: Any, value: Any) -> Any:
        """The entry of a table: by lower-case key (`_` is the rest), or the first band that the number reaches."""
        table = self._tables.get(name)
        if isinstance(table, Mapping):
            return table.get(str(value).strip().lower(), table.get("_")) if value is not None else table.get("_")
        number = number_in(value)
        if table is None or number is None:
            return None
        return next((word for least, word in table if number >= least), None)

    @functions.signature(_ANY, _ANY)
    def _func_ratio(self, value: Any, most: Any) -> Any:
        """A number of a scale as 0.0 to 1.0."""
        number, scale = number_in(value), number_in(most)
        return None if number is None or not scale else min(max(number / scale, 0.0), 1.0)

    @functions.signature(_ANY)
    def _func_text(self, value: Any) -> Any:
        """Plain text of HTML."""
        if not isinstance(value, str):
            return None
        plain = html.unescape(_TAG.sub("", _BREAK.sub("\n", value[:65536])))
        return "\n".join(line.strip() for line in plain.splitlines() if line.strip())

    @functions.signature(_ANY)
    def _func_environment(self, value: Any) -> Any:
        """prod, staging, test or dev for the usual words; null for anything else."""
        return (known_environment(value) or None) if isinstance(value, str) else None

    @functions.signature(_ANY)
    def _func_camel(self, value: Any) -> Any:
        """The same value with every key of its mappings begun in lower case."""
        if is_dict(value):
            return {uncapital(key): self._func_camel(item) for key, item in value.items()}
        return [self._func_camel(item) for item in value] if is_list(value) else value

    @functions.signature(_ANY)
    def _func_lower(self, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else None

    @functions.signature(_ANY)
    def _func_first(self, value: Any) -> Any:
        return (value[0] if value else None) if is_list(value) else value

    @functions.signature(_ANY)
    def _func_listed(self, value: Any) -> Any:
        """A list of the value where it is none: XML and some tools write a single item without its list."""
        if is_list(value):
            return value
        return [] if value is None or value == "" else [value]

    @functions.signature(_ANY, _ANY)
    def _func_at(self, items: Any, key: Any) -> Any:
        """The entry of a list or mapping that another value names."""
        if is_dict(items):
            return items.get(key) if isinstance(key, str) else None
        place = key if isinstance(key, int) and not isinstance(key, bool) else -1
        return items[place] if is_list(items) and 0 <= place < len(items) else None

    @functions.signature(_ANY, _ANY)
    def _func_before_last(self, text: Any, mark: Any) -> Any:
        """A text without what follows the last mark; null where there is no mark."""
        if not (isinstance(text, str) and isinstance(mark, str) and mark):
            return None
        return text.rpartition(mark)[0] or None

    @functions.signature(_ANY)
    def _func_cwe_in(self, text: Any) -> Any:
        """All CWE numbers that a text names."""
        found = _CWE.findall(text[:16384]) if isinstance(text, str) else []
        return list(dict.fromkeys(found)) or None

    @functions.signature(_ANY)
    def _func_fingerprint(self, given: Any) -> Any:
        """The value of a SARIF fingerprint mapping that can name a problem, the same in any order of its keys."""
        named = sorted(given.items()) if is_dict(given) and all(isinstance(key, str) for key in given) else []
        values = (inner(value) for key, value in named if not any(word in key.lower() for word in _NO_FINGERPRINTS))
        return next((value for value in values if _FINGERPRINT.fullmatch(value) and any(map(str.isdigit, value))), None)

    @functions.signature(_ANY, _ANY)
    def _func_header(self, headers: Any, name: Any) -> Any:
        """A header by name in any case, from a mapping or a list of {name, value}."""
        pairs = headers.items() if is_dict(headers) else header_pairs(headers)
        return next((value for key, value in pairs if str(key).lower() == str(name).lower()), None)

    @functions.signature(_ANY)
    def _func_entries(self, value: Any) -> Any:
        """A mapping as a list of {key, value}."""
        return [{"key": key, "value": item} for key, item in value.items()] if is_dict(value) else None

    @functions.signature(_ANY, _ANY, _ANY)
    def _func_where(self, items: Any, name: Any, value: Any) -> Any:
        """The first of a list of mappings that has this value under this name: a lookup by a value from elsewhere."""
        rows: list[Any] = items if is_list(items) else []
        return next((row for row in rows if is_dict(row) and row.get(name) == value), None)

    @functions.signature(_ANY)
    def _func_url_in(self, text: Any) -> Any:
        """The first http(s) URL in a text."""
        found = _URL.search(text[:16384]) if isinstance(text, str) else None
        return found.group() if found else None

    @functions.signature(_ANY)
    def _func_parse_json(self, text: Any) -> Any:
        """The JSON value (or XML document) inside a text, read as strictly as a delivery."""
        try:
            return parse_value(text.encode(), _INNER) if isinstance(text, str) else None
        except (ValueError, IntakeError):
            return None

    @functions.signature(_ANY)
    def _func_decoded(self, text: Any) -> Any:
        """The text inside base64, also where it is compressed with gzip, within the limits of a delivery."""
        try:
            raw = base64.b64decode(text, validate=True)
            return decompress(raw, "gzip" if raw[:2] == _GZIP else "", _INNER).decode(errors="replace")
        except (TypeError, ValueError, IntakeError):
            return None

    @functions.signature(_ANY)
    def _func_json_lines(self, text: Any) -> Any:
        """The documents of a text: one, an array of them, or one a line; what is no JSON stays a text, not lost."""
        try:
            return parse_documents(text.encode(), "", _INNER) if isinstance(text, str) else None
        except (ValueError, IntakeError):
            return [text]

    @functions.signature(_ANY, _ANY, _ANY)
    def _func_between(self, text: Any, start: Any, end: Any) -> Any:
        """What stands between two marks in a text; an empty first mark is its beginning."""
        if not isinstance(text, str) or not end or start not in text:
            return None
        found, mark, _ = (text.split(start, 1)[1] if start else text).partition(end)
        return found if mark and found else None
