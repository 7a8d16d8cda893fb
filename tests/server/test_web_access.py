"""Nothing is reached without credentials; every answer carries its headers; other sites and hosts get nowhere."""

from __future__ import annotations

import itertools
import re

import httpx
import pytest
from fastapi.routing import APIRoute
from web_support import Edge

from stanch.web.app import create_app
from stanch.web.auth import OPEN

ANYBODY = {("GET", "/healthz"), ("GET", "/login"), ("POST", "/login"), ("GET", "/static/{name}")}
OFFERS = {("OPTIONS", "/v1/findings/{source}")}
SELF_PROVING = {
    ("POST", "/v1/findings/{source}"),
    ("GET", "/v1/findings/{source}"),
    ("POST", "/v1/slack/commands"),
    ("POST", "/v1/slack/events"),
    ("POST", "/v1/slack/interactions"),
    ("POST", "/v1/tickets/{system}"),
}


def routes(edge: Edge) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    waiting = list(create_app(edge.services).routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            waiting += inner.routes
            continue
        assert isinstance(route, APIRoute), "a mount or plain route would stand outside the dependency"
        found += [(method, route.path) for method in route.methods or ()]
    return found


def filled(path: str) -> str:
    values = {"kind": "comment", "deed": "note", "ticket_id": "BOARD-1"}
    return re.sub(r"{(\w+)}", lambda match: values.get(match[1], "x"), path)


def test_only_named_routes_are_open() -> None:
    assert OPEN == ANYBODY | OFFERS | SELF_PROVING


def test_every_other_route_refuses_without_credentials(edge: Edge) -> None:
    tried = 0
    for method, path in routes(edge):
        if (method, path) in OPEN:
            continue
        answer = edge.http.request(method, filled(path), json={} if method == "POST" else None)
        tried += 1
        if path.startswith("/v1/") or path in ("/openapi.json", "/readyz", "/metrics"):
            assert (answer.status_code, answer.json()["code"]) == (401, "W001"), path
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login"), path
    assert tried > 30


def test_routes_that_prove_their_sender_refuse_without_proof(edge: Edge) -> None:
    for method, path in SELF_PROVING:
        answer = edge.http.request(method, filled(path), content=b"{}")
        assert answer.status_code == 401, path


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cases/",
        "//v1/cases",
        "/v1/cases;x=1",
        "/v1/%63ases/../cases",
        "/v1/cases/healthz",
        "/V1/cases",
        "/v1/cases%00",
    ],
)
def test_tricks_with_paths_open_nothing(edge: Edge, path: str) -> None:
    answer = edge.http.get(path)
    assert answer.status_code in (401, 404, 303, 307)
    assert 'cases":' not in answer.text


@pytest.mark.parametrize("token", ["x", "é", "Bearer", "0" * 64])
def test_wrong_tokens_are_refused(edge: Edge, token: str) -> None:
    answer = edge.http.get("/v1/cases", headers=[(b"authorization", f"Bearer {token}".encode())])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_cookie_is_no_credential_for_the_api(edge: Edge) -> None:
    with httpx.Client(base_url=edge.url) as browser:
        browser.post("/login", data={"token": edge.services.api_token})
        assert browser.get("/").status_code == 200
        assert browser.get("/v1/cases").status_code == 401


def test_every_answer_has_the_headers(edge: Edge) -> None:
    for path in ("/healthz", "/login", "/static/stanch.css", "/nowhere", "/v1/cases"):
        headers = edge.http.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_another_host_name_gets_nothing(edge: Edge) -> None:
    answer = edge.http.get("/healthz", headers={"host": "rebound.example.net"})
    assert (answer.status_code, answer.json()["code"]) == (421, "W004")


def test_another_sites_form_gets_nothing(edge: Edge) -> None:
    answer = edge.http.post("/login", data={"token": "x"}, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "W003")


def test_mistakes_in_a_request_are_told_with_their_place(edge: Edge) -> None:
    answer = edge.http.post("/v1/halt", json={"scope": "everything!"}, headers=edge.api())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["place"] == "body.scope"
    surplus = edge.http.post("/v1/halt", json={"scop": "all"}, headers=edge.api())
    assert (surplus.status_code, surplus.json()["place"]) == (422, "body.scop")


def test_the_description_of_the_api_is_valid_and_complete(edge: Edge) -> None:
    from openapi_core import OpenAPI

    described = edge.http.get("/openapi.json", headers=edge.api()).json()
    OpenAPI.from_dict(described).check_spec()
    wanted = {path for _, path in routes(edge) if path.startswith("/v1/")}
    assert wanted <= set(described["paths"])


def test_large_bodies_are_refused_everywhere(edge: Edge) -> None:
    for path in ("/login", "/v1/halt", "/v1/slack/interactions"):
        assert edge.http.post(path, content=b"x" * 300_000).status_code == 413


def test_hostile_bodies_never_break_the_api(edge: Edge) -> None:
    bodies = [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"a":' * 5000,
        b"\x00" * 10,
        b'{"scope":{"$ne":1}}',
        b"1e999",
    ]
    paths = ["/v1/halt", "/v1/resume", "/v1/cases/x/decisions", "/v1/cases/x/comment", "/v1/leases/x/lift"]
    types = ["application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]
    for body, path, kind in itertools.product(bodies, paths, types):
        answer = edge.http.post(path, content=body, headers=edge.api(by="user:tom") | {"content-type": kind})
        assert answer.status_code < 500, (path, body, kind, answer.text)
