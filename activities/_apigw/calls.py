"""The calls to API Gateway (REST APIs, v1), each ending in an outcome; answers are read while they count as calls."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from activities._aws import LockConflict, NotThere, outcome
from stanch.errors import Gone, Rejected, RetrySafe

_PAGES = 500
_ID = re.compile(r"[A-Za-z0-9]{1,19}")
Patch = dict[str, str]


@dataclass(frozen=True)
class Key:
    """An API key without its value, which is never asked for."""

    id: str
    enabled: bool
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """A usage plan; `throttle` is (rate, burst), None where it has no limit of its own."""

    id: str
    stages: tuple[tuple[str, str], ...]
    throttle: tuple[float, int] | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


class Gateway:
    """One account and region. Safe to share between threads."""

    def __init__(self, client: Any, region: str) -> None:
        self.client = client
        self._region = region

    # -- keys and plans

    def key(self, identity: str) -> Key:
        _named(identity, "an API key")
        with outcome("GetApiKey", write=False):
            return _key(self.client.get_api_key(apiKey=identity, includeValue=False))

    def every_key(self) -> Iterator[Key]:
        for item in self._pages("GetApiKeys", self.client.get_api_keys, includeValues=False):
            yield _key(item)

    def set_enabled(self, identity: str, enabled: bool) -> None:
        patch = [replace("/enabled", "true" if enabled else "false")]
        with outcome("UpdateApiKey", write=True):
            str(self.client.update_api_key(apiKey=identity, patchOperations=patch)["id"])

    def plan(self, identity: str) -> Plan:
        _named(identity, "a usage plan")
        with outcome("GetUsagePlan", write=False):
            return _plan(self.client.get_usage_plan(usagePlanId=identity))

    def plans_of(self, key: str) -> list[Plan]:
        return [_plan(item) for item in self._pages("GetUsagePlans", self.client.get_usage_plans, keyId=key)]

    def has_key(self, plan: str, key: str) -> bool:
        _named(plan, "a usage plan")
        try:
            with outcome("GetUsagePlanKey", write=False):
                return bool(self.client.get_usage_plan_key(usagePlanId=plan, keyId=key)["id"])
        except NotThere:
            return False

    def put_key(self, plan: str, key: str) -> None:
        """Rejected where the key cannot go back: it is in another plan of the same stage by now."""
        try:
            with outcome("CreateUsagePlanKey", write=True):
                str(self.client.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")["id"])
        except LockConflict:
            if not self.has_key(plan, key):
                hint = "decide in which usage plan it belongs; Stanch's tag on the key says what it took out"
                raise Rejected(f"the key cannot go back into plan {plan}", code="V071", hint=hint) from None

    def drop_key(self, plan: str, key: str) -> None:
        try:
            with outcome("DeleteUsagePlanKey", write=True):
                self.client.delete_usage_plan_key(usagePlanId=plan, keyId=key)
        except NotThere:
            return  # somebody was faster

    def patch_plan(self, plan: str, patch: Sequence[Patch]) -> None:
        with outcome("UpdateUsagePlan", write=True):
            str(self.client.update_usage_plan(usagePlanId=plan, patchOperations=list(patch))["id"])

    def used(self, plan: str, *, start: str, end: str) -> dict[str, int]:
        """Requests by key id over whole days."""
        asked = {"usagePlanId": plan, "startDate": start, "endDate": end}
        found: Counter[str] = Counter()
        for key, days in self._pages("GetUsage", lambda **given: _usage(self.client.get_usage(**given)), **asked):
            found[key] += sum(days)
        return found

    # -- tags

    def arn(self, path: str) -> str:
        return f"arn:aws:apigateway:{self._region}::/{path}"

    def tag(self, path: str, tags: Mapping[str, str]) -> None:
        with outcome("TagResource", write=True):
            self.client.tag_resource(resourceArn=self.arn(path), tags=dict(tags))

    def untag(self, path: str, names: Sequence[str]) -> None:
        with outcome("UntagResource", write=True):
            self.client.untag_resource(resourceArn=self.arn(path), tagKeys=list(names))

    # -- names

    def domains(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Custom domain names, each with what else names it in a call (private ones have an id)."""
        for item in self._pages("GetDomainNames", self.client.get_domain_names):
            identity = item.get("domainNameId")
            yield str(item["domainName"]), {"domainNameId": str(identity)} if identity else {}

    def mappings(self, domain: str, more: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """Empty where the name has gone meanwhile."""
        call = self.client.get_base_path_mappings
        try:
            return list(self._pages("GetBasePathMappings", call, domainName=domain, **more))
        except NotThere:
            return []

    # -- APIs and stages

    def api(self, identity: str) -> Mapping[str, Any]:
        with outcome("GetRestApi", write=False):
            found: Mapping[str, Any] = self.client.get_rest_api(restApiId=identity)
            str(found["id"])
            return found

    def set_policy(self, api: str, text: str) -> None:
        with outcome("UpdateRestApi", write=True):
            str(self.client.update_rest_api(restApiId=api, patchOperations=[replace("/policy", text)])["id"])

    def resources(self, api: str) -> list[Mapping[str, Any]]:
        return list(self._pages("GetResources", self.client.get_resources, restApiId=api, embed=["methods"]))

    def stage(self, api: str, name: str) -> Mapping[str, Any]:
        with outcome("GetStage", write=False):
            found: Mapping[str, Any] = self.client.get_stage(restApiId=api, stageName=name)
            str(found["deploymentId"])
            return found

    def patch_stage(self, api: str, name: str, patch: Sequence[Patch]) -> None:
        with outcome("UpdateStage", write=True):
            str(self.client.update_stage(restApiId=api, stageName=name, patchOperations=list(patch))["stageName"])

    def deployment(self, api: str, identity: str) -> Mapping[str, Any]:
        with outcome("GetDeployment", write=False):
            found: Mapping[str, Any] = self.client.get_deployment(
                restApiId=api, deploymentId=identity, embed=["apisummary"]
            )
            str(found["id"])
            return found

    def deploy(self, api: str, stage: str, description: str) -> str:
        with outcome("CreateDeployment", write=True):
            return str(self.client.create_deployment(restApiId=api, stageName=stage, description=description)["id"])

    def method(self, api: str, resource: str, name: str) -> Mapping[str, Any]:
        with outcome("GetMethod", write=False):
            found: Mapping[str, Any] = self.client.get_method(restApiId=api, resourceId=resource, httpMethod=name)
            str(found["authorizationType"])
            return found

    def patch_method(self, api: str, resource: str, name: str, patch: Sequence[Patch]) -> None:
        where = {"restApiId": api, "resourceId": resource, "httpMethod": name}
        with outcome("UpdateMethod", write=True):
            str(self.client.update_method(**where, patchOperations=list(patch))["httpMethod"])

    def authorizer(self, api: str, identity: str) -> Mapping[str, Any]:
        _named(identity, "an authorizer")
        with outcome("GetAuthorizer", write=False):
            found: Mapping[str, Any] = self.client.get_authorizer(restApiId=api, authorizerId=identity)
            str(found["type"])
            return found

    def pages(self, name: str, call: Any, **given: Any) -> Iterator[Mapping[str, Any]]:
        return self._pages(name, call, **given)

    def _pages(self, name: str, call: Any, **given: Any) -> Iterator[Any]:
        more: dict[str, Any] = {}
        for _ in range(_PAGES):
            with outcome(name, write=False):
                page = call(limit=500, **given, **more)
                items = list(page["items"])
            yield from items
            if not page.get("position"):
                return
            more = {"position": page["position"]}
        raise RetrySafe(f"{name} has more pages than can be looked through")  # not seen must not pass for not there


def _usage(page: Mapping[str, Any]) -> dict[str, Any]:
    """A page of GetUsage in the form of other pages: by key, the requests of each day."""
    items = [(str(key), [int(day[0]) for day in days]) for key, days in page["items"].items()]
    return {**page, "items": items}


def replace(path: str, value: str | None) -> Patch:
    """A patch operation; without a value the member is cleared."""
    return {"op": "replace", "path": path} | ({} if value is None else {"value": value})


def escaped(text: str) -> str:
    """One token of a JSON Pointer (RFC 6901)."""
    return text.replace("~", "~0").replace("/", "~1")


def _named(identity: str, what: str) -> None:
    """Ids have ten letters and digits. What is longer may be the key itself, so it is never repeated."""
    if not _ID.fullmatch(identity):
        hint = "give its id as `aws apigateway get-api-keys` lists it, never the key itself"
        raise Gone(f"this is not the id of {what}", hint=hint)


def _key(item: Mapping[str, Any]) -> Key:
    return Key(str(item["id"]), bool(item["enabled"]), dict(item.get("tags") or {}))


def _plan(item: Mapping[str, Any]) -> Plan:
    stages = tuple((str(one["apiId"]), str(one["stage"])) for one in item.get("apiStages", ()))
    limit = item.get("throttle")
    throttle = (float(limit.get("rateLimit", 0.0)), int(limit.get("burstLimit", 0))) if limit else None
    return Plan(str(item["id"]), stages, throttle, dict(item.get("tags") or {}))
