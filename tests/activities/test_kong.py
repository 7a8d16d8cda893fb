"""Blocks at a stand-in of Kong: what is written, what becomes of faults, and that nothing foreign is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from edge import HOST, USERS_GET, lease, targets
from real_gateways import Bench, kong_bench, shop

from activities import _probes
from activities._edge.gateway import Block
from activities._kong_expression import compile_block
from activities.kong import build, parse_line
from stanch.errors import AuthBlocked, ConfigError, Rejected, RetrySafe, StanchError, Uncertain
from stanch.leases import BlockSpec, Principal, target_of
from stanch.sandbox._kong_router import Expression, ExpressionError
from stanch.sandbox._kong_traffic import normalised
from stanch.sandbox.kong import KongStandin

ORDERS = BlockSpec(host=HOST, path="/orders")
THEIRS = "0b8f3d5e-7d0f-4c5b-9d70-0d1f0c6f0a01"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), kong_bench(tmp_path_factory.mktemp("kong"), api, issuer) as made:
        yield made


@pytest.fixture
def bench(started: Bench) -> Bench:
    admin: KongStandin = started.admin
    admin.routes.clear()
    admin.plugins.clear()
    admin.flavor, admin.database, admin.page = "expressions", "postgres", 500
    admin.routes[THEIRS] = {
        "id": THEIRS,
        "name": "theirs",
        "expression": 'http.path ^= "/never"',
        "priority": 5,
        "tags": ["team-a"],
    }
    return started


def test_block_is_a_tagged_route_with_a_plugin_and_goes_with_its_lease(bench: Bench) -> None:
    theirs = dict(bench.admin.routes)
    done = bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert [bench.send("/users/7", sub=sub) for sub in ("u1", "u2", "")] == [403, 200, 200]
    (route,) = [one for key, one in bench.admin.routes.items() if key != THEIRS]
    (plugin,) = bench.admin.plugins.values()
    (owned,) = bench.point.list_owned()
    assert owned.expires_at is not None
    assert route["tags"] == plugin["tags"] == ["stanch", "case:case-a1", f"expires:{int(owned.expires_at.timestamp())}"]
    assert (plugin["name"], plugin["config"]["status_code"]) == ("request-termination", 403)
    proof = _probes.expect_blocked(bench.point, USERS_GET, within=timedelta(seconds=5))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "access log"), proof
    again = bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected=done.digest)
    assert again.digest != "", "the same route by the same id"
    bench.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=None, expected=again.digest)
    assert bench.send("/users/7", sub="u1") == 200
    assert (bench.admin.routes, bench.admin.plugins) == (theirs, {})


def test_longer_lists_are_read_to_their_end(bench: Bench) -> None:
    bench.admin.page = 2
    specs = [BlockSpec(host=HOST, path=f"/p{number}") for number in range(7)]
    bench.put(*specs)
    assert targets(bench.point.list_owned()) == {target_of(spec) for spec in specs}
    bench.put()
    assert list(bench.admin.routes) == [THEIRS]


def test_plugin_that_was_switched_off_is_seen_and_put_right(bench: Bench) -> None:
    digest = bench.put(ORDERS).digest
    for plugin in bench.admin.plugins.values():
        plugin["enabled"] = False
    assert bench.send("/orders") == 503, "a route without service"
    done = bench.point.reconcile(adds=[], removes=[], wanted=[lease(ORDERS)], expected=digest)
    assert [applied.ok for applied in done.results] == [True]
    assert bench.send("/orders") == 403


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"fault": "drop"}, Uncertain),
        ({"fault": "rate_limited"}, RetrySafe),
        ({"fault": "unauthorized", "times": 2}, AuthBlocked),
        ({"fault": "forbidden"}, AuthBlocked),
        ({"fault": "server_error"}, Uncertain),
        ({"fault": "html"}, Uncertain),
        ({"fault": "commit_then_drop"}, Uncertain),
        ({"fault": "commit_then_server_error"}, Uncertain),
        ({"fault": "truncated"}, Uncertain),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("operation", [pytest.param("put_route", marks=pytest.mark.long), "put_plugin"])
def test_fault_ends_in_its_outcome_and_the_next_attempt_leaves_one_block(
    bench: Bench, operation: str, fault: dict[str, object], outcome: type[StanchError]
) -> None:
    bench.admin.faults.plan({**fault, "match": {"operation": operation}})
    with pytest.raises(outcome):
        bench.point.reconcile(adds=[lease(ORDERS)], removes=[], wanted=None, expected="")
    done = bench.point.reconcile(adds=[], removes=[], wanted=[lease(ORDERS)], expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert (len(bench.admin.routes), len(bench.admin.plugins)) == (2, 1)


@pytest.mark.parametrize(
    ("setting", "why"), [({"database": "off"}, "has no database"), ({"flavor": "traditional_compatible"}, "router")]
)
def test_kong_that_cannot_hold_blocks_says_so(bench: Bench, setting: dict[str, str], why: str) -> None:
    for name, value in setting.items():
        setattr(bench.admin, name, value)
    with pytest.raises(Rejected, match=why) as refused:
        bench.point.reconcile(adds=[lease(ORDERS)], removes=[], wanted=None, expected="")
    assert refused.value.hint
    assert [check.name for check in bench.point.doctor() if not check.ok] == ["admin API"]
    assert list(bench.admin.routes) == [THEIRS]


def test_refused_entry_takes_the_others_of_its_batch_back_and_they_follow_alone(bench: Bench) -> None:
    refused = {"fault": "server_error", "status": 422, "match": {"operation": "put_plugin"}, "skip": 1}
    bench.admin.faults.plan({**refused, "times": 1})
    first, second = lease(ORDERS), lease(USERS_GET)
    done = bench.point.reconcile(adds=[first, second], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [True, True]
    assert targets(bench.point.list_owned()) == {first.target, second.target}


def test_settings_and_counting() -> None:
    section = {
        "admin_url": "http://10.0.0.9:8001",
        "hosts": ["*.example.com"],
        "base_url": "http://127.0.0.1:9",
        "access_log": "/nonexistent",
        "canary_secret": "a secret of some length",
    }
    with pytest.raises(ConfigError):
        build("edge", section)
    assert build("edge", {**section, "admin_url": "https://kong.example.com"}).serves("api.example.com")
    with pytest.raises(Rejected, match="cannot count"):
        compile_block(block(ORDERS, count=True), token_header="authorization", ignore_case=False)


def test_what_is_no_path_template_becomes_no_expression() -> None:
    with pytest.raises(Rejected, match="path template"):
        compile_block(block(BlockSpec(host=HOST, path='/a"#b')), token_header="authorization", ignore_case=False)


def block(spec: BlockSpec, *, count: bool = False) -> Block:
    return Block(spec, "stanch-x", "case-x", "c" * 64, "s" * 52, count)


@pytest.mark.parametrize("path", ['/a"b', "/a\\", '/x" || http.path ^= "/', "/{id}\n", "/ü", "/(", "/[a", "/a%22"])
def test_hostile_path_is_one_expression_that_matches_itself_only(path: str) -> None:
    spec = BlockSpec(host=HOST, path=path)
    text = str(compile_block(block(spec), token_header="authorization", ignore_case=False)["expression"])
    matches = Expression(text).matches
    inside = normalised(_probes.filled(path).encode()).decode()
    assert matches({"http.host": [HOST], "http.path": [inside]})
    for other in ("/", "/products", f"/x{inside}"):
        assert not matches({"http.host": [HOST], "http.path": [other]})


def test_addresses_of_both_families_and_a_principal_behind_one() -> None:
    spec = BlockSpec(host=HOST, ips=("192.0.2.7", "2001:db8::/32"), principal=Principal(client_id="scraper"))
    text = str(compile_block(block(spec), token_header="Authorization", ignore_case=False)["expression"])
    assert "net.src.ip == 192.0.2.7" in text
    assert "net.src.ip in 2001:db8::/32" in text
    Expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http.path",
        "http.path ==",
        'http.path == "a',
        'http.nothing == "a"',
        'http.path == "a" &&',
        '!http.path == "a"',
        'net.src.ip in "10.0.0.0/8"',
        "net.src.ip in 10.0.0.1/8",
        "net.src.ip == 10.0.0.0/8",
        'http.path ~ r#"("#',
        "(" * 99,
    ],
)
def test_router_refuses_what_is_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text)


def test_all_values_of_a_header_or_any() -> None:
    two = {"http.headers.x": ["a", "b"]}
    assert not Expression('http.headers.x == "a"').matches(two)
    assert Expression('any(http.headers.x) == "a"').matches(two)
    assert not Expression('!(any(http.headers.x) == "a")').matches(two)
    assert not Expression('http.headers.y != "a"').matches(two), "an absent field is never right"


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b'{"request":{"headers":[]}}', b"\xff"])
def test_line_that_is_no_request_is_none(raw: bytes) -> None:
    assert parse_line(raw) is None
