"""Templates, hosts and rule names in the form Envoy gets, without an Envoy."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities._envoy.paths import (
    DECODED_BYTES,
    DECODED_TEXT,
    ENCODED,
    ESCAPED_SLASHES,
    Spelling,
    host_regex,
    path_regex,
)
from activities._envoy.policy import Dialect, Hops, canary_value, compile_policy, parse_name, policy_name
from activities._probe_paths import beside, filled
from stanch.errors import ConfigError, Rejected
from stanch.leases import BlockSpec

TEMPLATES = [
    "/",
    "/users/{id}",
    "/users/{id}/cards",
    "/files/{name}.json",
    "/mobile/**",
    "/{a}/{b}",
    "/**",
    "/a b/é",
    "/x/*",
]


@pytest.mark.parametrize(
    ("template", "inside", "outside"),
    [
        (
            "/users/{id}",
            ["/users/7", "/users/7/", "/users;a=b/7"],
            ["/users", "/users/", "/users/7/cards", "/usersx/7"],
        ),
        ("/mobile/**", ["/mobile", "/mobile/", "/mobile/a/b"], ["/mobilex", "/", "/a/mobile"]),
        ("/files/{name}.json", ["/files/a.json"], ["/files/.json", "/files/axjson", "/files/a/b.json"]),
        ("/", ["/"], ["/a"]),
        ("/a.b", ["/a.b"], ["/axb"]),
        ("/a b/é", ["/a%20b/%C3%A9", "/a%20b/%c3%a9"], ["/a+b/e"]),
        ("/a(b)|c", ["/a(b)|c", "/a%28b%29%7Cc"], ["/ab", "c"]),
    ],
)
def test_template_matches_its_paths_only(template: str, inside: list[str], outside: list[str]) -> None:
    expression = re.compile(path_regex(template))
    assert [path for path in inside if not expression.fullmatch(path)] == []
    assert [path for path in outside if expression.fullmatch(path)] == []


@pytest.mark.parametrize("spelling", [ENCODED, DECODED_TEXT, ESCAPED_SLASHES, DECODED_BYTES])
def test_paths_that_some_servers_resolve_once_more_count_as_what_is_blocked(spelling: Spelling) -> None:
    expression = re.compile(path_regex("/users/{id}", spelling=spelling), re.DOTALL)
    inside = ["/;/users/7", "/users/;a=b/7", "/.;/users/7", "/x/..;/users/7", "/x/..;a", "/users/7/;a", "/users/7/.;"]
    outside = ["/orders/;jsessionid=1", "/;a", "/a;b/c", "/a/...;b/c", "/a/..b;/c", "/orders;a/b/7"]
    assert [path for path in inside if not expression.fullmatch(path)] == []
    assert [path for path in outside if expression.fullmatch(path)] == []


def test_a_path_of_an_attacker_costs_no_time() -> None:
    """What is judged are lines of a log, with an engine that tries again what it has matched."""
    for template in ("/{a}-{b}-{c}-{d}-{e}-{f}", "/a{b}{c}{d}{e}{f}z"):
        expression = re.compile(path_regex(template, spelling=replace(ENCODED, backtracks=True)))
        started = time.perf_counter()
        assert not expression.fullmatch("/a" + "-" * 4000 + "/x/")
        assert time.perf_counter() - started < 1
        assert expression.fullmatch("/a1-2-3-4-5-6z")


def test_case_counts_unless_the_api_ignores_it() -> None:
    assert not re.fullmatch(path_regex("/Users"), "/users")
    assert re.fullmatch(path_regex("/Users", ignore_case=True), "/users")


@pytest.mark.parametrize("template", ["", "users", "/a/**/b", "/a**", "/a?x=1", "/a#b", "/" + "a" * 600])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(Rejected):
        path_regex(template)


@pytest.mark.parametrize("host", ["", "*", "*.example.com", "a b", "a..b", "a/b", "x" * 300, ".*"])
def test_what_is_no_single_host_is_refused(host: str) -> None:
    with pytest.raises(Rejected):
        host_regex(host)


@pytest.mark.parametrize("template", TEMPLATES)
def test_probe_path_is_inside_and_its_neighbour_outside(template: str) -> None:
    expression = re.compile(path_regex(template))
    assert expression.fullmatch(filled(template))
    assert not beside(template) or not expression.fullmatch(beside(template))
    assert bool(beside(template)) == (template != "/**")


@given(st.text(min_size=1, max_size=40).filter(lambda text: not set(text) & set("/{}*?#%;")))
def test_any_literal_segment_matches_itself_as_sent(segment: str) -> None:
    from urllib.parse import quote

    try:
        sent = quote(segment, safe="")
    except UnicodeEncodeError:
        return
    assert re.fullmatch(path_regex(f"/a/{segment}"), f"/a/{sent}")
    assert not re.fullmatch(path_regex(f"/a/{segment}"), f"/b/{sent}")


@given(
    case=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    target=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    expires=st.integers(min_value=0, max_value=4_000_000_000),
)
def test_name_gives_back_what_went_in(case: str, target: str, expires: int) -> None:
    at = datetime.fromtimestamp(expires, tz=UTC)
    owned = parse_name(policy_name(case_id=case, expires_at=at, target=target))
    assert owned is not None
    assert (owned.case_id, owned.target, owned.expires_at) == (case, target, at)


def test_names_of_others_are_not_ours() -> None:
    assert parse_name("customer-rule") is None
    assert parse_name("") is None


def test_trusted_hops_match_the_derived_address() -> None:
    spec = BlockSpec(host="a.example.com", ips=("203.0.113.0/24",))
    direct = str(compile_policy(spec, canary="c", dialect=Dialect()))
    trusted = str(compile_policy(spec, canary="c", dialect=Dialect(hops=Hops.TRUSTED)))
    assert "direct_remote_ip" in direct
    assert "direct_remote_ip" not in trusted
    assert "'remote_ip'" in trusted


def test_canary_differs_by_target_and_secret() -> None:
    values = {canary_value(secret, target) for secret in (b"one", b"two") for target in ("a", "b")}
    assert len(values) == 4


def test_wrong_section_names_the_key_and_hides_the_value() -> None:
    from activities.envoy import CONNECTOR

    with pytest.raises(ConfigError) as error:
        CONNECTOR.build("edge", {"kind": "envoy", "canary_secret": "hunter2", "hsts": 1})
    text = "\n".join(str(problem) for problem in error.value.problems)
    assert "edge.hsts" in text
    assert "edge.canary_secret" in text
    assert "hunter2" not in text
