"""A small caller of Stanch's own HTTP interface for the sandbox: posts signed findings, reads cases and timelines."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from stanch.errors import DependencyError
from stanch.intake.signatures import sign


class StanchClient:
    """Talks to one web service with the token of its data folder."""

    def __init__(self, url: str, *, data_dir: Path, secret_of: Callable[[str], str]) -> None:
        token = (data_dir / "api.token").read_text(encoding="utf-8").strip()
        self._http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=15, trust_env=False
        )
        self._secret_of = secret_of

    def close(self) -> None:
        self._http.close()

    def send(self, source: str, body: bytes) -> dict[str, Any]:
        """Post a body as a signed delivery; gives the result of its first finding."""
        delivery = f"msg_{uuid4().hex}"
        headers = sign(body, secret=self._secret_of(source), delivery_id=delivery, now=datetime.now(UTC))
        response = self._http.post(
            f"/v1/findings/{source}", content=body, headers={**headers, "content-type": "application/json"}
        )
        if response.status_code != 202:
            raise DependencyError(f"the webhook answered {response.status_code}", code="D020", hint=response.text[:200])
        result: dict[str, Any] = response.json()["results"][0]
        return result

    def case(self, case_id: str) -> dict[str, Any]:
        return self._get(f"/v1/cases/{case_id}")

    def timeline(self, case_id: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._get(f"/v1/cases/{case_id}/timeline").get("entries", [])
        return entries

    def state(self, case_id: str) -> str:
        live: dict[str, Any] = self.case(case_id).get("live") or {}
        summary: dict[str, Any] = live.get("summary") or {}
        return str(summary.get("state", ""))

    def _get(self, path: str) -> dict[str, Any]:
        response = self._http.get(path)
        found: dict[str, Any] = response.json() if response.status_code == 200 else {}
        return found


def wait_until(what: str, true: Callable[[], bool], *, seconds: float = 40.0) -> None:
    """Poll until it is true.

    Raises:
        DependencyError: D021, time was over; `what` says what did not happen.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise DependencyError(f"did not happen in {seconds:.0f} s: {what}", code="D021")
        time.sleep(0.1)
