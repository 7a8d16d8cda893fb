"""Ways around a block, the same for every gateway: however it is spelt, what is blocked never reaches the API."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from edge import HOST, USERS_GET, lease
from real_gateways import BENCHES, NEEDS, Bench, shop

from activities._reaping import overdue
from stanch.leases import BlockSpec, Principal, target_of

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PATHS = [
    "/users/7",
    "/users/7/",
    "//users/7",
    "/users//7",
    "/users/./7",
    "/./users/7",
    "/x/../users/7",
    "/users/7/.",
    "/users/x/../7",
    "/%75sers/7",
    "/%75%73%65%72%73/%37",
    "/users/%37",
    "/x/%2e%2e/users/7",
    "/users%2f7",
    "/users%2F7",
    "/%2fusers/7",
    "/users/7%2f",
    "/users/7%2fx",
    "/x/..%2fusers/7",
    "/x%2f..%2fusers%2f7",
    "/users;v=1/7",
    "/users/7;v=1",
    "/users/7?x=1",
    "/users/7?",
    "/users/7?/../../products",
    "/users/7%3fx=1",
    "/users/7%23x",
    "/users/7%00",
    "/users/7%0a",
    "/users/7+",
    "http://api.example.com/users/7",
    "http://api.example.com:80/users/7",
    "HTTP://API.example.com:/users/7",
    "/;/users/7",  # from here on: what Java servers drop before they look, and Windows reads as a slash
    "/;x=1/users/7",
    "/users/;x/7",
    "/users/;/;/7",
    "/.;/users/7",
    "/users/.;a/7",
    "/users/7/;x",
    "/users/7/.;x/",
    "/x/..;/users/7",
    "/users/x/..;a/7",
    "/x/y/..;/..;/users/7",
    "/x/%2e%2e;/users/7",
    "/users\\7",
    "/x/..\\users/7",
    "/x\\..\\users\\7",
]
OTHER_PATHS = [
    "/users",
    "/users/7/cards",
    "/usersx/7",
    "/products?next=/users/7",
    "/products/..",
    "/xusers/7",
    "/orders;v=1/users/7",
    "/products;a=..;b",
    "/users/7/...;x/y",
    "/orders/;jsessionid=1A2B",
    "/;jsessionid=1A2B",
]
HOSTS = [
    *("api.example.com", "API.Example.COM", "api.example.com:8443", "api.example.com.", "api.example.com.:8443"),
    *("api.example.com:", "api.example.com.:", "api.example.com:x", "api.example.com:80:80"),
]
OTHER_HOSTS = ["shop.example.com", "api.example.com.example.org", "xapi.example.com", "api-example.com"]
HEADERS = [
    [("x-original-url", "/products")],
    [("x-rewrite-url", "/products")],
    [("x-forwarded-host", "shop.example.com")],
    [("x-http-method-override", "POST")],
    [("x-forwarded-for", "198.51.100.77")],
    [("x-stanch-probe", "guess")],
]

# What is only a stand-in's word is asked for in the long profile; test_kong.py keeps the essence.
KONG = {"kong": [pytest.mark.long]}
KINDS = {name: pytest.param(name, marks=[*NEEDS.get(name, ()), *KONG.get(name, ())]) for name in BENCHES}


@pytest.fixture(scope="module", params=list(KINDS.values()))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), BENCHES[request.param](tmp_path_factory.mktemp("edge"), api, issuer) as made:
        yield made


def reached(bench: Bench, **request: object) -> int:
    """How often the API saw the attacker, as a request for the host that is blocked, when this was sent."""
    before = len(bench.api.ledger.entries("request"))
    bench.send(**{"sub": "u1", **request})  # type: ignore[arg-type]
    seen = bench.api.ledger.entries("request")[before:]
    return sum(1 for entry in seen if entry["caller"] == "u1" and entry["host"].lower().startswith(HOST))


def test_no_spelling_of_the_path_gets_through_and_no_other_path_is_hit(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert [path for path in PATHS if reached(bench, path=path)] == []
    assert [path for path in OTHER_PATHS if bench.send(path, sub="u1") == 403] == []
    assert [path for path in PATHS[::6] if bench.send(path, sub="u2") == 403] == []


def test_neighbouring_hosts_and_methods_are_free(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert [host for host in OTHER_HOSTS if bench.send("/users/7", sub="u1", host=host) == 403] == []
    assert [name for name in ("POST", "PUT", "DELETE") if bench.send("/users/7", sub="u1", method=name) == 403] == []


def test_method_that_is_asked_for_in_a_header_is_the_method(bench: Bench) -> None:
    bench.put(BlockSpec(host=HOST, path="/users/{id}", methods=("DELETE", "PATCH"), principal=Principal(user_id="u1")))
    for name in ("X-HTTP-Method-Override", "x-http-method", "X-METHOD-OVERRIDE"):
        for asked in ("DELETE", "delete", "PATCH"):
            assert reached(bench, path="/users/7", method="POST", headers=[(name, asked)]) == 0, (name, asked)
        for several in ([(name, "PUT"), (name, "DELETE")], [(name, "DELETE, PUT")], [(name, "PUT,delete")]):
            assert reached(bench, path="/users/7", method="POST", headers=several) == 0, several
        assert bench.send("/users/7", sub="u1", method="POST", headers=[(name, "PUT")]) == 200
        assert bench.send("/users/7", sub="u2", method="POST", headers=[(name, "DELETE")]) == 200
    assert bench.send("/users/7", sub="u1", method="POST") == 200


def escaped(token: str) -> str:
    return "".join(f"%{ord(char):02x}" if place % 3 else char for place, char in enumerate(token))


def test_token_in_a_cookie_or_query_is_the_same_token(bench: Bench) -> None:
    """APIs take tokens there, too; Kong's router looks into no query."""
    bench.put(BlockSpec(host=HOST, path="/products", principal=Principal(user_id="u1")))
    mine, other = bench.issuer.mint("u1"), bench.issuer.mint("u2")
    spelled = [mine, escaped(mine), f'"{mine}"']
    for token in spelled:
        for cookies in ([f"session={token}"], [f"a=b; session={token}; c=d"], ["a=b", f"session={token}"]):
            assert bench.send("/products", headers=[("cookie", one) for one in cookies]) == 403, cookies
        assert bench.send("/products", sub="u2", headers=[("cookie", f"session={token}")]) == 403, token
    assert bench.send("/products", headers=[("cookie", f"session={other}")]) == 200
    if bench.name != "envoy":  # where a cookie with escaped letters, as nobody has, is denied for the endpoint
        assert bench.send("/products", sub="u2", headers=[("cookie", f"session={escaped(other)}")]) == 200
    if bench.name == "kong":
        return
    for token in (mine, escaped(mine)):
        for query in (f"access_token={token}", f"a=b&access_token={token}", f"%61ccess_token={token}"):
            assert bench.send(f"/products?{query}") in (401, 403), query
    assert bench.send(f"/products?access_token={other}") == 200


