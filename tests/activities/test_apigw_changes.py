"""Limits, authorization and contracts at API Gateway: real effect on traffic, and restored only over our own change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apigw_support import Seed, Town
from glue import Glue, job

from activities import gateway_changes
from activities._run import perform
from activities.api_gateway import CONNECTOR
from stanch.errors import Rejected, RetrySafe, Uncertain
from stanch.sandbox._server import Fault
from stanch.sandbox.apigw import ApiGatewayStandin, Request, answer_with

CONTRACT = {
    "openapi": "3.0.3",
    "paths": {
        "/orders": {
            "post": {
                "parameters": [
                    {"$ref": "#/components/parameters/Tenant"},
                    {"in": "query", "name": "dry", "required": True},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                },
            }
        },
        "/users/{userId}": {"get": {"parameters": [{"in": "query", "name": "fields", "required": True}]}},
    },
    "components": {
        "parameters": {"Tenant": {"in": "header", "name": "X-Tenant", "required": True}},
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "amount"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string", "readOnly": True},
                    "amount": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "note": {"type": "string", "nullable": True, "format": "email"},
                },
            }
        },
    },
}


class Bench(Town):
    """The town with a world of activities around it."""

    glue: Glue

    def do(self, action: str, *, key: str = "k1", **params: Any) -> dict[str, Any]:
        done = perform(self.glue.world, job(action, params, key=key), gateway_changes.IMPLEMENTATIONS[action], _nothing)
        return done.outputs

    def ask(self, body: Any, *, headers: dict[str, str] | None = None, query: dict[str, str] | None = None) -> int:
        sent = {"x-api-key": self.api.values["shop"], "x-tenant": "t", "content-type": "application/json"}
        request = Request(
            "POST",
            "/orders",
            headers=sent | (headers or {}),
            query={"dry": "1"} if query is None else query,
            body=json.dumps(body).encode(),
        )
        return self.gateway.send(self.api.host, request).status

    def through(self, who: str, times: int, path: str = "/users/7") -> int:
        return [self.status(who, path) for _ in range(times)].count(200)


def _nothing(*_: object) -> None:
    """No guard here."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seed, Bench]]:
    folder = tmp_path_factory.mktemp("gateway")
    file = folder / "api.json"
    file.write_text(json.dumps(CONTRACT))
    with ApiGatewayStandin() as gateway:
        seed = Seed.of(gateway)
        section = seed.api.section(gateway)
        section["apis"][seed.api.host]["contract"] = str(file)
        points = {"edge": {"kind": "envoy", "hosts": ["*.example.com"]}, "gw": {"kind": "api_gateway", **section}}
        with Glue(folder, points=points) as glue:
            made = Bench(gateway, seed.api, CONNECTOR.build("gw", section))
            made.glue = glue
            yield seed, made


@pytest.fixture
def bench(shared: tuple[Seed, Bench]) -> Bench:
    seed, made = shared
    seed.gateway.reset(seed.state)
    return made


SLOW = {"path": "/users/{id}", "method": "GET", "rate": 0, "burst": 2}


def throttle(bench: Bench, **more: Any) -> dict[str, Any]:
    return bench.do("apigw.throttle_method", **{"host": bench.api.host, **SLOW, **more})


def throttle_plan(bench: Bench, **more: Any) -> dict[str, Any]:
    return bench.do("apigw.throttle_plan", **{"plan_id": bench.api.plan, "rate": 0, "burst": 2, **more})


def require_auth(bench: Bench, **more: Any) -> dict[str, Any]:
    given = {"host": bench.api.host, "path": "/users/{id}", "method": "GET", "authorizer_id": bench.api.authorizer}
    return bench.do("apigw.require_auth", **{**given, **more})


def enforce(bench: Bench, **more: Any) -> dict[str, Any]:
    return bench.do("apigw.enforce_contract", **{"host": bench.api.host, "path": "/orders", "method": "POST", **more})


Way = Callable[..., dict[str, Any]]
WAYS = [pytest.param(way, id=way.__name__) for way in (throttle, throttle_plan, require_auth, enforce)]


FEW = [
    pytest.param(way, marks=[pytest.mark.long] if way in (throttle, require_auth) else [])
    for way in (throttle, throttle_plan, require_auth, enforce)
]


def everything(bench: Bench) -> str:
    """The customer's configuration, without what deployments add."""
    api = bench.gateway.apis.apis[bench.api.api]
    stage = {name: value for name, value in api["stages"]["prod"].items() if name != "deploymentId"}
    kept = {name: api[name] for name in ("resources", "validators", "models", "policy")}
    return json.dumps([kept, stage, bench.gateway.keys.plans], sort_keys=True, default=str)


def test_method_is_slowed_and_the_next_one_is_not(bench: Bench) -> None:
    made = throttle(bench)
    assert bench.through("shop", 5) == 2
    assert bench.through("shop", 5, "/users") == 5
    bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert bench.through("shop", 5) == 5


