"""The API Gateway stand-in is as strict as the service: what AWS refuses is refused, and nothing acts undeployed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from apigw_support import Town
from botocore.exceptions import ClientError

from stanch.sandbox._apigw import protocol
from stanch.sandbox._apigw.traffic import Buckets


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("replace", "/users/GET/throttling/rateLimit", "5"),  # its slash must be escaped
        ("replace", "/methods/*/throttling/rateLimit", "5"),
        ("add", "/~1users/GET/throttling/rateLimit", "5"),
        ("replace", "/~1users/GET/throttling/rateLimit", "-1"),
        ("replace", "/~1users/GET/throttling/burstLimit", "1.5"),
        ("replace", "/~1users/GET/throttling/rateLimit", None),
        ("remove", "/~1users/GET", None),  # there is none
        ("replace", "/tags/team", "x"),
        ("test", "/description", "x"),
    ],
)
def test_patch_paths_and_values_are_checked(town: Town, op: str, path: str, value: str | None) -> None:
    patch = {"op": op, "path": path} | ({} if value is None else {"value": value})
    before = town.gateway.state()
    with pytest.raises(ClientError) as error:
        town.boto.update_stage(restApiId=town.api.api, stageName="prod", patchOperations=[patch])
    assert code(error) == "BadRequestException"
    assert town.gateway.state() == before


def test_half_a_patch_is_none(town: Town) -> None:
    good = {"op": "replace", "path": "/~1users/GET/throttling/rateLimit", "value": "5"}
    with pytest.raises(ClientError):
        town.boto.update_stage(
            restApiId=town.api.api, stageName="prod", patchOperations=[good, {**good, "path": "/nonsense"}]
        )
    assert town.boto.get_stage(restApiId=town.api.api, stageName="prod")["methodSettings"] == {}


def test_unsigned_and_unknown_requests_are_refused(town: Town) -> None:
    assert httpx.get(f"{town.gateway.url}/apikeys").status_code == 403
    assert httpx.get(f"{town.gateway.url}/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("query", "body"),
    [([("limit", "many")], b"{}"), ([("nonsense", "1")], b"{}"), ([], b'{"nonsense": 1}'), ([], b"{")],
)
def test_members_that_the_model_does_not_have_are_refused(query: list[tuple[str, str]], body: bytes) -> None:
    with pytest.raises(protocol.ApigwError):
        protocol.read("GetApiKeys", {}, query, body)


def test_answers_have_only_what_the_model_has() -> None:
    with pytest.raises(AssertionError):
        protocol.render("GetApiKey", {"id": "a", "nonsense": 1})


def test_method_changes_act_once_deployed_and_throttling_at_once(town: Town) -> None:
    items = town.boto.get_resources(restApiId=town.api.api)["items"]
    resource = next(one["id"] for one in items if one["path"] == "/healthz")
    patch = [{"op": "replace", "path": "/apiKeyRequired", "value": "true"}]
    town.boto.update_method(restApiId=town.api.api, resourceId=resource, httpMethod="GET", patchOperations=patch)
    assert town.status("nobody", "/healthz") == 200
    town.boto.create_deployment(restApiId=town.api.api, stageName="prod")
    assert town.status("nobody", "/healthz") == 403
    place = "/~1healthz/GET/throttling"
    town.boto.update_stage(
        restApiId=town.api.api,
        stageName="prod",
        patchOperations=[{"op": "replace", "path": f"{place}/{name}Limit", "value": "0"} for name in ("rate", "burst")],
    )
    assert town.status("shop", "/healthz") == 429


def test_traffic_comes_through_a_real_socket(town: Town) -> None:
    headers = {"host": town.api.host, "x-api-key": town.api.values["shop"]}
    assert httpx.get(f"{town.gateway.edge_url}/users/1", headers=headers).status_code == 200
    refused = httpx.get(f"{town.gateway.edge_url}/users/1", headers={"host": town.api.host})
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "ForbiddenException")


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Block"},
        {"Action": "s3:GetObject"},
        {"Sid": "not-alnum!"},
        {"Condition": {"IpAddress": {"aws:SourceIp": "nonsense"}}},
        {"Condition": {"StringEquals": {"aws:RequestTag/x": "y"}}},
        {"Nonsense": 1},
    ],
)
def test_policies_are_checked(town: Town, statement: dict[str, Any]) -> None:
    whole = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/*",
    } | statement
    patch = [{"op": "replace", "path": "/policy", "value": json.dumps({"Statement": [whole]})}]
    with pytest.raises(ClientError) as error:
        town.boto.update_rest_api(restApiId=town.api.api, patchOperations=patch)
    assert code(error) == "BadRequestException"


def test_what_a_method_refers_to_cannot_be_deleted_and_names_are_unique(town: Town) -> None:
    boto, api = town.boto, town.api.api
    validator = boto.create_request_validator(restApiId=api, name="v", validateRequestBody=True)["id"]
    boto.create_model(restApiId=api, name="M", contentType="application/json", schema="{}")
    with pytest.raises(ClientError) as twice:
        boto.create_model(restApiId=api, name="M", contentType="application/json", schema="{}")
    items = boto.get_resources(restApiId=api)["items"]
    resource = next(one["id"] for one in items if one["path"] == "/orders")
    patch = [{"op": "replace", "path": "/requestValidatorId", "value": validator}]
    boto.update_method(restApiId=api, resourceId=resource, httpMethod="POST", patchOperations=patch)
    with pytest.raises(ClientError) as used:
        boto.delete_request_validator(restApiId=api, requestValidatorId=validator)
    assert (code(twice), code(used)) == ("ConflictException", "ConflictException")


def test_buckets_fill_again_with_time() -> None:
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    assert [buckets.take("a", rate=1, burst=2) for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert [buckets.take("a", rate=1, burst=2) for _ in range(2)] == [True, False]


def test_pages_are_followed_and_tags_are_limited(town: Town) -> None:
    first = town.boto.get_api_keys(limit=2)
    rest = town.boto.get_api_keys(limit=2, position=first["position"])
    assert {one["id"] for one in [*first["items"], *rest["items"]]} == set(town.api.keys.values())
    arn = f"arn:aws:apigateway:{town.gateway.region}::/apikeys/{town.api.keys['shop']}"
    for tags in ({"a": "{}"}, {"a": "x" * 257}, {"aws:a": "x"}, {f"k{number}": "" for number in range(51)}):
        with pytest.raises(ClientError):
            town.boto.tag_resource(resourceArn=arn, tags=tags)
