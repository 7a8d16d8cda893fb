"""A scanner behind one HTTP endpoint: is this finding still there?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from activities._http import http_client
from activities._scan_places import CANNOT_LOOK
from activities._section import read_section
from stanch.errors import AuthBlocked, Rejected, RetrySafe
from stanch.ports import Connector, Look
from stanch.sinks.text import one_line


class ScannerConfig(BaseModel):
    """Section of an `http` scanner.

    Args:
        url: base address; findings are posted to `/rescan` below it.
        token: bearer token, where the scanner wants one.
        timeout: seconds a second look may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://")
    token: SecretStr = SecretStr("")
    timeout: float = Field(default=30.0, gt=0, le=540)


class HttpScanner:
    """Implements ScannerPort. Looking again changes nothing, so every failure may be repeated."""

    def __init__(self, name: str, config: ScannerConfig) -> None:
        self.name = name
        self._config = config

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Ask the scanner whether the finding is gone.

        Raises:
            AuthBlocked: the scanner does not accept our token.
            Rejected: the scanner cannot look at this kind of finding.
            RetrySafe: no usable answer.
        """
        token = self._config.token.get_secret_value()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        url = self._config.url.rstrip("/") + "/rescan"
        try:
            with http_client(seconds=self._config.timeout) as client:
                answer = client.post(url, json=dict(finding), headers=headers)
        except httpx.HTTPError:
            raise RetrySafe("the scanner does not answer", hint="check the scanner's url") from None
        return _verdict(answer)


def _verdict(answer: httpx.Response) -> Look:
    if answer.status_code in (401, 403):
        raise AuthBlocked("the scanner refuses our token", hint="check the scanner's token")
    if 400 <= answer.status_code < 500 and answer.status_code != 429:
        raise Rejected("the scanner cannot look at this finding", code=CANNOT_LOOK)
    if answer.status_code != 200:
        raise RetrySafe("the scanner gave no result", retry_after=_seconds(answer.headers.get("retry-after", "")))
    try:
        told = answer.json()
        clean, why = told["clean"], told.get("why", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        clean, why = None, ""
    if not isinstance(clean, bool):
        raise RetrySafe("the scanner's answer is not a verdict")
    return Look(clean, one_line(why, limit=300) if isinstance(why, str) else "")


def _seconds(text: str) -> float | None:
    return min(float(text), 3600.0) if text.isdecimal() else None


def build(name: str, section: Mapping[str, Any]) -> HttpScanner:
    """The scanner from its section of stanch.toml."""
    return HttpScanner(name, read_section(ScannerConfig, name, section))


CONNECTOR = Connector(port="scanner", kind="http", build=build)