@pytest.mark.parametrize("bench", [KINDS["envoy"], KINDS["nginx"]], indirect=True)
def test_address_that_a_proxy_for_both_families_has_written_is_the_same_address(bench: Bench) -> None:
    """Where the client's address is derived; this version of Caddy does not, and Kong never ran."""
    for ip in ("198.51.100.7", "198.51.100.0/24", "::ffff:198.51.100.7"):
        bench.put(BlockSpec(host=HOST, path="/orders", ips=(ip,)))
        for sent, status in (("198.51.100.7", 403), ("::ffff:198.51.100.7", 403), ("::ffff:198.51.101.7", 200)):
            assert bench.send("/orders", headers=[("x-forwarded-for", sent)]) == status, (ip, sent)


@pytest.mark.parametrize("bench", [KINDS[name] for name in ("caddy", "envoy", "nginx")], indirect=True)
def test_no_length_of_a_path_wears_the_matching_out(bench: Bench) -> None:
    """Engines that backtrack give up after so many steps, and a rule that gives up lets the request in.

    Kong's does not backtrack; the one of its stand-in does, so that it says nothing of Kong.
    """
    spec = BlockSpec(host=HOST, path="/a/{x}/b/{y}/c/{z}/d", principal=Principal(user_id="u1"))
    bench.put(spec)
    long = ["/b" * 3000, "/b/c" * 1500, "/;x" * 1500, "/b/;" * 1500, "/c" * 1000 + "/b" * 2000]
    paths = [f"/a/1/b/2/c/3%2f{text}/d" for text in long]
    assert [path[:40] for path in paths if reached(bench, path=path)] == []
    assert bench.send("/a/1/b/2/c/3" + "/b" * 3000 + "/d", sub="u1") != 403


