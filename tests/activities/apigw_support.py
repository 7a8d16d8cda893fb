"""What the API Gateway tests share: a customer's API in the stand-in, leases, and requests of its clients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from activities._apigw import point as _apigw_point
from activities._apigw.point import GatewayPoint
from activities.api_gateway import CONNECTOR
from stanch.leases import Applied, BlockSpec, KeySpec, Lease, LeaseSpec, Principal, target_of
from stanch.sandbox._apigw.seed import SeededApi, seed_api
from stanch.sandbox._aws.seed import client
from stanch.sandbox.apigw import ApiGatewayStandin, Request

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4)
ATTACKER = "203.0.113.9"


@dataclass(frozen=True)
class Seed:
    """A stand-in that runs, with a customer's API in it, and how it looked then."""

    gateway: ApiGatewayStandin
    api: SeededApi
    state: dict[str, Any]
    client: Any

    @classmethod
    def of(cls, gateway: ApiGatewayStandin) -> Seed:
        api = seed_api(gateway)
        point: GatewayPoint = CONNECTOR.build("gw", api.section(gateway))
        return cls(gateway, api, gateway.state(), point.gateway.client)

    def town(self) -> Town:
        """The customer as they were before, and a connector that remembers nothing."""
        self.gateway.reset(self.state)
        with patch.object(_apigw_point, "make_client", lambda *_: self.client):
            point: GatewayPoint = CONNECTOR.build("gw", self.api.section(self.gateway))
        return Town(self.gateway, self.api, point)


@dataclass
class Town:
    """One API and the connector that holds it."""

    gateway: ApiGatewayStandin
    api: SeededApi
    point: GatewayPoint

    @property
    def boto(self) -> Any:
        """The customer's own client."""
        return client("apigateway", self.gateway.url, self.gateway.region)

    def again(self, **more: Any) -> GatewayPoint:
        """The connector of another worker, which remembers nothing."""
        with patch.object(_apigw_point, "make_client", lambda *_: self.point.gateway.client):  # costs 30 ms to make
            made: GatewayPoint = CONNECTOR.build("gw", {**self.api.section(self.gateway), **more})
        return made

    def add_method(self, *, auth: str = "NONE") -> None:
        """Somebody's work on the API that is not deployed yet."""
        root = self.boto.get_resources(restApiId=self.api.api)["items"][0]["id"]
        place = {"restApiId": self.api.api, "resourceId": root, "httpMethod": "GET"}
        self.boto.put_method(**place, authorizationType=auth)
        self.boto.put_integration(**place, type="MOCK")

    def status(self, who: str, path: str = "/users", *, method: str = "GET", **more: Any) -> int:
        """What one of the clients gets."""
        headers = {"x-api-key": self.api.values.get(who, "")}
        return self.gateway.send(self.api.host, Request(method, path, headers=headers, **more)).status

    def hold(self, *leases: Lease, point: GatewayPoint | None = None) -> list[Applied]:
        done = (point or self.point).reconcile(adds=leases, removes=[], wanted=None, expected="")
        return list(done.results)

    def lift(self, *leases: Lease, point: GatewayPoint | None = None, known: bool = True) -> list[Applied]:
        targets = [lease.target for lease in leases]
        done = (point or self.point).reconcile(
            adds=[], removes=targets, wanted=None, expected="", known=leases if known else ()
        )
        return list(done.results)

    def key(self, who: str) -> dict[str, Any]:
        found: dict[str, Any] = self.boto.get_api_key(apiKey=self.api.keys[who])
        return found

    def policy(self) -> list[dict[str, Any]]:
        """The statements as they are kept, read around the connector."""
        text = self.gateway.apis.apis[self.api.api]["policy"]
        return list(json.loads(text)["Statement"]) if text else []


def lease(spec: LeaseSpec, *, case: str = "case-1", until: datetime = UNTIL) -> Lease:
    return Lease(
        lease_id=f"{case}-{target_of(spec)}",
        case_id=case,
        episode="e",
        step="s",
        point="gw",
        target=target_of(spec),
        spec=spec,
        expires_at=until,
    )


def disabled(town: Town, who: str = "mallory", **more: Any) -> Lease:
    return lease(KeySpec(key_id=town.api.keys[who]), **more)


def out_of_plan(town: Town, who: str = "mallory", **more: Any) -> Lease:
    return lease(KeySpec(key_id=town.api.keys[who], plan_id=town.api.plan), **more)


def kept_out(town: Town, who: str = "mallory", **more: Any) -> Lease:
    """`block.scope` with an API key as its principal."""
    return lease(BlockSpec(host=town.api.host, principal=Principal(api_key=town.api.keys[who])), **more)


def denied(town: Town, path: str = "/users", *, ips: tuple[str, ...] = (ATTACKER,), **more: Any) -> Lease:
    methods = more.pop("methods", ())
    return lease(BlockSpec(host=town.api.host, path=path, ips=ips, methods=methods), **more)
