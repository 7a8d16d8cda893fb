"""A second look that really looks, and a client that never takes silence for a clean result."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from edge import HOST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from activities.scanner import CONNECTOR, HttpScanner
from stanch.errors import AuthBlocked, ConfigError, Rejected, RetrySafe
from stanch.sandbox._server import Standin
from stanch.sandbox.api import ShopApi
from stanch.sandbox.issuer import Issuer
from stanch.sandbox.scanner import Scanner

EXPOSURE = {"id": "f-1", "kind": "exposure", "category": "API3:2023", "api": {"host": HOST, "path": "/users/{id}"}}
GAP = {"id": "f-2", "kind": "policy_gap", "type": "missing_security_policy", "api": {"host": HOST}}
CONFIG = {"id": "f-3", "kind": "weakness", "category": "API8:2023", "api": {"host": HOST}}


def client(url: str, **section: object) -> HttpScanner:
    made: HttpScanner = CONNECTOR.build("scanner", {"kind": "http", "url": url, **section})
    return made


@pytest.fixture
def api() -> Iterator[ShopApi]:
    shop = ShopApi(issuer=Issuer())
    with shop:
        yield shop


def test_exposure_is_gone_when_the_api_stops_leaking(api: ShopApi) -> None:
    with Scanner(api_url=api.url) as scanner:
        look = client(scanner.url)
        assert look.rescan(EXPOSURE).clean is False
        assert scanner.ledger.entries("rescan")[0]["why"] == "personal data: address, birth_date, email, pan, phone"
        api.fix_exposure()
        assert look.rescan(EXPOSURE).clean is True
        api.break_down()
        assert look.rescan(EXPOSURE).clean is False


def test_policy_gap_follows_the_real_attachment(api: ShopApi) -> None:
    attached: set[str] = set()
    with Scanner(api_url=api.url, policy_attached=attached.__contains__) as scanner:
        look = client(scanner.url)
        assert look.rescan(GAP).clean is False
        attached.add(HOST)
        assert look.rescan(GAP).clean is True
    with Scanner(api_url=api.url) as scanner:
        assert client(scanner.url).rescan(GAP).clean is False


def test_other_findings_are_gone_when_their_owner_says_so(api: ShopApi) -> None:
    scanner = Scanner(api_url=api.url)
    with scanner:
        assert client(scanner.url).rescan(CONFIG).clean is False
        scanner.mark_fixed("f-3")
        assert client(scanner.url).rescan(CONFIG).clean is True


class Strange(Standin):
    """A scanner that answers as it is told."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        super().__init__()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(request: Request) -> Response:
            self.ledger.append("asked", {"authorization": request.headers.get("authorization", "")})
            return Response(body, status_code=status, headers=sent)

        self.app = Starlette(routes=[Route("/rescan", answer, methods=["POST"])])


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"{}", RetrySafe),
        (200, b"<html>", RetrySafe),
        (200, b'{"clean": "yes"}', RetrySafe),
        (200, b"[true]", RetrySafe),
        (204, b"", RetrySafe),
        (302, b"", RetrySafe),
        (429, b"", RetrySafe),
        (500, b'{"clean": true}', RetrySafe),
        (401, b"", AuthBlocked),
        (422, b"", Rejected),
    ],
)
def test_only_a_clear_verdict_counts(status: int, body: bytes, error: type[Exception]) -> None:
    with Strange(status, body) as scanner, pytest.raises(error):
        client(scanner.url).rescan(EXPOSURE)


def test_waiting_time_and_token_are_passed_on() -> None:
    with Strange(503, b"", retry_after="7") as scanner:
        with pytest.raises(RetrySafe) as error:
            client(scanner.url, token="s3cret").rescan(EXPOSURE)
        assert scanner.ledger.entries("asked")[0]["authorization"] == "Bearer s3cret"
    assert error.value.retry_after == 7
    assert "s3cret" not in json.dumps([error.value.message, error.value.hint])


def test_scanner_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(RetrySafe):
        client("http://127.0.0.1:9").rescan(EXPOSURE)


def test_address_must_be_http() -> None:
    with pytest.raises(ConfigError):
        client("file:///etc/passwd")