@pytest.mark.long
def test_every_spelling_is_free_for_who_is_not_meant(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert [path for path in PATHS if bench.send(path, sub="u2") == 403] == []


def test_no_spelling_of_host_method_or_header_gets_through(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert [host for host in HOSTS if reached(bench, path="/users/7", host=host)] == []
    assert [more for more in HEADERS if reached(bench, path="/users/7", headers=more)] == []
    assert reached(bench, path="/users/7", method="get") == 0
    assert reached(bench, path="http://api.example.com/users/7", host="shop.example.com") == 0
    assert bench.send("/users/7", sub="u1", host="shop.example.com") == 200
    assert bench.send("/users/7", sub="u1", method="HEAD") == 200, "a block of GET names GET"


def test_subtree_holds_for_line_breaks_and_deep_paths(bench: Bench) -> None:
    bench.put(BlockSpec(host=HOST, path="/mobile/**", principal=Principal(user_id="u1")))
    inside = [
        "/mobile",
        "/mobile/",
        "/mobile/v2/config",
        "/mobile/a%0ab",
        "/mobile%2fv2",
        "//mobile//v2",
        "/mobile;a/b",
    ]
    assert [path for path in inside if reached(bench, path=path)] == []
    assert [path for path in ["/mobilex", "/x/mobile", "/"] if bench.send(path, sub="u1") == 403] == []


def test_second_token_beside_the_blocked_one_does_not_hide_it(bench: Bench) -> None:
    bench.put(USERS_GET)
    other = ("authorization", f"Bearer {bench.issuer.mint('u2')}")
    assert reached(bench, path="/users/7", headers=[other]) == 0


def test_token_in_another_spelling_is_the_same_token(bench: Bench) -> None:
    bench.put(BlockSpec(host=HOST, principal=Principal(token_id="jti-0001")))
    token = bench.issuer.mint("u1", jti="jti-0001")
    signature = token.rsplit(".", 1)[1]
    twin = token[:-1] + ALPHABET[ALPHABET.index(token[-1]) ^ 1]  # the last character has spare bits
    assert base64.urlsafe_b64decode(signature + "==") == base64.urlsafe_b64decode(twin.rsplit(".", 1)[1] + "==")
    spellings = [f"Bearer {token}", f"bearer {token}", f"BEARER  {token}", f"Bearer\t{token}", f"Bearer {twin}"]
    for spelling in spellings:
        assert reached(bench, path="/products", sub="", headers=[("authorization", spelling)]) == 0, spelling
    assert bench.send("/products", sub="u1") == 200, "another token of the same user"


def test_addresses_count_as_the_trusted_proxy_says_and_not_as_the_client_does(bench: Bench) -> None:
    spec = BlockSpec(host=HOST, path="/orders", ips=("198.51.100.0/24", "2001:db8:7::/48", "203.0.113.9"))
    if not bench.trusted:
        bench.put(spec.model_copy(update={"ips": ("127.0.0.1",)}))
        assert bench.send("/orders", headers=[("x-forwarded-for", "192.0.2.1")]) == 403
        bench.put(spec)
        assert bench.send("/orders", headers=[("x-forwarded-for", "198.51.100.7")]) == 200
        return
    bench.put(spec)
    blocked = ["198.51.100.7", "203.0.113.9", "2001:db8:7:1::1", "192.0.2.1, 198.51.100.7"]
    let_in = ["198.51.101.7", "203.0.113.8", "2001:db8:8::1", "198.51.100.7, 192.0.2.1"]
    for given, status in [*((one, 403) for one in blocked), *((one, 200) for one in let_in)]:
        assert bench.send("/orders", headers=[("x-forwarded-for", given)]) == status, given
    assert bench.send("/products", headers=[("x-forwarded-for", "198.51.100.7")]) == 200


def test_one_of_many_behind_an_address_is_stopped_and_the_others_are_served(bench: Bench) -> None:
    """The café: the address is the same for all, so it cannot be what is blocked."""
    bench.put(BlockSpec(host=HOST, path="/users/{id}", principal=Principal(user_id="u1")))
    people = [f"u{number}" for number in range(1, 6)]
    assert {person: bench.send("/users/7", sub=person) for person in people} == {
        person: 403 if person == "u1" else 200 for person in people
    }


def test_block_past_its_end_is_found_and_lifted_from_the_gateway_alone(bench: Bench) -> None:
    """What `lease reap` does, with a moment after the end."""
    asked = lease(USERS_GET, hours=0.01)
    bench.put()
    bench.point.reconcile(adds=[asked], removes=[], wanted=None, expected="")
    assert reached(bench, path="/users/7") == 0
    assert overdue(bench.point.list_owned(), datetime.now(UTC)) == []
    late = overdue(bench.point.list_owned(), asked.expires_at + timedelta(seconds=1))
    assert [one.target for one in late] == [target_of(USERS_GET)]
    assert [done.ok for done in bench.point.take_out(late)] == [True]
    assert [done.ok for done in bench.point.take_out(late)] == [True], "already gone"
    assert bench.send("/users/7", sub="u1") == 200
