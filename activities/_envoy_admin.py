"""Envoy's admin interface: whether it took a new rules file, what it counted, and how it reads requests."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

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
        self._client = httpx.Client(base_url=url, timeout=seconds, trust_env=False)

    def loaded(self) -> Loaded:
        """Versions and refusals now.

        Raises:
            RetrySafe: the admin endpoint does not answer.
        """
        text = self._get("/stats", {"filter": _FILTER})
        versions = frozenset(found["version"] for found in _VERSION.finditer(text))
        return Loaded(versions, sum(int(found["count"]) for found in _REFUSED.finditer(text)))

    def wait_for(self, version: str, *, before: Loaded, seconds: float) -> Verdict:
        """Wait until Envoy runs the version or refused an update."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                now = self.loaded()
            except RetrySafe:
                now = before
            if version in now.versions:
                return Verdict.ACCEPTED
            if now.refused > before.refused:
                return Verdict.REFUSED
            time.sleep(_POLL_SECONDS)
        return Verdict.SILENT

    def policy_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Requests each of our policies denied or would have denied since Envoy started: {policy: {what: count}}."""
        counts: dict[str, dict[str, int]] = {}
        for found in _POLICY_STAT.finditer(self._get("/stats", {"filter": r"rbac\.policy\.stanch-"})):
            counts.setdefault(found["policy"], {})[found["what"]] = int(found["count"])
        return counts

    def managers(self) -> list[Mapping[str, Any]]:
        """The HTTP connection managers Envoy runs."""
        return list(_managers(self._json("/config_dump")))

    def _get(self, path: str, params: Mapping[str, str]) -> str:
        try:
            answer = self._client.get(path, params=dict(params))
            answer.raise_for_status()
        except httpx.HTTPError:
            raise _unreachable() from None
        return answer.text

    def _json(self, path: str) -> Any:
        try:
            return self._client.get(path).json()
        except (httpx.HTTPError, ValueError):
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
