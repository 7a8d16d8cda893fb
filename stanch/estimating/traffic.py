"""Recorded requests, with what the record holds of each and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

HIDDEN = frozenset({"REDACTED", "xxx"})  # what WAF writes for a field that its logging hides


@dataclass(frozen=True)
class Request:
    """One request as a log or sample shows it; None is "not recorded", never "not there".

    Args:
        path: as the point compares it, without query.
        headers: values by lower-case name; a name that is recorded with None has a hidden value.
        headers_whole: every header of the request is in `headers`, so that another one was not sent.
        claims: verified claims of its token; `unrecorded` names those that the record never holds.
        body: its beginning; `body_cut` says that more of it is not recorded.
        principal: who asked, "" for nobody known, None where the record cannot say.
        weight: how many requests like it the record stands for.
    """

    method: str | None = None
    host: str | None = None
    path: str | None = None
    query: str | None = None
    client: str | None = None
    country: str | None = None
    headers: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict[str, "tuple[str, ...] | None"])
    headers_whole: bool = False
    claims: Mapping[str, Any] | None = None
    unrecorded: frozenset[str] = frozenset()
    body: bytes | None = None
    body_cut: bool = False
    principal: str | None = None
    status: int | None = None
    at: datetime | None = None
    weight: float = 1.0


def from_sample(item: Mapping[str, Any]) -> Request:
    """A sampled request of WAF (`GetSampledRequests`); headers are whole, the body is never in it."""
    seen: Mapping[str, Any] = item["Request"]
    path, mark, query = str(seen.get("URI", "")).partition("?")
    headers = _headers((str(one["Name"]), str(one["Value"])) for one in seen.get("Headers", ()))
    at = item.get("Timestamp")
    return Request(
        method=seen.get("Method"),
        host=_first(headers, "host"),
        path=path,
        query=query if mark else None,
        client=seen.get("ClientIP"),
        country=seen.get("Country"),
        headers=headers,
        headers_whole=True,
        at=datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at,
        weight=float(item.get("Weight", 1)),
    )


def from_waf_log(record: Mapping[str, Any]) -> Request:
    """A line of a WAF log; a part that is redacted or not there is unknown.

    WAF names what it did not read to its end in `oversizeFields`: then other headers may have been sent.
    """
    seen: Mapping[str, Any] = record["httpRequest"]
    headers = _headers((str(one["name"]), str(one["value"])) for one in seen.get("headers") or ())
    if "host" not in headers:
        headers["host"] = (str(seen["host"]),) if seen.get("host") else None
    beyond = str(record.get("oversizeFields") or "")
    return Request(
        method=_shown(seen.get("httpMethod")),
        host=_first(headers, "host"),
        path=_shown(seen.get("uri")),
        query=_shown(seen.get("args")),
        client=_shown(seen.get("clientIp")),
        country=_shown(seen.get("country")) if seen.get("country") != "-" else None,
        headers=headers,
        headers_whole="headers" in seen and "HEADERS" not in beyond and "COOKIES" not in beyond,
        at=datetime.fromtimestamp(float(record["timestamp"]) / 1000, UTC) if "timestamp" in record else None,
    )


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...] | None]:
    found: dict[str, tuple[str, ...] | None] = {}
    for name, value in pairs:
        known = found.get(name.lower(), ())
        hidden = value in HIDDEN or known is None
        found[name.lower()] = None if hidden else (*(known or ()), value)
    return found


def _first(headers: Mapping[str, tuple[str, ...] | None], name: str) -> str | None:
    values = headers.get(name)
    return values[0] if values else None


def _shown(value: Any) -> str | None:
    return None if value is None or value in HIDDEN else str(value)
