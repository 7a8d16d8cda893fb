"""Ways around a block that take a client which writes its own bytes, or HTTP/2: none gets through."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import h2_client
import pytest
from edge import HOST as NAME
from edge import USERS_GET
from real_gateways import BENCHES, NEEDS, Bench, shop

OTHER = "shop.example.com"
KINDS = [pytest.param(name, marks=NEEDS.get(name, ())) for name in ("caddy", "envoy", "nginx")]
START = b"GET /users/7 HTTP/1.1\r\n"
HOST = b"Host: api.example.com\r\n"
AUTH = b"Authorization: Bearer TOKEN\r\n"
LAST = b"Connection: close\r\n\r\n"
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(80))
SERVED: Mapping[str, bytes] = {
    "plain": START + HOST + AUTH + LAST,
    "names in any case": START + b"hOST: api.example.com\r\naUTHORIZATION: Bearer TOKEN\r\n" + LAST,
    "no blank behind the colon": START + b"Host:api.example.com\r\nAuthorization:Bearer TOKEN\r\n" + LAST,
    "more blanks": START + b"Host:   api.example.com \r\nAuthorization:   Bearer   TOKEN \r\n" + LAST,
    "many headers before": START + HOST + MANY + AUTH + LAST,
    "a long header before": START + HOST + b"X-Long: " + b"a" * 6000 + b"\r\n" + AUTH + LAST,
    "a body in chunks": START + HOST + AUTH + b"Transfer-Encoding: chunked\r\n" + LAST + b"3\r\nabc\r\n0\r\n\r\n",
    "a second request": b"GET /products HTTP/1.1\r\n" + HOST + b"\r\n" + START + HOST + AUTH + LAST,
}
ODD: Mapping[str, bytes] = {
    "tabs": START + b"Host: \t api.example.com\t\r\nAuthorization:\tBearer\tTOKEN\t\r\n" + LAST,
    "HTTP/1.0": b"GET /users/7 HTTP/1.0\r\n" + HOST + AUTH + b"\r\n",
    "HTTP/1.0 without host": b"GET /users/7 HTTP/1.0\r\n" + AUTH + b"\r\n",
    "no host": START + AUTH + LAST,
    "an empty host": START + b"Host:\r\n" + AUTH + LAST,
    "another host first": START + b"Host: shop.example.com\r\n" + HOST + AUTH + LAST,
    "another host last": START + HOST + b"Host: shop.example.com\r\n" + AUTH + LAST,
    "an address of its own": b"GET http://api.example.com/users/7 HTTP/1.1\r\nHost: shop.example.com\r\n" + AUTH + LAST,
    "an address with a user": b"GET http://x@api.example.com/users/7 HTTP/1.1\r\n" + HOST + AUTH + LAST,
    "folded": START + HOST + b"Authorization: Bearer\r\n TOKEN\r\n" + LAST,
    "folded host": START + b"Host:\r\n api.example.com\r\n" + AUTH + LAST,
    "a blank before the colon": START + HOST + b"Authorization : Bearer TOKEN\r\n" + LAST,
    "two lines of a header": START + HOST + b"Authorization: Basic eDp5\r\n" + AUTH + LAST,
    "joined": START + HOST + b"Authorization: Basic eDp5, Bearer TOKEN\r\n" + LAST,
    "bare line feeds": (START + HOST + AUTH + LAST).replace(b"\r\n", b"\n"),
    "a fragment": b"GET /users/7#x HTTP/1.1\r\n" + HOST + AUTH + LAST,
    "a fragment before": b"GET /products#/../../users/7 HTTP/1.1\r\n" + HOST + AUTH + LAST,
    "an encoded method": b"G%45T /users/7 HTTP/1.1\r\n" + HOST + AUTH + LAST,
    "two blanks": b"GET  /users/7  HTTP/1.1\r\n" + HOST + AUTH + LAST,
}


@pytest.fixture(scope="module", params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), BENCHES[request.param](tmp_path_factory.mktemp("edge"), api, issuer) as made:
        made.put(USERS_GET)
        yield made


def reached(bench: Bench, request: bytes, *, sub: str) -> int:
    """How often the API saw that user at the endpoint, for whatever host."""
    before = bench.api.reached(path="/users", caller=sub)
    send(bench, request, sub=sub)
    return bench.api.reached(path="/users", caller=sub) - before


def send(bench: Bench, request: bytes, *, sub: str) -> None:
    """Until the connection is closed, for which Envoy takes a second where it has refused something."""
    with socket.create_connection(("127.0.0.1", int(bench.url.rsplit(":", 1)[1])), 5) as stream:
        stream.sendall(request.replace(b"TOKEN", bench.issuer.mint(sub).encode()))
        stream.settimeout(3)
        while stream.recv(65536):
            pass


def test_no_writing_of_a_request_gets_through(bench: Bench) -> None:
    told = {**SERVED, **ODD}
    before = bench.api.reached(path="/users", caller="u1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(send, bench, sub="u1"), told.values()))
    if bench.api.reached(path="/users", caller="u1") > before:
        assert [name for name, request in told.items() if reached(bench, request, sub="u1")] == []
        raise AssertionError("one of them got through beside others")


def test_every_usual_writing_is_served_for_the_neighbour(bench: Bench) -> None:
    assert [name for name, request in SERVED.items() if not reached(bench, request, sub="u2")] == []


def reached_by_h2(bench: Bench, path: str, *more: tuple[str, str], sub: str = "u1", authority: str = NAME) -> int:
    """How often the API saw who sent this."""
    token = bench.issuer.mint(sub)
    host = [(":authority", authority)] if authority else []
    fields = [(":method", "GET"), (":scheme", "http"), (":path", path), *host]
    before = bench.api.reached(caller=sub)
    h2_client.send(bench.h2_port, [*fields, ("authorization", f"Bearer {token}"), *more])
    return bench.api.reached(caller=sub) - before


def test_host_path_and_token_are_the_same_over_http_2(bench: Bench) -> None:
    assert reached_by_h2(bench, "/users/7", sub="u2") == 1
    assert reached_by_h2(bench, "/users/7", authority=OTHER) == 1
    blocked = ["/users/7", "/users/7?x=1", "//users/7", "/%75sers/7", "/x/../users/7", "/users%2f7", "/x/..;/users/7"]
    assert [path for path in blocked if reached_by_h2(bench, path)] == []
    names = ["API.example.com:443", "api.example.com.", "api.example.com:"]
    assert [name for name in names if reached_by_h2(bench, "/users/7", authority=name)] == []
    assert reached_by_h2(bench, "/users/7", ("host", OTHER)) == 0
    assert reached_by_h2(bench, "/users/7", ("host", NAME), authority="") == 0
    if bench.name != "caddy":  # to which it is a path of the other host
        assert reached_by_h2(bench, f"http://{NAME}/users/7", authority=OTHER) == 0
    assert reached_by_h2(bench, "/users/7", ("authorization", f"Bearer {bench.issuer.mint('u2')}")) == 0
