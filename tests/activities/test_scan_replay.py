"""A replay proves what a stranger can no longer see, and refuses everything that it could not prove."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scan_support import HOST, HOSTILE, finding
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from activities.replay import CONNECTOR, Replay
from stanch.errors import ConfigError, Rejected, RetrySafe
from stanch.sandbox._server import Standin

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Api(Standin):
    """An API that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.response = Response("fine")
        self.app = Starlette(routes=[Route("/{path:path}", self._any, methods=["GET", "HEAD", "POST"])])

    async def _any(self, request: Request) -> Response:
        self.ledger.append(
            "asked", {"method": request.method, "path": request.url.path, "headers": dict(request.headers)}
        )
        return self.response


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as made:
        yield made


def scanner(api: Api, **more: Any) -> Replay:
    section = {"hosts": [HOST], "scheme": "http", "port": api.port, "networks": LOOPBACK, "shows": {"leak": ["email"]}}
    made: Replay = CONNECTOR.build("r", {**section, **more})
    return made


LEAK = finding(type="leak", category="API3:2023")
OPEN = finding(type="open", tool={"evidence": [{"kind": "x"}, {"status_code": 200}]})
BY_STATUS = {"open": []}


@pytest.mark.parametrize(
    ("status", "body", "clean"),
    [
        (200, '{"email": "x"}', False),
        (200, '{"name": "x"}', True),
        (401, "", True),
        (403, "email of the owner", False),
        (404, "", True),
        (418, "", False),
        (204, "", True),
    ],
)
def test_what_an_answer_shows_decides(api: Api, status: int, body: str, clean: bool) -> None:
    api.response = Response(body, status_code=status)
    look = scanner(api).rescan(LEAK)
    assert look.clean is clean
    assert f"with {status}" in look.why
    assert not clean or "nothing else is proven" in look.why


@pytest.mark.parametrize(("status", "clean"), [(200, False), (204, False), (401, True), (410, True), (400, False)])
def test_without_texts_the_status_of_the_evidence_is_compared(api: Api, status: int, clean: bool) -> None:
    api.response = Response("", status_code=status)
    assert scanner(api, shows=BY_STATUS).rescan(OPEN).clean is clean


@pytest.mark.parametrize(("status", "clean"), [(500, False), (503, False), (200, True), (400, True)])
def test_an_error_that_is_gone(api: Api, status: int, clean: bool) -> None:
    api.response = Response("", status_code=status)
    told = finding(type="open", tool={"evidence": [{"status_code": 500}]})
    assert scanner(api, shows=BY_STATUS).rescan(told).clean is clean


@pytest.mark.parametrize("status", [500, 502, 408, 429])
def test_an_api_that_is_down_proves_nothing(api: Api, status: int) -> None:
    api.response = Response("", status_code=status)
    with pytest.raises(RetrySafe):
        scanner(api).rescan(LEAK)


def test_the_request_is_a_strangers(api: Api) -> None:
    scanner(api).rescan(finding(type="leak", api={"path": "/users/7;v=1"}))
    (asked,) = api.ledger.entries("asked")
    assert (asked["method"], asked["path"]) == ("GET", "/users/7;v=1")
    assert set(asked["headers"]) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert asked["headers"]["host"] == f"localhost:{api.port}"


def test_a_redirect_is_not_followed_and_proves_nothing(api: Api) -> None:
    api.response = RedirectResponse(f"{api.url}/login")
    assert not scanner(api).rescan(LEAK).clean
    assert len(api.ledger.entries("asked")) == 1


def test_an_answer_that_is_too_large_is_not_clean(api: Api) -> None:
    api.response = Response("x" * 5000)
    assert not scanner(api, max_bytes=1000).rescan(LEAK).clean
    api.response = Response("email" + "x" * 5000)
    assert "still shows it" in scanner(api, max_bytes=1000).rescan(LEAK).why


def test_an_answer_without_end_is_left(api: Api) -> None:
    async def drip() -> Any:
        import asyncio

        for _ in range(200):
            yield b"x"
            await asyncio.sleep(0.05)

    api.response = StreamingResponse(drip())
    started = time.monotonic()
    with pytest.raises(RetrySafe):
        scanner(api, timeout=0.5).rescan(LEAK)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "told",
    [
        finding(type="other"),
        finding(type="leak", kind="attack"),
        finding(type="leak", category="API1:2023"),
        finding(type="leak", category="API5:2023"),
        finding(type="leak", api={"method": "POST"}),
        finding(type="leak", api={"method": "DELETE"}),
        finding(type="leak", api={"host": "other.example.com"}),
        finding(type="leak", api={"path": "/users/{id}"}),
        finding(type="leak", api={"path": ""}),
        finding(type="leak", api={"path": "/../admin"}),
        finding(type="leak", api={"path": "/a%2fb"}),
        finding(type="leak", api={"path": "/users/[redacted]"}),
        finding(type="leak", api={"path": "/a\r\nX-Evil: 1"}),
        finding(type="leak", api={"path": "@evil.example/"}),
        finding(type="leak", tool={"parameter": "q"}),
        *[finding(type="leak", api={"method": hostile}) for hostile in HOSTILE if hostile],
    ],
    ids=lambda told: repr(told["api"])[:60],
)
def test_what_a_replay_cannot_judge_is_passed_on(api: Api, told: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as error:
        scanner(api).rescan(told)
    assert error.value.code == "V024"
    assert api.ledger.entries("asked") == []


def test_without_anything_to_compare_it_is_passed_on(api: Api) -> None:
    with pytest.raises(Rejected):
        scanner(api, shows=BY_STATUS).rescan(finding(type="open"))


@pytest.mark.parametrize("networks", [(), ("10.0.0.0/8",), ("127.0.0.0/8",)])
def test_private_addresses_need_to_be_named(
    api: Api, networks: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, api.port)) for ip in ("127.0.0.1", "10.1.2.3")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(Rejected) as error:
        scanner(api, networks=networks).rescan(LEAK)
    assert error.value.code == "V028"
    assert api.ledger.entries("asked") == []


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0"])
def test_addresses_in_disguise_are_private_all_the_same(
    api: Api, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, api.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with pytest.raises(Rejected):
        scanner(api, networks=()).rescan(LEAK)


def test_the_address_that_was_checked_is_the_one_that_is_called(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that changes its mind after the check gets nobody anywhere."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def once(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(host))
        return real("127.0.0.1" if host == HOST else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    scanner(api).rescan(LEAK)
    assert asked.count(HOST) == 1


def test_nobody_there_is_said(api: Api) -> None:
    with pytest.raises(RetrySafe):
        scanner(api, port=9).rescan(LEAK)


@pytest.mark.parametrize("wrong", [{"shows": {}}, {"networks": ["x"]}, {"hosts": []}, {"timeout": 56}])
def test_sections_are_checked(api: Api, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        scanner(api, **wrong)


def test_doctor_says_what_it_judges(api: Api) -> None:
    (check,) = scanner(api).doctor()
    assert (check.ok, "leak" in check.detail) == (True, True)
