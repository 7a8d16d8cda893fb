"""A scanner for the sandbox that really tests again: it calls the API, or asks whether a policy is attached."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._server import Standin
from stanch.shapes import is_dict, is_list

_EMAIL = re.compile(r"[^@\s\"]+@[^@\s\"]+\.[a-z]{2,}", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_PERSONAL = frozenset({"email", "phone", "pan", "ssn", "birth_date", "address", "iban", "password"})
_PARAMETER = re.compile(r"\{[^{}/]*\}|\*\*?")
Verdict = tuple[bool, str]


class Scanner(Standin):
    """`POST /rescan` with a finding answers `{"clean": bool, "why": str}`.

    Args:
        api_url: the API itself, not its gateway: a block in front must not look like a fix.
        policy_attached: says whether a host has its security policy; without it policy gaps stay.
    """

    name = "scanner"

    def __init__(
        self,
        *,
        api_url: str,
        policy_attached: Callable[[str], bool] | None = None,
        ledger: Path | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self._api_url = api_url
        self._policy_attached = policy_attached
        self._fixed: set[str] = set()
        self._lock = threading.Lock()
        self.app = Starlette(routes=[Route("/rescan", self._rescan, methods=["POST"])])

    def mark_fixed(self, finding_id: str, *, fixed: bool = True) -> None:
        """For findings that only their owners can judge, such as a configuration issue."""
        with self._lock:
            (self._fixed.add if fixed else self._fixed.discard)(finding_id)

    async def _rescan(self, request: Request) -> Response:
        try:
            finding = await request.json()
        except ValueError:
            finding = None
        if not is_dict(finding):
            return JSONResponse({"error": "a finding is a JSON object"}, status_code=422)
        clean, why = await run_in_threadpool(self._look, finding)
        self.ledger.append("rescan", {"finding": str(finding.get("id", "")), "clean": clean, "why": why})
        return JSONResponse({"clean": clean, "why": why})

    def _look(self, finding: Mapping[str, Any]) -> Verdict:
        if finding.get("type") == "missing_security_policy" or finding.get("kind") == "policy_gap":
            return self._policy(finding)
        if finding.get("kind") == "exposure" or str(finding.get("category", "")).startswith("API3"):
            return self._exposure(finding)
        with self._lock:
            fixed = str(finding.get("id", "")) in self._fixed
        return (True, "the owner's change is in place") if fixed else (False, "nothing has changed")

    def _policy(self, finding: Mapping[str, Any]) -> Verdict:
        host = str(_api(finding).get("host", ""))
        attached = self._policy_attached is not None and self._policy_attached(host)
        return (True, "a policy is attached") if attached else (False, "no policy is attached")

    def _exposure(self, finding: Mapping[str, Any]) -> Verdict:
        api = _api(finding)
        path = _PARAMETER.sub("1", str(api.get("path") or api.get("path_template") or "/"))
        url = self._api_url + "/" + quote(unquote(path).lstrip("/"))
        try:
            answer = httpx.get(url, headers={"host": str(api.get("host", ""))}, timeout=10.0, trust_env=False)
            body = answer.json()
        except (httpx.HTTPError, ValueError):
            return False, "the API gave no answer that could be looked at"
        if answer.status_code != 200:
            return False, f"the API answered {answer.status_code}, which proves nothing"
        found = sorted(set(_personal(body)))
        return (False, "personal data: " + ", ".join(found)) if found else (True, "no personal data in the answer")


def _api(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    api = finding.get("api")
    return api if is_dict(api) else {}


def _personal(node: Any, key: str = "") -> Iterator[str]:
    """Names of fields that hold personal data, by their name or by what is in them."""
    if is_dict(node):
        for name, value in node.items():
            yield from _personal(value, str(name))
    elif is_list(node):
        for value in node:
            yield from _personal(value, key)
    elif node and (key.lower() in _PERSONAL or _EMAIL.search(str(node)) or _has_card_number(str(node))):
        yield key


def _has_card_number(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", found.group())) for found in _NUMBER.finditer(text))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
