"""ZAP by its JSON API: the finding's own rule on the finding's own URL, active or passive, and what it raises then."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from pydantic import Field, SecretStr

from activities._http import http_client
from activities._scan_places import ScanPlaces, Target, cannot, concrete, rule_of, target_of
from activities._section import read_section
from stanch.errors import AuthBlocked, RetrySafe, StanchError
from stanch.ports import Check, Connector, Look
from stanch.shapes import is_dict, is_list

TOOL = "zap"
MAX_ALERTS = 500
_RULE = re.compile(r"(\d{1,9})(?:-\d{1,4})?", re.ASCII)  # a plugin id, or an alert reference such as 10038-1
_CALL_SECONDS = 20.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class ZapConfig(ScanPlaces):
    """Section of a `zap` scanner.

    Args:
        url: base address of ZAP's API.
        api_key: its key.
        timeout: seconds a second look may take; a scan that takes longer is stopped.
    """

    url: str = Field(pattern=r"^https?://")
    api_key: SecretStr
    timeout: float = Field(default=300.0, gt=0, le=540)


class Zap:
    """Implements ScannerPort. ZAP sends what its rule sends: it is an active scanner, on hosts named for it."""

    def __init__(self, config: ZapConfig) -> None:
        self._config = config

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Request the URL, let the finding's rule look at it, and see whether it raises an alert.

        Raises:
            Rejected: V024, the finding is not for this scanner, or the rule is not installed.
            AuthBlocked: ZAP refuses the key.
            RetrySafe: no usable answer, or not in time.
        """
        target = concrete(target_of(self._config, finding, tool=TOOL))
        rule = _RULE.fullmatch(rule_of(finding))
        if rule is None or target.method != "GET":
            raise cannot("only a rule of ZAP on a GET request is looked at again")
        plugin, deadline = rule[1], time.monotonic() + self._config.timeout
        active = self._has("ascan", plugin)
        if not active and not self._has("pscan", plugin):
            raise cannot(f"ZAP has no rule {plugin}")
        message = self._request(target)
        found = self._active(target, plugin, deadline) if active else self._passive(target, message, deadline)
        if any(str(alert.get("pluginId", "")) == plugin for alert in found):
            return Look(clean=False, why=f"ZAP's rule {plugin} still raises an alert at {target.host}{target.path}")
        return Look(clean=True, why=f"ZAP's rule {plugin} raises no alert at {target.host}{target.path}")

    def doctor(self) -> Sequence[Check]:
        try:
            version = self._view("core/view/version").get("version")
        except StanchError as error:
            return [Check("zap", ok=False, detail=error.message, fix=error.hint or "check `url` and `api_key`")]
        return [Check("zap", ok=True, detail=f"answers, version {str(version)[:20]}")]

    # -- the two kinds of rules

    def _active(self, target: Target, plugin: str, deadline: float) -> list[Mapping[str, Any]]:
        """One rule in a policy of its own, on one URL."""
        with self._policy(plugin) as policy:
            asked = {"url": target.url, "recurse": "false", "inScopeOnly": "false", "method": "GET"}
            scan = str(self._act("ascan/action/scan", **asked, scanPolicyName=policy).get("scan", ""))
            if not scan.isdecimal():
                raise RetrySafe("ZAP did not start a scan")
            try:
                self._wait("ascan/view/status", "status", "100", deadline, scanId=scan)
            except RetrySafe:
                self._act("ascan/action/stop", scanId=scan)
                raise
            sent = self._view("ascan/view/messagesIds", scanId=scan).get("messagesIds")
            ids = self._view("ascan/view/alertsIds", scanId=scan).get("alertsIds")
        if is_list(sent) and not sent:
            raise cannot("ZAP's rule sends no request to this URL, which proves nothing")
        if not is_list(ids):
            raise RetrySafe("ZAP gave no result of its scan")
        return [_mapping(self._view("core/view/alert", id=str(number)).get("alert")) for number in ids[:MAX_ALERTS]]

    def _passive(self, target: Target, message: str, deadline: float) -> list[Mapping[str, Any]]:
        """What the passive rules say of the request just sent; older alerts of the URL do not count."""
        self._wait("pscan/view/recordsToScan", "recordsToScan", "0", deadline)
        told = self._view("core/view/alerts", baseurl=target.url, start="0", count=str(MAX_ALERTS)).get("alerts")
        if not is_list(told):
            raise RetrySafe("ZAP gave no alerts")
        alerts = [_mapping(item) for item in told]
        return [item for item in alerts if str(item.get("messageId", "")) == message]

    @contextmanager
    def _policy(self, plugin: str) -> Iterator[str]:
        name = f"stanch-{uuid4().hex[:12]}"
        self._order("ascan/action/addScanPolicy", scanPolicyName=name)
        try:
            self._order("ascan/action/disableAllScanners", scanPolicyName=name)
            self._order("ascan/action/enableScanners", ids=plugin, scanPolicyName=name)
            yield name
        finally:
            self._act("ascan/action/removeScanPolicy", scanPolicyName=name)

    def _request(self, target: Target) -> str:
        """Have ZAP send the request itself; gives its message id. Without an answer there is nothing to look at."""
        told = self._act("core/action/accessUrl", url=target.url, followRedirects="false").get("accessUrl")
        messages = told if is_list(told) else []
        message = _mapping(messages[0]) if messages else {}
        status = str(message.get("responseHeader", "")).split(" ")[1:2]
        if not status or not status[0].isdecimal() or not 100 <= int(status[0]) < 500:
            raise RetrySafe("the API gave ZAP no answer that could be looked at")
        return str(message.get("id", ""))

    def _has(self, component: str, plugin: str) -> bool:
        rules = self._view(f"{component}/view/scanners").get("scanners")
        return is_list(rules) and any(str(_mapping(rule).get("id", "")) == plugin for rule in rules)

    # -- the API

    def _wait(self, path: str, name: str, wanted: str, deadline: float, **asked: str) -> None:
        pause = _FIRST_PAUSE
        while str(self._view(path, **asked).get(name, "")) != wanted:
            if time.monotonic() + pause > deadline:
                raise RetrySafe("ZAP was not done in time", code="V026", hint="raise `timeout` of the scanner")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _view(self, path: str, **asked: str) -> Mapping[str, Any]:
        return self._call("GET", path, asked)

    def _act(self, path: str, **asked: str) -> Mapping[str, Any]:
        return self._call("POST", path, asked)

    def _order(self, path: str, **asked: str) -> None:
        if self._act(path, **asked).get("Result") != "OK":
            raise RetrySafe("ZAP did not do what it was asked")

    def _call(self, method: str, path: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        url = f"{self._config.url.rstrip('/')}/JSON/{path}/"
        headers = {"X-ZAP-API-Key": self._config.api_key.get_secret_value()}
        try:
            with http_client(seconds=_CALL_SECONDS) as client:
                if method == "GET":
                    answer = client.get(url, params=dict(asked), headers=headers)
                else:
                    answer = client.post(url, data=dict(asked), headers=headers)
        except httpx.HTTPError:
            raise RetrySafe("ZAP does not answer", hint="check the scanner's url") from None
        return _read(answer)


def _read(answer: httpx.Response) -> Mapping[str, Any]:
    if answer.status_code in (401, 403):
        raise AuthBlocked("ZAP refuses our key", hint="check the scanner's api_key, and who may use ZAP's API")
    try:
        told = answer.json() if answer.status_code == 200 else None
    except ValueError:
        told = None
    if not is_dict(told):
        raise RetrySafe("ZAP gave no usable answer")
    return told


def _mapping(value: object) -> Mapping[str, Any]:
    return value if is_dict(value) else {}


def build(name: str, section: Mapping[str, Any]) -> Zap:
    """The scanner from its section of stanch.toml."""
    return Zap(read_section(ZapConfig, name, section))


CONNECTOR = Connector(port="scanner", kind="zap", build=build)
