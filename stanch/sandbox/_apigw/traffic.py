"""Traffic through the API Gateway stand-in: what a deployed stage says by policy, key, limit and contract."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from stanch.sandbox._apigw.apis import Apis
from stanch.sandbox._apigw.keys import Keys
from stanch.sandbox._apigw.statements import permits


@dataclass(frozen=True)
class Request:
    """One call of a client. `path` is without the stage."""

    method: str
    path: str
    ip: str = "198.51.100.7"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # lower case
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """Status, `x-amzn-errortype` and message as API Gateway words them; "" for what the API itself answered."""

    status: int
    kind: str = ""
    message: str = "ok"


FORBIDDEN = Answer(403, "ForbiddenException", "Forbidden")
TOO_MANY = Answer(429, "TooManyRequestsException", "Too Many Requests")


class Buckets:
    """Token buckets: `burst` at once, then `rate` a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float, float, int]] = {}

    def take(self, name: str, *, rate: float, burst: int) -> bool:
        """True where one more may pass; a changed limit starts a new bucket."""
        now = self._clock()
        left, at, *limits = self._left.get(name, (float(burst), now, rate, burst))
        if limits != [rate, burst]:
            left, at = float(burst), now
        left = min(float(burst), left + (now - at) * rate)
        passes = left >= 1
        self._left[name] = (left - passes, now, rate, burst)
        return passes


class Traffic:
    """Answers requests to hosts; `hosts` maps a custom domain to API and stage."""

    def __init__(self, apis: Apis, keys: Keys, *, account: str, region: str) -> None:
        self.hosts: dict[str, tuple[str, str]] = {}
        self.buckets = Buckets()
        self._apis = apis
        self._keys = keys
        self._arn = f"arn:aws:execute-api:{region}:{account}:"

    def answer(self, host: str, request: Request) -> Answer:
        """What the client gets. The order is that of AWS: route, policy, authorizer, key and limits, contract."""
        if host not in self.hosts:
            return FORBIDDEN
        api, stage_name = self.hosts[host]
        stage = self._apis.stage(api, stage_name)
        deployed = self._apis.api(api)["deployments"][stage["deploymentId"]]["snapshot"]
        found = _route(deployed, request)
        if found is None:
            return Answer(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        path, method = found
        where = f"{self._arn}{api}/{stage_name}/{request.method}{request.path}"
        private = "PRIVATE" in deployed["endpoint"]["types"]
        asked = permits(deployed["policy"], resource=where, ip=request.ip, headers=request.headers, private=private)
        if asked != "allow":
            return Answer(403, "AccessDeniedException", "not authorized to perform: execute-api:Invoke")
        steps: tuple[Callable[[], Answer | None], ...] = (
            lambda: _authorized(method, request),
            lambda: self._keyed(api, stage_name, method, request),
            lambda: self._slowed(api, stage_name, stage, path, request),
            lambda: _contract(deployed, method, request),
        )
        return next((answer for answer in (step() for step in steps) if answer is not None), Answer(200))

    def _keyed(self, api: str, stage: str, method: Mapping[str, Any], request: Request) -> Answer | None:
        if not method["apiKeyRequired"]:
            return None
        value = request.headers.get("x-api-key", "")
        key = next((one for one in self._keys.keys.values() if one["value"] == value), None)
        plan = self._plan(key, api, stage) if key is not None and key["enabled"] else None
        if key is None or plan is None:
            return FORBIDDEN
        limit = plan.get("throttle")
        name = f"{plan['id']}/{key['id']}"
        if limit and not self.buckets.take(name, rate=limit["rateLimit"], burst=limit["burstLimit"]):
            return TOO_MANY
        self._keys.used[plan["id"], key["id"], datetime.now(UTC).date().isoformat()] += 1
        return None

    def _plan(self, key: Mapping[str, Any], api: str, stage: str) -> Mapping[str, Any] | None:
        for plan in self._keys.plans.values():
            serves = any((one["apiId"], one["stage"]) == (api, stage) for one in plan["apiStages"])
            if serves and key["id"] in self._keys.members[plan["id"]]:
                return plan
        return None

    def _slowed(self, api: str, name: str, stage: Mapping[str, Any], path: str, request: Request) -> Answer | None:
        settings = stage["methodSettings"]
        escaped = path.replace("/", "~1")
        limit = settings.get(f"{escaped}/{request.method}") or settings.get("*/*")
        if limit is None:
            return None
        rate, burst = limit["throttlingRateLimit"], limit["throttlingBurstLimit"]
        return None if self.buckets.take(f"{api}/{name}{path}/{request.method}", rate=rate, burst=burst) else TOO_MANY


def _route(deployed: Mapping[str, Any], request: Request) -> tuple[str, Mapping[str, Any]] | None:
    """The resource with the fewest variables that fits, and its method."""
    fitting = [one for one in deployed["resources"].values() if _fits(one["path"], request.path)]
    for one in sorted(fitting, key=lambda item: str(item["path"]).count("{")):
        method = one["methods"].get(request.method) or one["methods"].get("ANY")
        if method is not None:
            return str(one["path"]), method
    return None


def _fits(template: str, path: str) -> bool:
    parts, given = template.strip("/").split("/"), path.strip("/").split("/")
    if parts[-1].endswith("+}"):
        return len(given) >= len(parts) and _same(parts[:-1], given)
    return len(parts) == len(given) and _same(parts, given)


def _same(parts: list[str], given: list[str]) -> bool:
    return all(part == text or (part.startswith("{") and text) for part, text in zip(parts, given, strict=False))


def _authorized(method: Mapping[str, Any], request: Request) -> Answer | None:
    """Any bearer token that begins with `good` passes; nobody signs requests here."""
    if method["authorizationType"] == "NONE":
        return None
    if method["authorizationType"] == "AWS_IAM":
        return Answer(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    good = request.headers.get("authorization", "").startswith("Bearer good")
    return None if good else Answer(401, "UnauthorizedException", "Unauthorized")


def _contract(deployed: Mapping[str, Any], method: Mapping[str, Any], request: Request) -> Answer | None:
    rules = deployed["validators"].get(method.get("requestValidatorId") or "")
    if rules is None:
        return None
    if rules["validateRequestParameters"]:
        lacking = [
            name for name, needed in method.get("requestParameters", {}).items() if needed and not _given(name, request)
        ]
        if lacking:
            return Answer(400, "BadRequestException", f"Missing required request parameters: {sorted(lacking)}")
    if rules["validateRequestBody"]:
        kind = request.headers.get("content-type", "application/json").partition(";")[0]
        model = method.get("requestModels", {}).get(kind)
        if model is not None and not _valid(json.loads(deployed["models"][model]["schema"]), request.body):
            return Answer(400, "BadRequestException", "Invalid request body")
    return None


def _given(name: str, request: Request) -> bool:
    where, _, key = name.removeprefix("method.request.").partition(".")
    values = {"querystring": request.query, "header": request.headers}.get(where)
    return values is None or bool(values.get(key.lower() if where == "header" else key))


def _valid(schema: Mapping[str, Any], body: bytes) -> bool:
    try:
        check: Any = jsonschema.Draft4Validator(schema)
        return bool(check.is_valid(json.loads(body)))
    except ValueError:
        return False
