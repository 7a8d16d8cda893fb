"""At API Gateway nothing wider than asked is denied: no other host, no deeper path, nobody whom a policy lets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from apigw_support import ATTACKER, Town, denied, disabled, kept_out, lease

from activities._apigw.places import Place
from activities._apigw.statements import OPEN, Policy, compiled
from stanch.errors import Rejected
from stanch.leases import BlockSpec, Lease


def place(town: Town) -> dict[str, str]:
    return {"api": town.api.api, "stage": town.api.stage}


@pytest.mark.parametrize("way", [denied, kept_out])
@pytest.mark.parametrize("other", ["admin.example.com", "*.example.com"])
def test_block_of_one_host_is_refused_where_its_stage_serves_another(
    town: Town, way: Callable[..., Lease], other: str
) -> None:
    point = town.again(apis={town.api.host: place(town), other: place(town)})
    (refused,) = town.hold(way(town), point=point)
    assert (refused.ok, refused.code) == (False, "V072")
    assert other in refused.reason
    assert town.policy() == []
    assert town.status("mallory", ip=ATTACKER) == 200
    assert town.hold(disabled(town), point=point)[0].ok  # a key of its own needs no host


@pytest.mark.parametrize("way", [denied, kept_out])
def test_block_of_one_host_is_refused_where_only_its_domain_is_known(town: Town, way: Callable[..., Lease]) -> None:
    point = town.again(apis={"*.example.com": place(town)})
    assert [one.code for one in town.hold(way(town), point=point)] == ["V072"]


@pytest.mark.parametrize("word", ["API.example.com", "*.example.com"])
def test_block_of_all_that_a_stage_serves_is_held(town: Town, word: str) -> None:
    point = town.again(apis={word.lower(): place(town)})
    assert town.hold(lease(BlockSpec(host=word, path="/users", ips=(ATTACKER,))), point=point)[0].ok


def test_what_was_held_before_another_host_came_can_be_lifted(town: Town) -> None:
    wanted = denied(town)
    town.hold(wanted)
    point = town.again(apis={town.api.host: place(town), "admin.example.com": place(town)})
    assert town.lift(wanted, point=point)[0].ok
    assert town.policy() == []


ANYBODY = {
    "Sid": "Team",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "execute-api:Invoke",
    "Resource": "execute-api:/*",
}
NARROW: list[dict[str, Any]] = [
    {"Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}},
    {"Resource": "execute-api:/prod/GET/healthz"},
    {"Resource": ["execute-api:/prod/POST/*"]},
]


def write(town: Town, *statements: dict[str, Any]) -> None:
    """What a person does to the policy, and deploys."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    patch = [{"op": "replace", "path": "/policy", "value": text}]
    town.boto.update_rest_api(restApiId=town.api.api, patchOperations=patch)
    town.boto.create_deployment(restApiId=town.api.api, stageName="prod", description="release 7")


@pytest.mark.parametrize("narrow", NARROW, ids=str)
def test_an_allow_for_some_does_not_replace_ours_for_everybody(town: Town, narrow: dict[str, Any]) -> None:
    first, second = denied(town), denied(town, "/orders")
    town.hold(first)
    write(town, *town.policy(), ANYBODY | narrow)
    town.hold(second)
    assert town.status("shop") == 200
    town.lift(first, second)
    assert town.status("shop") == 200
    assert {one["Sid"] for one in town.policy()} == {OPEN, "Team"}


@pytest.mark.parametrize(
    "spelling",
    [{}, {"Resource": ["*", "execute-api:/prod/*"]}],
    ids=str,
)
def test_an_allow_for_everybody_replaces_ours(town: Town, spelling: dict[str, Any]) -> None:
    wanted = denied(town)
    town.hold(wanted)
    write(town, *town.policy(), ANYBODY | spelling)
    town.lift(wanted)
    assert [one["Sid"] for one in town.policy()] == ["Team"]
    assert town.status("shop") == 200


def test_an_allow_for_everybody_in_the_spelling_of_aws_replaces_ours(town: Town) -> None:
    wanted = denied(town)
    town.hold(wanted)
    arn = f"arn:aws:execute-api:{town.gateway.region}:123456789012:{town.api.api}/*"
    ours = [one | {"Resource": arn} if one["Sid"] == OPEN else one for one in town.policy()]
    write(town, *ours, ANYBODY | {"Resource": arn})
    town.lift(wanted)
    assert [one["Sid"] for one in town.policy()] == ["Team"]


@pytest.mark.parametrize(
    ("spelling", "stays"),
    [
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, True),
        ({"Principal": {"Service": "*"}}, True),
        ({"Action": "execute-api:InvalidateCache"}, True),
        ({"NotPrincipal": "*"}, True),
        ({"Resource": "arn:aws:execute-api:eu-west-1:123456789012:another/*"}, True),
        ({"Principal": {"AWS": ["*"]}, "Action": ["execute-api:*"]}, False),
    ],
    ids=str,
)
def test_only_what_surely_lets_everybody_in_replaces_ours(spelling: dict[str, Any], stays: bool) -> None:
    opened = ANYBODY | {"Sid": OPEN}
    left = Policy({}, (ANYBODY | spelling, opened)).with_blocks({}, without=set())
    assert (opened["Sid"] in [one["Sid"] for one in left.statements]) == stays


def refusal(path: str, *paths: str) -> str:
    """Why a path cannot be blocked at an API with these resources, "" where it can."""
    spec = BlockSpec(host="api.example.com", path=path, ips=(ATTACKER,))
    try:
        compiled(lease(spec), Place(api="abc", stage="prod"), canary="", paths=("/", *paths))
    except Rejected as error:
        return f"{error.code}: {error.message}"
    return ""


@pytest.mark.parametrize("path", ["/{tenant}/admin/**", "/a/{b}/c/{d}/**", "/a/{b}/{c}/d/**", "/{all}/**", "/{any}"])
def test_a_template_that_a_policy_can_only_say_wider_is_refused(path: str) -> None:
    assert refusal(path).startswith("V072: a resource policy would deny")


@pytest.mark.parametrize("path", ["/users/{id}/**", "/a/{b}/{c}/**", "/users/**", "/{a}/{b}/**", "/**"])
def test_a_subtree_that_a_policy_says_exactly_is_held(path: str) -> None:
    assert not refusal(path, "/users/{id}/orders", "/{proxy+}")


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/users/{id}/orders", "/{proxy+}"),
        ("/users/{id}/orders", "/users/{proxy+}"),
        ("/users/{id}/orders", "/users/{id}/x/{rest+}"),
        ("/users/{id}/orders", "/{version}/{proxy+}"),
        ("/users/{id}", "/users/{id}/orders"),
        ("/users/{id}", "/users/{id}/{proxy+}"),
        ("/a/{b}/c/d", "/a/b/c/d/e/{rest+}"),
    ],
)
def test_a_path_whose_variable_would_reach_another_resource_is_refused(path: str, other: str) -> None:
    assert f"V072: a resource policy would deny {other} as well" in refusal(path, path, other)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/users/{id}/orders", "/teams/{proxy+}"),
        ("/users/{id}/orders", "/users/{id}/orders/{order}"),
        ("/users/{id}/orders", "/users/{id}/x/y"),
        ("/users/{id}/orders", "/{kind}/{id}/{what}"),
        ("/users/one", "/{proxy+}"),
        ("/" + "/".join("{v}" for _ in range(40)) + "/end", "/a"),
    ],
)
def test_a_path_whose_variable_reaches_nothing_else_is_held(path: str, other: str) -> None:
    assert not refusal(path, path, other)
