"""Envoy's admin interface: whether it took a new rules file, what it counted, and how it reads requests."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from activities._http import http_client
from stanch.errors import RetrySafe

_VERSION = re.compile(r'\.version_text: "(?P<version>[^"]*)"')
_REFUSED = re.compile(r"\.(?:update_rejected|update_failure|config_fail): (?P<count>[0-9]+)")
_FILTER = r"(version_text|update_rejected|update_failure|config_fail)$"
_POLICY_STAT = re.compile(r"rbac\.policy\.(?P<policy>stanch-[\w-]+)\.(?P<what>shadow_denied|denied): (?P<count>[0-9]+)")
_POLL_SECONDS = 0.01


class Verdict(StrEnum):
    """What Envoy made of a new file."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True)
class Loaded:
    """What Envoy runs: versions of its watched resources, and how many updates it refused so far."""

    versions: frozenset[str]
    refused: int


class EnvoyAdmin:
    """The admin endpoint of one Envoy; it has no credentials, so it must only listen where Stanch is."""

    def __init__(self, url: str, *, seconds: float = 5.0) -> None:
        self._url = url
        self._seconds = seconds

    def loaded(self) -> Loaded:
        """Versions and refusals now.

        Raises:
            RetrySafe: the admin endpoint does not answer.
        """
        with self._client() as client:
            return _loaded(client)

    def wait_for(self, version: str, *, before: Loaded, seconds: float) -> Verdict:
        """Wait until Envoy runs the version or refused an update."""
        deadline = time.monotonic() + seconds
        with self._client() as client:
            while time.monotonic() < deadline:
                verdict = _verdict(client, version, before=before)
                if verdict is not Verdict.SILENT:
                    return verdict
                time.sleep(_POLL_SECONDS)
        return Verdict.SILENT

    def policy_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Requests each of our policies denied or would have denied since Envoy started: {policy: {what: count}}."""
        counts: dict[str, dict[str, int]] = {}
        with self._client() as client:
            text = _get(client, "/stats", {"filter": r"rbac\.policy\.stanch-"}).text
        for found in _POLICY_STAT.finditer(text):
            counts.setdefault(found["policy"], {})[found["what"]] = int(found["count"])
        return counts

    def managers(self) -> list[Mapping[str, Any]]:
        """The HTTP connection managers Envoy runs."""
        with self._client() as client:
            answer = _get(client, "/config_dump", {})
        try:
            return list(_managers(answer.json()))
        except ValueError:
            raise _unreachable() from None

    def _client(self) -> httpx.Client:
        return http_client(seconds=self._seconds, base_url=self._url)


def _loaded(client: httpx.Client) -> Loaded:
    text = _get(client, "/stats", {"filter": _FILTER}).text
    versions = frozenset(found["version"] for found in _VERSION.finditer(text))
    return Loaded(versions, sum(int(found["count"]) for found in _REFUSED.finditer(text)))


def _verdict(client: httpx.Client, version: str, *, before: Loaded) -> Verdict:
    try:
        now = _loaded(client)
    except RetrySafe:
        return Verdict.SILENT
    if version in now.versions:
        return Verdict.ACCEPTED
    return Verdict.REFUSED if now.refused > before.refused else Verdict.SILENT


def _get(client: httpx.Client, path: str, params: Mapping[str, str]) -> httpx.Response:
    try:
        return client.get(path, params=dict(params)).raise_for_status()
    except httpx.HTTPError:
        raise _unreachable() from None


def _unreachable() -> RetrySafe:
    return RetrySafe("Envoy's admin endpoint does not answer", hint="check admin_url and that Envoy runs")


def _managers(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("http_filters"), list):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _managers(child)
