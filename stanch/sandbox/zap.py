"""A stand-in for ZAP's JSON API: policies, active and passive scans of one URL, alerts; it really requests the URL."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._server import Standin

KEY_HEADER = "x-zap-api-key"
Raises = Callable[[str, str], bool]


class Zap(Standin):
    """ZAP as far as a second look needs it.

    Args:
        raises: whether a rule (by plugin id) raises an alert on a URL now.
        active, passive: plugin ids that are installed.
        polls: how often a scan says that it is still going on.
        silent: active rules that find nothing to send.
    """

    name = "zap"

    def __init__(
        self,
        *,
        api_key: str,
        raises: Raises,
        active: tuple[str, ...] = ("40018",),
        passive: tuple[str, ...] = ("10038",),
        polls: int = 2,
        silent: tuple[str, ...] = (),
        ledger: Path | None = None,
    ) -> None:
        super().__init__(ledger=ledger)
        self._key = api_key
        self._raises = raises
        self._rules = {"ascan": active, "pscan": passive}
        self._polls = polls
        self._silent = silent
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._alerts: dict[str, dict[str, str]] = {}
        self._scans: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, set[str]] = {}
        self.app = Starlette(routes=[Route("/JSON/{part}/{kind}/{name}/", self._answer, methods=["GET", "POST"])])

    def add_alert(self, plugin: str, url: str, *, message: str = "0") -> str:
        """An alert as an earlier scan has left it."""
        with self._lock:
            number = str(next(self._numbers))
            self._alerts[number] = {"id": number, "pluginId": plugin, "url": url, "messageId": message}
            return number

    async def _answer(self, request: Request) -> Response:
        asked = dict(request.query_params) | {k: str(v) for k, v in (await request.form()).items()}
        call = "/".join(request.path_params[name] for name in ("part", "kind", "name"))
        self.ledger.append(call, {"method": request.method, "asked": asked})
        if request.headers.get(KEY_HEADER) != self._key:
            return JSONResponse({"code": "bad_api_key"}, 401)
        told = await run_in_threadpool(self._told, call, asked)
        return JSONResponse({"code": "bad_action"}, 400) if told is None else JSONResponse(told)

    def _told(self, call: str, asked: dict[str, str]) -> dict[str, Any] | None:
        if call.startswith("ascan/action/") and call != "ascan/action/scan":
            return self._policy(call.removeprefix("ascan/action/"), asked)
        answers: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
            "core/view/version": lambda _: {"version": "2.16.1"},
            "ascan/view/scanners": lambda _: {"scanners": [{"id": rule} for rule in self._rules["ascan"]]},
            "pscan/view/scanners": lambda _: {"scanners": [{"id": rule} for rule in self._rules["pscan"]]},
            "pscan/view/recordsToScan": lambda _: {"recordsToScan": "0"},
            "core/action/accessUrl": self._access,
            "core/view/alerts": self._of_url,
            "core/view/alert": lambda given: {"alert": self._alerts[given["id"]]},
            "ascan/action/scan": self._scan,
            "ascan/view/status": self._status,
            "ascan/view/messagesIds": lambda given: {"messagesIds": self._scans[given["scanId"]]["messages"]},
            "ascan/view/alertsIds": lambda given: {"alertsIds": self._scans[given["scanId"]]["alerts"]},
        }
        return answers[call](asked) if call in answers else None

    def _policy(self, action: str, asked: dict[str, str]) -> dict[str, Any] | None:
        name = asked.get("scanPolicyName", "")
        if action == "addScanPolicy":
            self.policies[name] = set(self._rules["ascan"])
        elif action == "disableAllScanners":
            self.policies[name].clear()
        elif action == "enableScanners":
            self.policies[name] |= set(asked["ids"].split(","))
        elif action == "removeScanPolicy":
            del self.policies[name]
        elif action != "stop":
            return None
        return {"Result": "OK"}

    def _access(self, asked: dict[str, str]) -> dict[str, Any]:
        """Send the request; passive rules look at the answer at once."""
        try:
            answer = httpx.get(asked["url"], timeout=5.0, trust_env=False)
        except httpx.HTTPError:
            return {"accessUrl": [{"id": "0", "responseHeader": "HTTP/1.0 0"}]}
        message = str(next(self._numbers))
        for rule in self._rules["pscan"]:
            if self._raises(rule, asked["url"]):
                self.add_alert(rule, asked["url"], message=message)
        return {"accessUrl": [{"id": message, "responseHeader": f"HTTP/1.1 {answer.status_code} X\r\n"}]}

    def _of_url(self, asked: dict[str, str]) -> dict[str, Any]:
        return {"alerts": [item for item in self._alerts.values() if item["url"].startswith(asked["baseurl"])]}

    def _scan(self, asked: dict[str, str]) -> dict[str, Any]:
        rules = sorted(self.policies[asked["scanPolicyName"]])
        scan = str(next(self._numbers))
        raised = [self.add_alert(rule, asked["url"]) for rule in rules if self._raises(rule, asked["url"])]
        messages = [str(next(self._numbers)) for rule in rules if rule not in self._silent]
        self._scans[scan] = {"left": self._polls, "alerts": raised, "messages": messages}
        return {"scan": scan}

    def _status(self, asked: dict[str, str]) -> dict[str, Any]:
        scan = self._scans[asked["scanId"]]
        scan["left"] -= 1
        return {"status": "100" if scan["left"] < 0 else "50"}
