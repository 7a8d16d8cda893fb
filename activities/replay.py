"""A safe replay of a finding's own GET or HEAD request: no body, no credentials, no redirects followed.

It proves one thing: that what anybody could see without logging in can no longer be seen. What needs somebody's
credentials to be seen (broken authorization above all) it refuses to judge, since a 401 for a stranger proves nothing.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from pydantic import Field, field_validator

from activities._http import http_client
from activities._scan_address import allowed_address
from activities._scan_places import ScanPlaces, Target, cannot, concrete, target_of, told_by_tool
from activities._section import read_section
from stanch.errors import RetrySafe
from stanch.ports import Check, Connector, Look
from stanch.shapes import is_dict, is_list

DENIED = (401, 403, 404, 405, 410)
NEEDS_CREDENTIALS = ("API1:2023", "API5:2023")
METHODS = ("GET", "HEAD")


class ReplayConfig(ScanPlaces):
    """Section of a `replay` scanner.

    Args:
        shows: type of finding to texts of an answer by which anybody sees that the problem is still there; an empty
            list compares the status with that of the finding's evidence. Findings of other types are not judged.
        networks: where the hosts may be; none named means public addresses only.
        timeout: seconds without any progress, and for the body as a whole.
        max_bytes: how much of an answer is looked at.
    """

    shows: Mapping[str, tuple[str, ...]] = Field(min_length=1)
    networks: tuple[str, ...] = ()
    timeout: float = Field(default=20.0, gt=0, le=55)
    max_bytes: int = Field(default=256 * 1024, ge=1, le=4 * 1024 * 1024)

    @field_validator("networks")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ipaddress.ip_network(value)
        return values


class Replay:
    """Implements ScannerPort."""

    def __init__(self, config: ReplayConfig) -> None:
        self._config = config

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Send the request again, as a stranger, and compare.

        Raises:
            Rejected: V024, a replay cannot judge this finding; V028, the address may not be called.
            RetrySafe: no answer that proves anything.
        """
        marks = self._marks(finding)
        target = concrete(target_of(self._config, finding))
        if target.method not in METHODS:
            raise cannot("only GET and HEAD are replayed")
        expected = _expected(finding)
        if not marks and expected is None:
            raise cannot("the finding's evidence has no status to compare with")
        status, body, is_whole = self._ask(target)
        if (status >= 500 and (expected or 0) < 500) or status in (408, 429):
            raise RetrySafe(f"the API answered {status}, which proves nothing")
        said = f"{target.method} {target.host}{target.path} answers a stranger with {status}"
        return (
            _by_marks(said, status, body, marks=marks, is_whole=is_whole)
            if marks
            else _by_status(said, status, expected)
        )

    def _marks(self, finding: Mapping[str, Any]) -> tuple[str, ...]:
        kind = str(finding.get("type") or "")
        if kind not in self._config.shows:
            raise cannot("findings of this type are not judged by a replay", "name the type in `shows`, if it shows")
        if finding.get("kind") == "attack" or finding.get("category") in NEEDS_CREDENTIALS:
            raise cannot("without credentials a replay proves nothing about this")
        if told_by_tool(finding).get("parameter"):
            raise cannot("the value of the finding's parameter is not kept, so its request cannot be replayed")
        return self._config.shows[kind]

    def _ask(self, target: Target) -> tuple[int, str, bool]:
        """Status, the beginning of the body, and whether that is all of it."""
        config = self._config
        port = config.port or (443 if config.scheme == "https" else 80)
        address = allowed_address(target.host, port, config.networks)
        netloc = f"[{address}]" if ":" in address else address
        url = f"{config.scheme}://{netloc}:{port}{target.path}"
        host = target.base.partition("://")[2]
        headers = {"host": host, "user-agent": "stanch-replay", "accept-encoding": "identity"}
        deadline = time.monotonic() + config.timeout
        try:
            with http_client(seconds=config.timeout) as client:
                named = {"sni_hostname": target.host}  # the certificate is checked against the name, not the address
                with client.stream(target.method, url, headers=headers, extensions=named) as answer:
                    body, is_whole = _bounded(answer.iter_raw(), config.max_bytes, deadline)
                    return answer.status_code, body, is_whole
        except httpx.HTTPError:
            raise RetrySafe("the API gave no answer", hint="check that the worker can reach it") from None

    def doctor(self) -> Sequence[Check]:
        return [Check("replay", ok=True, detail=f"judges {', '.join(sorted(self._config.shows))} on its hosts")]


def _bounded(chunks: Iterator[bytes], limit: int, deadline: float) -> tuple[str, bool]:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > limit:
            return found[:limit].decode("utf-8", "replace"), False
        if time.monotonic() > deadline:
            raise RetrySafe("the API's answer took too long")
    return found.decode("utf-8", "replace"), True


def _expected(finding: Mapping[str, Any]) -> int | None:
    """The status that the finding's evidence had."""
    evidence = told_by_tool(finding).get("evidence")
    items = evidence if is_list(evidence) else []
    codes = (item.get("status_code") for item in items if is_dict(item))
    return next((code for code in codes if isinstance(code, int) and 100 <= code <= 599), None)


def _by_marks(said: str, status: int, body: str, *, marks: Sequence[str], is_whole: bool) -> Look:
    if any(mark in body for mark in marks):
        return Look(clean=False, why=f"{said} and still shows it")
    if status in DENIED:
        return Look(clean=True, why=f"{said}: it can no longer be seen without logging in, and nothing else is proven")
    if not 200 <= status < 300 or not is_whole:
        return Look(clean=False, why=f"{said}, which proves nothing")
    return Look(clean=True, why=f"{said} and no longer shows it; nothing else is proven")


def _by_status(said: str, status: int, expected: int | None) -> Look:
    before = expected or 0
    if 200 <= before < 300 and status in DENIED:
        return Look(clean=True, why=f"{said}, no longer {before}; nothing else is proven")
    if before >= 500 and (200 <= status < 300 or 400 <= status < 500):
        return Look(clean=True, why=f"{said}, no longer {before}; nothing else is proven")
    return Look(clean=False, why=f"{said}, as evidence had {before}")


def build(name: str, section: Mapping[str, Any]) -> Replay:
    """The scanner from its section of stanch.toml."""
    return Replay(read_section(ReplayConfig, name, section))


CONNECTOR = Connector(port="scanner", kind="replay", build=build)