def test_plan_is_slowed_for_each_of_its_keys(bench: Bench) -> None:
    made = throttle_plan(bench)
    assert (bench.through("shop", 4), bench.through("partner", 4)) == (2, 2)
    bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert bench.through("shop", 4) == 4


def test_override_of_a_method_keeps_the_logging_of_the_stage(bench: Bench) -> None:
    patch = [{"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"}]
    bench.boto.update_stage(restApiId=bench.api.api, stageName="prod", patchOperations=patch)
    throttle(bench)
    settings = bench.boto.get_stage(restApiId=bench.api.api, stageName="prod")["methodSettings"]
    assert settings["~1users~1{id}/GET"]["loggingLevel"] == "INFO"


def test_own_limits_of_a_method_come_back(bench: Bench) -> None:
    place = "/~1users~1{id}/GET/throttling"
    patch = [
        {"op": "replace", "path": f"{place}/rateLimit", "value": "7.5"},
        {"op": "replace", "path": f"{place}/burstLimit", "value": "9"},
    ]
    bench.boto.update_stage(restApiId=bench.api.api, stageName="prod", patchOperations=patch)
    before = everything(bench)
    bench.do("apigw.restore", key="k2", change=throttle(bench)["change_id"])
    assert everything(bench) == before


def test_authorizer_is_required_once_deployed(bench: Bench) -> None:
    made = require_auth(bench)
    assert bench.status("shop", "/users/7") == 401
    good = {"x-api-key": bench.api.values["shop"], "authorization": "Bearer good"}
    assert bench.gateway.send(bench.api.host, Request("GET", "/users/7", headers=good)).status == 200
    assert bench.do("apigw.check", key="k3", change=made["change_id"])["state"] == "stands"
    bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert bench.status("shop", "/users/7") == 200


def test_api_key_is_required_of_an_open_method(bench: Bench) -> None:
    assert bench.status("nobody", "/healthz") == 200
    require_auth(bench, path="/healthz", authorizer_id="", api_key=True)
    assert (bench.status("nobody", "/healthz"), bench.status("shop", "/healthz")) == (403, 200)


