"""A customer's REST API as it looks before Stanch comes: methods with and without keys, a plan, clients with keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanch.sandbox._aws.seed import client
from stanch.sandbox.apigw import ApiGatewayStandin

CLIENTS = ("partner", "shop", "mallory")
METHODS = (("users", "GET", True), ("users/{id}", "GET", True), ("orders", "POST", True), ("healthz", "GET", False))


@dataclass(frozen=True)
class SeededApi:
    """Ids of what was made. `keys` and `values` are by client."""

    host: str
    api: str
    stage: str
    plan: str
    authorizer: str
    keys: Mapping[str, str]
    values: Mapping[str, str]

    def section(self, gateway: ApiGatewayStandin, **more: Any) -> dict[str, Any]:
        """A connector's section for this API."""
        apis = {self.host: {"api": self.api, "stage": self.stage}}
        return gateway.section(apis=apis, base_url=gateway.edge_url, canary_secret="c" * 32, **more)


def seed_api(gateway: ApiGatewayStandin, host: str = "api.example.com") -> SeededApi:
    """Make an API behind a host, deployed as `prod`, with three clients in one usage plan."""
    api, authorizer = rest_api(client("apigateway", gateway.url, gateway.region), host)
    gateway.traffic.hosts[host] = (api, "prod")
    boto = client("apigateway", gateway.url, gateway.region)
    boto.create_domain_name(domainName=host)
    boto.create_base_path_mapping(domainName=host, restApiId=api, stage="prod")
    plan = boto.create_usage_plan(
        name=f"{host} clients",
        apiStages=[{"apiId": api, "stage": "prod"}],
        throttle={"rateLimit": 100.0, "burstLimit": 50},
    )["id"]
    made = {name: boto.create_api_key(name=name, enabled=True, tags={"team": "pay"}) for name in CLIENTS}
    for key in made.values():
        boto.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    keys = {name: str(key["id"]) for name, key in made.items()}
    values = {name: str(key["value"]) for name, key in made.items()}
    return SeededApi(host, api, "prod", plan, authorizer, keys, values)


def rest_api(boto: Any, name: str, *, stage: str = "prod") -> tuple[str, str]:
    """An API with the methods above, deployed once; its id and that of an authorizer nobody uses yet."""
    api = boto.create_rest_api(name=name, endpointConfiguration={"types": ["REGIONAL"]})["id"]
    paths = {"": boto.get_resources(restApiId=api)["items"][0]["id"]}
    for path, method, needs_key in METHODS:
        parent, _, part = path.rpartition("/")
        paths[path] = boto.create_resource(restApiId=api, parentId=paths[parent], pathPart=part)["id"]
        place = {"restApiId": api, "resourceId": paths[path], "httpMethod": method}
        boto.put_method(**place, authorizationType="NONE", apiKeyRequired=needs_key)
        boto.put_integration(**place, type="MOCK")
    authorizer = boto.create_authorizer(
        restApiId=api, name="tokens", type="TOKEN", identitySource="method.request.header.Authorization"
    )
    boto.create_deployment(restApiId=api, stageName=stage)
    return api, str(authorizer["id"])
