"""The shipped IAM policies of API Gateway against the requests that the connector really sends."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from apigw_support import Seed, Town, denied, disabled, kept_out, lease, out_of_plan

from activities._apigw.changes import Asked
from activities._apigw.contract import make_parts
from activities._apigw.contract_file import Contract
from stanch.leases import BlockSpec, Lease
from stanch.sandbox.apigw import ApiGatewayStandin

FOLDER = Path(__file__).parents[2] / "deploy" / "iam"
KEY = "0123456789ab"


@pytest.fixture(scope="module")
def seed() -> Iterator[Seed]:
    with ApiGatewayStandin() as gateway:
        yield Seed.of(gateway)


def held(town: Town, wanted: Lease) -> None:
    """A block's whole life, also that of one that a writer without memory lifts."""
    assert town.hold(wanted)[0].ok
    town.point.list_owned()
    assert town.lift(wanted)[0].ok
    town.hold(wanted)
    assert town.hold(wanted, point=town.again())[0].ok  # a renewal
    assert town.lift(wanted, point=town.again(), known=False)[0].ok


def changed(town: Town, kind: str, **asked: Any) -> None:
    """A change's whole life."""
    place = town.point.places.of(town.api.host)
    where, spot = f"restapis/{place.api}/stages/{place.stage}", {"plan": town.api.plan}
    if kind == "plan-throttle":
        where = f"usageplans/{town.point.gateway.plan(town.api.plan).id}"
    else:
        paths = {str(one["path"]): str(one["id"]) for one in town.point.gateway.resources(place.api)}
        spot = {
            "api": place.api,
            "stage": place.stage,
            "path": "/orders",
            "method": "POST",
            "resource": paths["/orders"],
        }
    prepare = None
    if kind == "method-contract":
        contract = Contract(("method.request.header.X-Tenant",), '{"type": "object"}', ())
        prepare = lambda: make_parts(town.point.gateway, place.api, KEY, contract)  # noqa: E731
    lever = town.point.changes.levers[kind]
    made = town.point.changes.make(Asked(lever, where, spot, asked, "c", KEY, prepare))
    town.point.changes.standing(made.name)
    assert town.point.changes.restore(made.name) == (True, "restored")


def require_auth(town: Town) -> None:
    place = town.point.places.of(town.api.host)
    town.point.gateway.authorizer(place.api, town.api.authorizer)
    changed(town, "method-auth", type="CUSTOM", authorizer=town.api.authorizer, key=False)


def estimate(town: Town) -> None:
    spec = kept_out(town).spec
    assert isinstance(spec, BlockSpec)
    town.point.estimate(spec, window=timedelta(hours=1))


USES: dict[str, Callable[[Town], Any]] = {
    "key.disable": lambda town: held(town, disabled(town)),
    "apigw.remove_key_from_plan": lambda town: held(town, out_of_plan(town)),
    "block.scope.api_key": lambda town: held(town, kept_out(town)),
    "block.scope.resource_policy": lambda town: held(town, denied(town)),
    "block.estimate.api_key": estimate,
    "apigw.throttle_method": lambda town: changed(town, "method-throttle", rate=1.0, burst=1),
    "apigw.throttle_plan": lambda town: changed(town, "plan-throttle", rate=1.0, burst=1),
    "apigw.require_auth": require_auth,
    "apigw.enforce_contract": lambda town: changed(town, "method-contract", validator="", models={}, parameters={}),
    "doctor.api_gateway": lambda town: town.point.doctor(),
}


def sent(town: Town, use: Callable[[Town], Any]) -> set[tuple[str, str]]:
    """What IAM is asked for: action and resource of each request."""
    town.gateway.verbs.clear()
    use(town)
    found = {
        (f"apigateway:{method}", f"arn:aws:apigateway:REGION::{unquote(path)}") for method, path in town.gateway.verbs
    }
    policy = f"arn:aws:apigateway:REGION::/restapis/{town.api.api}"
    return found | ({("apigateway:UpdateRestApiPolicy", policy)} if ("apigateway:PATCH", policy) in found else set())


def allowed(name: str, town: Town) -> list[tuple[str, str]]:
    text = (FOLDER / f"{name}.json").read_text()
    for word, value in (("API_ID", town.api.api), ("STAGE", town.api.stage), ("PLAN_ID", town.api.plan)):
        text = text.replace(word, value)
    statements = json.loads(text)["Statement"]
    assert {one["Effect"] for one in statements} == {"Allow"}
    assert all(one["Resource"] != "*" for one in statements)
    return [(action, one["Resource"]) for one in statements for action in one["Action"]]


@pytest.mark.parametrize("name", USES)
def test_policy_allows_what_is_sent_and_nothing_else(name: str, seed: Seed) -> None:
    town = seed.town()
    given = allowed(name, town)
    used = sent(town, USES[name])
    unmet = {
        one
        for one in used
        if not any(one[0] == action and fnmatch.fnmatchcase(one[1], where) for action, where in given)
    }
    idle = {
        one
        for one in given
        if not any(one[0] == action and fnmatch.fnmatchcase(where, one[1]) for action, where in used)
    }
    assert (unmet, idle) == (set(), set())


def test_block_of_everybody_needs_no_more(seed: Seed) -> None:
    town = seed.town()
    given = allowed("block.scope.resource_policy", town)
    for action, where in sent(town, lambda town: town.hold(lease(BlockSpec(host=town.api.host, path="/orders")))):
        assert any(action == one and fnmatch.fnmatchcase(where, pattern) for one, pattern in given)
