"""The API Gateway verbs: changes of limits, authorization and contracts, each with a record at the stage or plan."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from activities._apigw.changes import Asked, Changes, Made
from activities._apigw.contract import make_parts
from activities._apigw.contract_file import contract_of
from activities._apigw.places import Place
from activities._apigw.point import GatewayPoint
from activities._apigw.records import State
from activities._run import Job
from activities._world import World
from stanch.actions.apigw import (
    Changed,
    CheckChange,
    Checked,
    EnforceContract,
    RequireAuth,
    Restore,
    Restored,
    ThrottleMethod,
    ThrottlePlan,
)
from stanch.errors import Rejected

SEPARATOR = "::"
KIND = "api_gateway"
_PAUSE_SECONDS = 1.0
_AUTHORIZERS = {"TOKEN": "CUSTOM", "REQUEST": "CUSTOM", "COGNITO_USER_POOLS": "COGNITO_USER_POOLS"}


def _serving(world: World, host: str, at: str) -> tuple[str, GatewayPoint]:
    """The API Gateway that serves a host; another point may do so as well, and is not meant."""
    names = [name for name, section in world.sections("point").items() if section.get("kind") == KIND]
    found: dict[str, GatewayPoint] = {name: world.connector("point", name) for name in names if at in ("", name)}
    serving = [name for name, point in found.items() if at or not host or point.places.serves(host)]
    if not serving:
        raise Rejected("no API Gateway serves this", code="L010", hint="add the host to `apis` of an api_gateway point")
    if not host and len(serving) > 1:
        raise Rejected("several API Gateways are configured", code="L010", hint="name one with `at`")
    return serving[0], found[serving[0]]


def _named(world: World, change: str) -> tuple[Changes, str]:
    name, separator, inner = change.partition(SEPARATOR)
    if not separator or world.sections("point").get(name, {}).get("kind") != KIND:
        raise Rejected("this is not the name of a change", code="V013", hint="use the output of the action")
    point: GatewayPoint = world.connector("point", name)
    return point.changes, inner


def _spot(point: GatewayPoint, place: Place, path: str, method: str) -> dict[str, str]:
    """The method as API Gateway has it; variables of a path may have other names there."""
    wanted = _shape(path)
    for one in point.gateway.resources(place.api):
        if _shape(str(one["path"])) == wanted and method in (one.get("resourceMethods") or {}):
            where = {"resource": str(one["id"]), "path": str(one["path"]), "method": method}
            return {"api": place.api, "stage": place.stage, **where}
    raise Rejected(f"the API has no {method} {path}", hint="name the resource's path as the API has it")


def _shape(path: str) -> str:
    return re.sub(r"\{[^{}/]*\}", "{}", path.rstrip("/") or "/")


def _stage(place: Place) -> str:
    return f"restapis/{place.api}/stages/{place.stage}"


def _key(job: Job) -> str:
    return hashlib.sha256(job.call.key.encode()).hexdigest()[:12]


def _changed(name: str, made: Made, *, left_out: tuple[str, ...] = ()) -> Changed:
    return Changed(
        change_id=f"{name}{SEPARATOR}{made.name}",
        already=made.already,
        before=made.before,
        after=made.after,
        deployment=made.deployment,
        left_out=left_out,
    )


def _throttle_method(world: World, job: Job, params: ThrottleMethod) -> Changed:
    name, point = _serving(world, params.host, params.at)
    place = point.places.of(params.host)
    spot = _spot(point, place, params.path, params.method)
    asked: State = {"rate": params.rate, "burst": params.burst}
    lever = point.changes.levers["method-throttle"]
    return _changed(name, point.changes.make(Asked(lever, _stage(place), spot, asked, job.scene.case_id, _key(job))))


def _throttle_plan(world: World, job: Job, params: ThrottlePlan) -> Changed:
    name, point = _serving(world, "", params.at)
    plan = point.gateway.plan(params.plan_id).id
    asked: State = {"rate": params.rate, "burst": params.burst}
    lever = point.changes.levers["plan-throttle"]
    ask = Asked(lever, f"usageplans/{plan}", {"plan": plan}, asked, job.scene.case_id, _key(job))
    return _changed(name, point.changes.make(ask))


def _require_auth(world: World, job: Job, params: RequireAuth) -> Changed:
    name, point = _serving(world, params.host, params.at)
    place = point.places.of(params.host)
    asked = {**_authorization(point, place, params), "key": params.api_key}
    lever = point.changes.levers["method-auth"]
    spot = _spot(point, place, params.path, params.method)
    return _changed(name, point.changes.make(Asked(lever, _stage(place), spot, asked, job.scene.case_id, _key(job))))


def _authorization(point: GatewayPoint, place: Place, params: RequireAuth) -> State:
    if bool(params.authorizer_id) + params.iam > 1 or not (params.authorizer_id or params.iam or params.api_key):
        raise Rejected("say what to require: authorizer_id or iam, api_key, or one of them with api_key")
    if params.iam:
        return {"type": "AWS_IAM"}
    if not params.authorizer_id:
        return {}
    kind = str(point.gateway.authorizer(place.api, params.authorizer_id)["type"])
    if kind not in _AUTHORIZERS:
        raise Rejected("the authorizer is of a kind that Stanch does not know")
    return {"type": _AUTHORIZERS[kind], "authorizer": params.authorizer_id}


def _enforce_contract(world: World, job: Job, params: EnforceContract) -> Changed:
    name, point = _serving(world, params.host, params.at)
    place = point.places.of(params.host)
    if not place.contract:
        hint = "set `contract` of the host in `apis` to its OpenAPI file"
        raise Rejected("no OpenAPI file is configured for this host", code="V078", hint=hint)
    contract = contract_of(place.contract, path=params.path, method=params.method)
    spot = _spot(point, place, params.path, params.method)
    key = _key(job)
    asked: State = {"validator": "", "models": {}, "parameters": {}}
    ask = Asked(
        point.changes.levers["method-contract"],
        _stage(place),
        spot,
        asked,
        job.scene.case_id,
        key,
        prepare=lambda: make_parts(point.gateway, place.api, key, contract),
    )
    return _changed(name, point.changes.make(ask), left_out=contract.left_out)


def _restore(world: World, job: Job, params: Restore) -> Restored:
    changes, inner = _named(world, params.change)
    restored, state = changes.restore(inner)
    return Restored(restored=restored, state=state)


def _check(world: World, job: Job, params: CheckChange) -> Checked:
    """As a step's proof, of that step's own change; looked at until it stands or the time is over."""
    outputs: Mapping[str, Any] = job.call.subject.get("outputs", {}) if job.call.subject else {}
    changes, inner = _named(world, params.change or str(outputs.get("change_id", "")))
    if outputs.get("already"):
        return Checked(state="stood before")
    deadline = time.monotonic() + min(params.within, timedelta(seconds=40)).total_seconds()
    while (state := changes.standing(inner)) != "stands":
        if time.monotonic() + _PAUSE_SECONDS > deadline:
            raise Rejected(f"no proof of effect: {state}", code="V020")
        time.sleep(_PAUSE_SECONDS)
    return Checked(state=state)


IMPLEMENTATIONS: Mapping[str, Any] = {
    "apigw.throttle_method": _throttle_method,
    "apigw.throttle_plan": _throttle_plan,
    "apigw.require_auth": _require_auth,
    "apigw.enforce_contract": _enforce_contract,
    "apigw.restore": _restore,
    "apigw.check": _check,
}
