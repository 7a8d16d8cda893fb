"""What can be changed for a while at a stage, plan or method, each read and written as one small state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from activities._apigw.calls import Gateway, Patch, escaped, replace

State = dict[str, Any]
Spot = Mapping[str, str]
_REST = {
    "metricsEnabled": "metrics/enabled",
    "loggingLevel": "logging/loglevel",
    "dataTraceEnabled": "logging/dataTrace",
    "cachingEnabled": "caching/enabled",
    "cacheTtlInSeconds": "caching/ttlInSeconds",
    "cacheDataEncrypted": "caching/dataEncrypted",
    "requireAuthorizationForCacheControl": "caching/requireAuthorizationForCacheControl",
    "unauthorizedCacheControlHeaderStrategy": "caching/unauthorizedCacheControlHeaderStrategy",
}


class Lever(Protocol):
    """One kind of change. A state is JSON; what is not in it does not exist."""

    kind: str
    deploys: bool

    def read(self, spot: Spot) -> State: ...

    def wanted(self, spot: Spot, now: State, asked: State) -> State:
        """The state to write, from what was asked for and what stands."""
        ...

    def write(self, spot: Spot, now: State, to: State) -> None: ...


class MethodThrottle:
    """Limits of one method on one stage. A new override starts with AWS's defaults, so what holds for all is copied."""

    kind = "method-throttle"
    deploys = False

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self, spot: Spot) -> State:
        found = self._settings(spot).get(_plain(f"{spot['path']}/{spot['method']}"))
        return _limits(found) if found is not None else {}

    def wanted(self, spot: Spot, now: State, asked: State) -> State:
        if now:
            return {**now, **asked}
        common = self._settings(spot).get("*/*")
        return {**(_rest(common) if common is not None else {}), **asked}

    def write(self, spot: Spot, now: State, to: State) -> None:
        place = f"/{escaped(spot['path'])}/{spot['method']}"
        patch: list[Patch] = [{"op": "remove", "path": place}]
        if to:
            patch = [
                replace(f"{place}/{_PATHS[name]}", _text(value)) for name, value in to.items() if now.get(name) != value
            ]
        self._gateway.patch_stage(spot["api"], spot["stage"], patch)

    def _settings(self, spot: Spot) -> dict[str, Mapping[str, Any]]:
        stage = self._gateway.stage(spot["api"], spot["stage"])
        return {_plain(str(name)): value for name, value in (stage.get("methodSettings") or {}).items()}


_PATHS = {**_REST, "rate": "throttling/rateLimit", "burst": "throttling/burstLimit"}


class PlanThrottle:
    """Limits of one usage plan, for each of its keys."""

    kind = "plan-throttle"
    deploys = False

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self, spot: Spot) -> State:
        limit = self._gateway.plan(spot["plan"]).throttle
        return {} if limit is None else {"rate": limit[0], "burst": limit[1]}

    def wanted(self, spot: Spot, now: State, asked: State) -> State:
        return asked

    def write(self, spot: Spot, now: State, to: State) -> None:
        patch: list[Patch] = [{"op": "remove", "path": "/throttle"}]
        if to:
            patch = [
                replace("/throttle/rateLimit", _text(to["rate"])),
                replace("/throttle/burstLimit", _text(to["burst"])),
            ]
        self._gateway.patch_plan(spot["plan"], patch)


class MethodAuth:
    """Who may call one method; it only ever closes what was open."""

    kind = "method-auth"
    deploys = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self, spot: Spot) -> State:
        found = self._gateway.method(spot["api"], spot["resource"], spot["method"])
        state: State = {"type": str(found["authorizationType"]), "key": bool(found.get("apiKeyRequired", False))}
        held = state["type"] != "NONE" and found.get("authorizerId")
        return state | ({"authorizer": str(held)} if held else {})

    def wanted(self, spot: Spot, now: State, asked: State) -> State:
        closed = now["type"] != "NONE"
        auth = {name: now[name] for name in ("type", "authorizer") if name in now} if closed else asked
        return {
            **now,
            **{name: auth[name] for name in ("type", "authorizer") if name in auth},
            "key": now["key"] or asked["key"],
        }

    def write(self, spot: Spot, now: State, to: State) -> None:
        patch: list[Patch] = []
        if now.get("type") != to["type"]:
            patch.append(replace("/authorizationType", to["type"]))
        if to.get("authorizer") and now.get("authorizer") != to["authorizer"]:
            patch.append(replace("/authorizerId", to["authorizer"]))
        if now.get("key") != to["key"]:
            patch.append(replace("/apiKeyRequired", _text(to["key"])))
        self._gateway.patch_method(spot["api"], spot["resource"], spot["method"], patch)


class MethodContract:
    """What one method asks of its requests."""

    kind = "method-contract"
    deploys = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self, spot: Spot) -> State:
        found = self._gateway.method(spot["api"], spot["resource"], spot["method"])
        return {
            "validator": str(found.get("requestValidatorId") or ""),
            "models": dict(found.get("requestModels") or {}),
            "parameters": dict(found.get("requestParameters") or {}),
        }

    def wanted(self, spot: Spot, now: State, asked: State) -> State:
        merged = {name: {**now[name], **asked[name]} for name in ("models", "parameters")}
        return {"validator": asked["validator"], **merged}

    def write(self, spot: Spot, now: State, to: State) -> None:
        patch: list[Patch] = []
        if now["validator"] != to["validator"]:
            patch.append(replace("/requestValidatorId", to["validator"] or None))
        for member, name in (("models", "requestModels"), ("parameters", "requestParameters")):
            patch += _entries(f"/{name}", now[member], to[member])
        self._gateway.patch_method(spot["api"], spot["resource"], spot["method"], patch)


def _entries(place: str, now: Mapping[str, Any], to: Mapping[str, Any]) -> list[Patch]:
    gone: list[Patch] = [{"op": "remove", "path": f"{place}/{escaped(name)}"} for name in now if name not in to]
    new = [name for name, value in to.items() if now.get(name) != value]
    return gone + [{"op": "add", "path": f"{place}/{escaped(name)}", "value": _text(to[name])} for name in new]


def _limits(setting: Mapping[str, Any]) -> State:
    throttle = {"rate": setting.get("throttlingRateLimit"), "burst": setting.get("throttlingBurstLimit")}
    return _rest(setting) | {name: value for name, value in throttle.items() if value is not None}


def _rest(setting: Mapping[str, Any]) -> State:
    return {name: setting[name] for name in _REST if name in setting}


def _plain(name: str) -> str:
    """`~1pets~1{id}/GET` and `pets/{id}/GET` are one method."""
    return re.sub(r"/+", "/", name.replace("~1", "/").replace("~0", "~")).strip("/")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
