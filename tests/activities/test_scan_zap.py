"""ZAP's API, asked for one rule on one URL: old alerts do not count, and what did not happen proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scan_support import HOST, HOSTILE, finding
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from activities.zap import CONNECTOR, Zap
from stanch.errors import AuthBlocked, ConfigError, Rejected, RetrySafe
from stanch.sandbox._server import Standin
from stanch.sandbox.zap import Zap as StandIn

KEY = "a key for tests"


class Api(Standin):
    def __init__(self) -> None:
        super().__init__()
        self.status = 200

        async def answer(request: Request) -> Response:
            return Response("", status_code=self.status)

        self.app = Starlette(routes=[Route("/{path:path}", answer)])


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as made:
        yield made


@pytest.fixture
def found() -> set[str]:
    """Rules that raise an alert now."""
    return {"40018", "10038"}


@pytest.fixture
def zap(found: set[str]) -> Iterator[StandIn]:
    with StandIn(
        api_key=KEY, raises=lambda plugin, _: plugin in found, silent=("40099",), active=("40018", "40099", "6")
    ) as made:
        yield made


def scanner(zap: StandIn, api: Api, **more: Any) -> Zap:
    section = {"url": zap.url, "api_key": KEY, "hosts": [HOST], "scheme": "http", "port": api.port, **more}
    made: Zap = CONNECTOR.build("z", section)
    return made


def told(rule: str = "40018", **more: Any) -> dict[str, Any]:
    return finding(tool={"adapter": "zap", "rule": rule}, **more)


@pytest.mark.parametrize("rule", ["40018", "10038", "10038-1"])
def test_an_alert_that_is_raised_again_is_not_clean(zap: StandIn, api: Api, found: set[str], rule: str) -> None:
    look = scanner(zap, api).rescan(told(rule))
    assert (look.clean, "still raises" in look.why) == (False, True)
    found.clear()
    look = scanner(zap, api).rescan(told(rule))
    assert (look.clean, "raises no alert" in look.why) == (True, True)


@pytest.mark.parametrize("rule", ["40018", "10038"])
def test_alerts_of_earlier_scans_do_not_count(zap: StandIn, api: Api, found: set[str], rule: str) -> None:
    found.clear()
    zap.add_alert(rule, f"http://localhost:{api.port}/users/7")
    assert scanner(zap, api).rescan(told(rule)).clean


def test_another_rule_that_raises_is_another_finding(zap: StandIn, api: Api, found: set[str]) -> None:
    found.discard("40018")
    assert scanner(zap, api).rescan(told("40018")).clean


def test_one_rule_is_run_on_one_url_and_the_policy_is_gone_after(zap: StandIn, api: Api) -> None:
    scanner(zap, api).rescan(told())
    (scan,) = [entry["asked"] for entry in zap.ledger.entries("ascan/action/scan")]
    assert scan["url"] == f"http://localhost:{api.port}/users/7"
    assert (scan["recurse"], scan["method"]) == ("false", "GET")
    (enabled,) = zap.ledger.entries("ascan/action/enableScanners")
    assert enabled["asked"] == {"ids": "40018", "scanPolicyName": scan["scanPolicyName"]}
    assert zap.policies == {}
    assert all(KEY not in str(entry) for entry in zap.ledger.entries())


def test_a_rule_that_sends_nothing_proves_nothing(zap: StandIn, api: Api) -> None:
    with pytest.raises(Rejected) as error:
        scanner(zap, api).rescan(told("40099"))
    assert error.value.code == "V024"


def test_an_api_that_is_down_proves_nothing(zap: StandIn, api: Api, found: set[str]) -> None:
    found.clear()
    api.status = 503
    with pytest.raises(RetrySafe):
        scanner(zap, api).rescan(told())
    assert zap.ledger.entries("ascan/action/scan") == []
    with pytest.raises(RetrySafe):
        scanner(zap, api, port=9).rescan(told())


def test_a_scan_that_takes_too_long_is_stopped(api: Api) -> None:
    with StandIn(api_key=KEY, raises=lambda *_: False, polls=10_000) as zap:
        with pytest.raises(RetrySafe) as error:
            scanner(zap, api, timeout=0.6).rescan(told())
        assert error.value.code == "V026"
        assert len(zap.ledger.entries("ascan/action/stop")) == 1
        assert zap.policies == {}


def test_the_wrong_key_is_said(zap: StandIn, api: Api) -> None:
    with pytest.raises(AuthBlocked):
        scanner(zap, api, api_key="wrong").rescan(told())
    assert [check.ok for check in scanner(zap, api, api_key="wrong").doctor()] == [False]
    assert [check.ok for check in scanner(zap, api).doctor()] == [True]


def test_a_zap_that_is_away_is_asked_again(api: Api) -> None:
    with StandIn(api_key=KEY, raises=lambda *_: False) as zap:
        made = scanner(zap, api)
    with pytest.raises(RetrySafe):
        made.rescan(told())
    assert not made.doctor()[0].ok


@pytest.mark.parametrize(
    "wrong",
    [
        told("99999"),
        told("", type="SQL Injection"),
        told(api={"method": "POST"}),
        told(api={"host": "other.example.com"}),
        told(api={"path": "/users/{id}"}),
        finding(),
        *[told(hostile) for hostile in HOSTILE if hostile],
    ],
    ids=lambda item: repr(item["tool"]["rule"]),
)
def test_what_zap_cannot_judge_is_passed_on(zap: StandIn, api: Api, wrong: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as error:
        scanner(zap, api).rescan(wrong)
    assert error.value.code == "V024"
    assert zap.ledger.entries("core/action/accessUrl") == []


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"scanners": "x"}', b'{"scanners": [1, {}]}'])
def test_an_answer_that_is_none_proves_nothing(api: Api, body: bytes) -> None:
    class Strange(Standin):
        def __init__(self) -> None:
            super().__init__()
            self.app = Starlette(routes=[Route("/{path:path}", lambda _: Response(body), methods=["GET", "POST"])])

    with Strange() as strange, pytest.raises((RetrySafe, Rejected)):
        scanner(strange, api).rescan(told())  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"url": "file:///x"}, {"hosts": []}, {"timeout": 541}])
def test_sections_are_checked(zap: StandIn, api: Api, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        scanner(zap, api, **wrong)
