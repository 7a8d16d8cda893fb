"""Blocks at AWS WAF against real requests: who is stopped, who is not, and that no spelling gets by.

The web ACL is a simulator on the loopback, written from Amazon's documentation; it is not AWS.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from waf_support import Bed, ask, bed, block, lease, limit

from stanch.leases import Principal
from stanch.sandbox.aws import AwsStandin

KEY = "sk-live-4f0c2f7e"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


def statuses(bed: Bed, *asked: dict[str, Any]) -> list[int]:
    with bed.aws.edge(bed.customer.name) as edge:
        return [ask(edge, **one)[0] for one in asked]


def blocked(bed: Bed, path: str, **more: Any) -> bool:
    return statuses(bed, {"path": path, **more}) == [403]


PATHS = [
    *("/orders/7", "//orders/7", "/orders//7", "/%6frders/7", "/orders/%37", "/orders/7/", "/orders;v=1/7"),
    *("/./orders/7", "/x/../orders/7", "/orders/7?x=1", "/orders%2f7", "/%2e/orders/7", "/orders/7;jsessionid=1"),
]


def test_no_spelling_of_a_path_gets_by(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/orders/{id}", methods=("GET",))))
    assert statuses(scene, *({"path": path} for path in PATHS)) == [403] * len(PATHS)
    beside = ["/orders", "/orders/7/items", "/ordersx/7", "/v2/orders/7", "/Orders/7", "/"]
    assert statuses(scene, *({"path": path} for path in beside)) == [200] * len(beside)
    assert statuses(scene, {"path": "/orders/7", "method": "POST"}) == [200]


@pytest.mark.parametrize(
    "host", ["api.example.com", "API.Example.com", "api.example.com:8443", "api.example.com.", "api.example.com:"]
)
def test_no_spelling_of_a_host_gets_by(aws: AwsStandin, host: str) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/orders/**")))
    assert blocked(scene, "/orders/7", host=host)
    assert not blocked(scene, "/orders/7", host="x" + host)
    assert not blocked(scene, "/orders/7", host="apiXexample.com")


def test_a_subtree_has_its_root_and_no_line_feed_leaves_it(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/mobile/**")))
    inside = ["/mobile", "/mobile/", "/mobile/a/b", "/mobile/%0a/b", "/mobile/a%0Ab"]
    assert statuses(scene, *({"path": path} for path in inside)) == [403] * len(inside)
    assert not blocked(scene, "/mobiles")


def test_case_and_stage_where_the_api_has_them(aws: AwsStandin) -> None:
    scene = bed(aws, ignore_case=True, base_paths=["/prod"])
    scene.hold(lease(block("/Orders/{id}")))
    assert statuses(scene, {"path": "/prod/ORDERS/7"}, {"path": "/orders/7"}) == [403, 403]
    assert not blocked(scene, "/test/orders/7")


def test_the_answer_names_the_case_and_the_log_the_rule(aws: AwsStandin) -> None:
    scene = bed(aws)
    held = lease(block("/orders/{id}"), "42", playbook="contain.attacker")
    scene.hold(held)
    with aws.edge(scene.customer.name) as edge:
        status, headers = ask(edge, "/orders/7")
        (line,) = edge.log
    assert (status, headers["x-stanch-case"]) == (403, "case-42")
    (group,) = line["ruleGroupList"]
    assert group["terminatingRule"]["ruleId"] == scene.point.list_owned()[0].name
    assert group["ruleGroupId"].startswith("arn:aws:wafv2:")
    assert line["terminatingRuleType"] == "GROUP"
    assert line["terminatingRuleId"] in [rule["Name"] for rule in scene.customer.rules()], "our reference to the group"
    name = group["ruleGroupId"].split("/")[-2]
    labels = [label["name"].partition(f"{name}:")[2] for label in line["labels"]]
    assert "stanch:case:case-42" in labels
    assert f"stanch:exp:{int(held.expires_at.timestamp())}" in labels
    assert "stanch:pb:contain_attacker" in labels


@pytest.mark.parametrize(
    ("principal", "theirs", "others"),
    [
        (
            {"header": {"name": "X-Api-Key", "sha256": DIGEST}},
            {"x_api_key": KEY},
            [{"x_api_key": KEY + "x"}, {"x_api_key": KEY.upper()}, {}],
        ),
        (
            {"cookie": {"name": "session", "sha256": DIGEST}},
            {"cookie": f"theme=dark; session={KEY}; lang=de"},
            [{"cookie": "session=other"}, {"cookie": f"other={KEY}"}, {}],
        ),
        (
            {"body": {"pointer": "/account/iban", "value": "DE02100100100006820101"}},
            {"method": "POST", "body": b'{"account": {"iban": "DE02\\u003100100100006820101"}}'},
            [{"method": "POST", "body": b'{"iban": "DE02100100100006820101"}'}, {"method": "POST", "body": b"{"}],
        ),
    ],
)
def test_one_principal_is_stopped_and_no_other(
    aws: AwsStandin, principal: dict[str, Any], theirs: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/orders/**", principal=Principal.model_validate(principal))))
    assert blocked(scene, "/orders/7", **theirs)
    assert statuses(scene, *({"path": "/orders/7", **other} for other in others)) == [200] * len(others)
    assert not blocked(scene, "/elsewhere", **theirs)
    assert KEY.encode() not in repr(scene.group()).encode()


def test_one_address_is_stopped_and_its_neighbours_are_not(aws: AwsStandin) -> None:
    scene = bed(aws)
    one, other = (lease(block("/orders/**", ips=(ip,)), ip.replace(".", "-")) for ip in ("127.0.0.7", "127.0.0.8"))
    scene.hold(one, other)
    sources = ["127.0.0.7", "127.0.0.8", "127.0.0.9"]
    asked = [{"path": "/orders/7", "source": source} for source in sources]
    assert statuses(scene, *asked) == [403, 403, 200]
    assert statuses(scene, {"path": "/elsewhere", "source": "127.0.0.7"}) == [200]
    scene.lift(one)
    assert statuses(scene, *asked) == [200, 403, 200]


@pytest.mark.parametrize(
    ("place", "header", "status"),
    [
        ("last", "203.0.113.9, 192.0.2.7", 403),
        ("last", "192.0.2.7, 203.0.113.9", 200),
        ("any", "192.0.2.7, 203.0.113.9", 403),
        ("any", "garbage", 200),
        ("peer", "192.0.2.7", 200),
    ],
)
def test_behind_a_proxy_the_declared_place_of_the_address_counts(
    aws: AwsStandin, place: str, header: str, status: int
) -> None:
    scene = bed(aws, addresses=place)
    scene.hold(lease(block(ips=("192.0.2.7",))))
    assert statuses(scene, {"path": "/x", "x_forwarded_for": header}) == [status]


def test_a_limit_counts_each_client_apart(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(limit("/login", 10)))
    many = [{"path": "/login", "source": "127.0.0.7"}] * 12
    assert statuses(scene, *many) == [200] * 10 + [429, 429]
    assert (
        statuses(scene, {"path": "/login", "source": "127.0.0.8"}, {"path": "/x", "source": "127.0.0.7"}) == [200] * 2
    )


def test_a_counting_block_only_counts(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/orders/**"), mode="count"))
    with aws.edge(scene.customer.name) as edge:
        assert ask(edge, "/orders/7")[0] == 200
        (group,) = edge.log[0]["ruleGroupList"]
    assert group["nonTerminatingMatchingRules"][0]["ruleId"].startswith("stanch-case-one")
    assert (group["terminatingRule"], edge.log[0]["nonTerminatingMatchingRules"]) == (None, [])


@pytest.mark.parametrize("ips", [(), ("192.0.2.7",)])
def test_probes_are_denied_with_nobodys_credential(aws: AwsStandin, ips: tuple[str, ...]) -> None:
    scene = bed(aws)
    principal = None if ips else Principal.model_validate({"header": {"name": "x-api-key", "sha256": DIGEST}})
    one = lease(block("/orders/**", principal=principal, ips=ips))
    scene.hold(one)
    header = {name.replace("-", "_"): value for name, value in scene.point.canary(one.target).items()}
    assert blocked(scene, "/orders/7", **header)
    assert not blocked(scene, "/orders/7")
    assert not blocked(scene, "/elsewhere", **header)
    other = dict.fromkeys(header, "0" * 64)
    assert not blocked(scene, "/orders/7", **other)


def test_what_the_customer_lets_in_first_stays_let_in(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/**")))
    assert statuses(scene, {"path": "/healthz"}, {"path": "/orders"}) == [200, 403]


def test_a_200_from_the_api_is_not_yet_an_effect(aws: AwsStandin) -> None:
    """AWS takes seconds to minutes; the point answers ok, and only a probe says when it is true."""
    scene = bed(aws)
    aws.waf.propagation = 0.6
    try:
        (result,) = scene.hold(lease(block("/orders/**"))).results
        assert result.ok
        with aws.edge(scene.customer.name) as edge:
            assert ask(edge, "/orders/7")[0] == 200
            deadline = time.monotonic() + 10
            while ask(edge, "/orders/7")[0] != 403:
                assert time.monotonic() < deadline
    finally:
        aws.waf.propagation = 0.0
