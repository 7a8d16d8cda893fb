"""The connector against moto, a second witness of what it has: no tags on keys and plans, so no whole hold of a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from apigw_support import lease
from aws_support import boto

from activities._apigw.changes import Asked
from activities._apigw.point import GatewayPoint
from activities.api_gateway import CONNECTOR
from stanch.leases import BlockSpec, Lease
from stanch.sandbox._apigw.seed import rest_api
from stanch.sandbox.aws import AwsStandin

HOST = "api.example.com"


class Account:
    """One REST API with a plan and a key in it, and the connector."""

    def __init__(self, aws: AwsStandin) -> None:
        self.boto: Any = boto(aws, "apigateway")
        self.api, _ = rest_api(self.boto, HOST)
        stage = {"apiId": self.api, "stage": "prod"}
        made = self.boto.create_usage_plan(name="p", apiStages=[stage], throttle={"rateLimit": 100.0, "burstLimit": 50})
        self.plan = str(made["id"])
        self.key = str(self.boto.create_api_key(name="mallory", enabled=True, tags={"team": "pay"})["id"])
        self.boto.create_usage_plan_key(usagePlanId=self.plan, keyId=self.key, keyType="API_KEY")
        section = aws.section(apis={HOST: {"api": self.api, "stage": "prod"}}, deploy="always")  # moto has no summary
        self.point: GatewayPoint = CONNECTOR.build("gw", section)

    def reconcile(self, *, adds: tuple[Lease, ...] = (), lifts: tuple[Lease, ...] = ()) -> list[bool]:
        removes = [one.target for one in lifts]
        done = self.point.reconcile(adds=adds, removes=removes, wanted=None, expected="", known=lifts)
        return [item.ok for item in done.results]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with AwsStandin() as aws:
        yield Account(aws)


def test_keys_and_plans_answer_our_calls(account: Account) -> None:
    gateway, key, plan = account.point.gateway, account.key, account.plan
    gateway.set_enabled(key, False)
    assert gateway.key(key).enabled is False
    assert gateway.key(key).tags == {"team": "pay"}
    gateway.set_enabled(key, True)
    assert [one.id for one in gateway.every_key() if one.enabled] == [key]
    gateway.drop_key(plan, key)
    assert (gateway.has_key(plan, key), gateway.plans_of(key)) == (False, [])
    gateway.put_key(plan, key)
    assert [one.stages for one in gateway.plans_of(key)] == [((account.api, "prod"),)]


def test_policy_holds_our_statement_until_it_is_lifted(account: Account) -> None:
    wanted = lease(BlockSpec(host=HOST, path="/users", ips=("203.0.113.9",)))
    assert account.reconcile(adds=(wanted,)) == [True]
    assert [one.target for one in account.point.list_owned()] == [wanted.target]
    assert account.reconcile(lifts=(wanted,)) == [True]
    assert account.point.list_owned() == []


def test_own_limits_of_a_method_come_back(account: Account) -> None:
    place = "/~1users~1{id}/GET/throttling"
    patch = [{"op": "replace", "path": f"{place}/{name}Limit", "value": "9"} for name in ("rate", "burst")]
    account.boto.update_stage(restApiId=account.api, stageName="prod", patchOperations=patch)
    spot = {"api": account.api, "stage": "prod", "path": "/users/{id}", "method": "GET", "resource": ""}
    lever = account.point.changes.levers["method-throttle"]
    before = lever.read(spot)
    ask = Asked(lever, f"restapis/{account.api}/stages/prod", spot, {"rate": 5.0, "burst": 2}, "c", "0123456789ab")
    made = account.point.changes.make(ask)
    assert lever.read(spot) | {"rate": 5.0, "burst": 2} == lever.read(spot)
    assert account.point.changes.restore(made.name) == (True, "restored")
    assert lever.read(spot) == before