@pytest.mark.parametrize("more", [{"authorizer_id": ""}, {"iam": True}], ids=["nothing", "two ways"])
def test_what_to_require_must_be_said_once(bench: Bench, more: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        require_auth(bench, **more)


def test_contract_refuses_what_breaks_it_and_nothing_that_it_allows(bench: Bench) -> None:
    made = enforce(bench)
    assert made["left_out"] == ["format"]
    assert bench.ask({"amount": 3, "note": None}) == 200  # a read-only id is not asked of a request
    assert [bench.ask(body) for body in ({"amount": 0}, {"amount": 3, "x": 1}, {}, [])] == [400] * 4
    assert bench.ask({"amount": 3}, headers={"x-tenant": ""}) == 400
    assert bench.ask({"amount": 3}, query={}) == 400
    bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert bench.ask({}, query={}) == 200


def test_contract_finds_the_operation_whatever_its_variable_is_called(bench: Bench) -> None:
    enforce(bench, path="/users/{anything}", method="GET")
    assert bench.status("shop", "/users/7") == 400
    assert bench.status("shop", "/users/7", query={"fields": "name"}) == 200


@pytest.mark.parametrize("way", WAYS)
def test_restoring_gives_back_everything_as_it_was(bench: Bench, way: Way) -> None:
    before = everything(bench)
    made = way(bench)
    assert everything(bench) != before
    assert bench.do("apigw.restore", key="k2", change=made["change_id"]) == {"restored": True, "state": "restored"}
    assert everything(bench) == before
    again = bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert again == {"restored": False, "state": "nothing of ours"}


@pytest.mark.parametrize("way", FEW)
def test_second_attempt_changes_nothing_more(bench: Bench, way: Way) -> None:
    made = way(bench)
    after = everything(bench)
    deployments = bench.gateway.calls["CreateDeployment"]
    assert way(bench)["change_id"] == made["change_id"]
    assert everything(bench) == after
    assert bench.gateway.calls["CreateDeployment"] == deployments


@pytest.mark.parametrize("way", [throttle, throttle_plan, require_auth])
def test_what_stood_before_is_not_ours_to_take_back(bench: Bench, way: Way) -> None:
    first = way(bench)
    for arn in (f"restapis/{bench.api.api}/stages/prod", f"usageplans/{bench.api.plan}"):
        whole = f"arn:aws:apigateway:{bench.gateway.region}::/{arn}"
        names = [name for name in bench.boto.get_tags(resourceArn=whole)["tags"] if name.startswith("stanch")]
        if names:
            bench.boto.untag_resource(resourceArn=whole, tagKeys=names)
    second = way(bench, key="another")
    assert (first["already"], second["already"]) == (False, True)
    before = everything(bench)
    assert bench.do("apigw.restore", key="k2", change=second["change_id"])["restored"] is False
    assert everything(bench) == before


@pytest.mark.parametrize("way", FEW)
def test_two_cases_do_not_stack_changes_of_the_same_thing(bench: Bench, way: Way) -> None:
    way(bench)
    with pytest.raises(Rejected) as caught:
        way(bench, key="another")
    assert caught.value.code == "V077"


def _persons(bench: Bench, way: Way) -> None:
    """Somebody changes the same thing after us."""
    boto, api = bench.boto, bench.api.api
    if way is throttle:
        patch = [{"op": "replace", "path": "/~1users~1{id}/GET/logging/loglevel", "value": "ERROR"}]
        boto.update_stage(restApiId=api, stageName="prod", patchOperations=patch)
    elif way is throttle_plan:
        patch = [{"op": "replace", "path": "/throttle/burstLimit", "value": "3"}]
        boto.update_usage_plan(usagePlanId=bench.api.plan, patchOperations=patch)
    else:
        path, method = ("/users/{id}", "GET") if way is require_auth else ("/orders", "POST")
        items = boto.get_resources(restApiId=api)["items"]
        resource = next(one["id"] for one in items if one["path"] == path)
        patch = [{"op": "replace", "path": "/apiKeyRequired", "value": "false"}]
        if way is enforce:
            patch = [{"op": "add", "path": "/requestParameters/method.request.header.X-New", "value": "true"}]
        boto.update_method(restApiId=api, resourceId=resource, httpMethod=method, patchOperations=patch)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_restored_over_a_persons_later_change(bench: Bench, way: Way) -> None:
    made = way(bench)
    _persons(bench, way)
    before = everything(bench)
    with pytest.raises(Rejected) as caught:
        bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert (caught.value.code, "somebody" in caught.value.message) == ("V076", True)
    assert everything(bench) == before
    with pytest.raises(Rejected) as check:
        bench.do("apigw.check", key="k3", change=made["change_id"], within="1s")
    assert check.value.code == "V020"


WRITES = [
    (throttle, "UpdateStage"),
    (throttle, "TagResource"),
    (require_auth, "CreateDeployment"),
    (enforce, "CreateModel"),
    (enforce, "UpdateMethod"),
    pytest.param(throttle_plan, "UpdateUsagePlan", marks=pytest.mark.long),
    pytest.param(require_auth, "UpdateMethod", marks=pytest.mark.long),
    pytest.param(enforce, "CreateRequestValidator", marks=pytest.mark.long),
    pytest.param(enforce, "CreateDeployment", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("way", "operation"), WRITES)
@pytest.mark.parametrize("mode", [pytest.param("drop_before", marks=pytest.mark.long), "drop_after"])
def test_cut_off_changes_settle_and_can_be_taken_back(bench: Bench, way: Way, operation: str, mode: str) -> None:
    before = everything(bench)
    bench.gateway.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        way(bench)
    made = way(bench)
    if operation in ("UpdateStage", "UpdateUsagePlan", "UpdateMethod", "CreateDeployment"):
        bench.gateway.faults.script(operation, Fault(mode))
        with pytest.raises(Uncertain):
            bench.do("apigw.restore", key="k2", change=made["change_id"])
    assert bench.do("apigw.restore", key="k2", change=made["change_id"])["restored"] is True
    assert everything(bench) == before
    assert bench.through("shop", 3) == 3


def test_busy_gateway_is_asked_again(bench: Bench) -> None:
    bench.gateway.faults.script("UpdateStage", answer_with("TooManyRequestsException"))
    with pytest.raises(RetrySafe):
        throttle(bench)
    assert throttle(bench)["already"] is False


def test_undeployed_work_of_others_stops_what_needs_a_deployment(bench: Bench) -> None:
    bench.add_method()
    before = everything(bench)
    for way in (require_auth, enforce):
        with pytest.raises(Rejected) as caught:
            way(bench)
        assert caught.value.code == "V070"
    assert everything(bench) == before  # no validator or model is left behind either
    assert throttle(bench)["already"] is False


def test_stage_rolled_back_is_not_called_standing(bench: Bench) -> None:
    old = bench.boto.get_stage(restApiId=bench.api.api, stageName="prod")["deploymentId"]
    made = require_auth(bench)
    patch = [{"op": "replace", "path": "/deploymentId", "value": old}]
    bench.boto.update_stage(restApiId=bench.api.api, stageName="prod", patchOperations=patch)
    with pytest.raises(Rejected, match="not deployed"):
        bench.do("apigw.check", key="k3", change=made["change_id"], within="1s")


@pytest.mark.parametrize(
    "change", ["", "gw", "gw::", "edge::usageplans/x/0123456789ab", "gw::../x", "no::usageplans/a/0123456789ab"]
)
def test_what_is_no_change_is_refused(bench: Bench, change: str) -> None:
    with pytest.raises(Rejected) as caught:
        bench.do("apigw.restore", change=change)
    assert caught.value.code == "V013"


def test_unknown_method_plan_and_authorizer_are_refused(bench: Bench) -> None:
    for way, more in (
        (throttle, {"path": "/nowhere"}),
        (throttle_plan, {"plan_id": "nosuchplan"}),
        (require_auth, {"authorizer_id": "nosuchauth"}),
        (enforce, {"path": "/healthz", "method": "GET"}),
    ):
        with pytest.raises(Rejected):
            way(bench, **more)
