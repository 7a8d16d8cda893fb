"""Ways around a block over HTTP/2, where the host is `:authority` and a `host` may stand beside it."""

from __future__ import annotations

from collections.abc import Iterator

import h2_client
import pytest
from edge import HOST, USERS_GET
from real_gateways import BENCHES, HAS, Bench, shop

KINDS = [pytest.param(name, marks=HAS[name]) for name in ("caddy", "envoy", "nginx")]
OTHER = "shop.example.com"


@pytest.fixture(scope="module", params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), BENCHES[request.param](tmp_path_factory.mktemp("edge"), api, issuer) as made:
        yield made


def reached(bench: Bench, path: str, *more: tuple[str, str], sub: str = "u1", authority: str = HOST) -> int:
    """How often the API saw who sent this."""
    token = bench.issuer.mint(sub)
    host = [(":authority", authority)] if authority else []
    fields = [(":method", "GET"), (":scheme", "http"), (":path", path), *host]
    before = bench.api.reached(caller=sub)
    h2_client.send(bench.h2_port, [*fields, ("authorization", f"Bearer {token}"), *more])
    return bench.api.reached(caller=sub) - before


def test_host_path_and_token_are_the_same_over_http_2(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert reached(bench, "/users/7", sub="u2") == 1
    assert reached(bench, "/users/7", authority=OTHER) == 1
    blocked = ["/users/7", "/users/7?x=1", "//users/7", "/%75sers/7", "/x/../users/7", "/users%2f7", "/x/..;/users/7"]
    assert [path for path in blocked if reached(bench, path)] == []
    assert [name for name in ("API.example.com:443", "api.example.com.", "api.example.com:") if
            reached(bench, "/users/7", authority=name)] == []  # fmt: skip
    assert reached(bench, "/users/7", ("host", OTHER)) == 0
    assert reached(bench, "/users/7", ("host", HOST), authority="") == 0
    if bench.name != "caddy":  # to which it is a path of the other host
        assert reached(bench, f"http://{HOST}/users/7", authority=OTHER) == 0
    assert reached(bench, "/users/7", ("authorization", f"Bearer {bench.issuer.mint('u2')}")) == 0
