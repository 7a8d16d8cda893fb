"""Verbs that only API Gateway has: limits of a stage's method or a plan, who may call a method, and what it accepts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass
from stanch.durations import Duration

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"]


class ThrottleMethod(Params):
    host: str
    path: str
    method: Method
    rate: float = Field(ge=0, le=10_000)
    burst: int = Field(ge=0, le=5_000)
    at: str = ""


class ThrottlePlan(Params):
    plan_id: str = Field(min_length=1, max_length=128)
    rate: float = Field(ge=0, le=10_000)
    burst: int = Field(ge=0, le=5_000)
    at: str = ""


class RequireAuth(Params):
    host: str
    path: str
    method: Method
    authorizer_id: str = ""
    iam: bool = False
    api_key: bool = False
    at: str = ""


class EnforceContract(Params):
    host: str
    path: str
    method: Method
    at: str = ""


class Changed(Outputs):
    change_id: str = ""
    already: bool = False
    before: str = ""
    after: str = ""
    deployment: str = ""
    left_out: tuple[str, ...] = ()


class Restore(Params):
    change: str


class Restored(Outputs):
    restored: bool = False
    state: str = ""


class CheckChange(Params):
    change: str = ""
    within: Duration = timedelta(minutes=2)


class Checked(Outputs):
    ok: bool = True
    state: str = ""


def _restore(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"change": outputs["change_id"]}


_STAGE = "apigateway:GET and apigateway:PATCH on /restapis/*/stages/*"
_TAGS = "apigateway:PUT and apigateway:DELETE on /tags/*"
_READ = ("apigateway:GET on /restapis/*/resources", "apigateway:GET on /restapis/*/deployments/*")
_METHOD = "apigateway:GET and apigateway:PATCH on /restapis/*/resources/*/methods/*"
_DEPLOY = "apigateway:POST on /restapis/*/deployments"
_PLAN = "apigateway:GET and apigateway:PATCH on /usageplans/*"
_PARTS = (
    "apigateway:GET, apigateway:POST and apigateway:DELETE on /restapis/*/requestvalidators, /restapis/*/models",
    "apigateway:GET on /restapis/*/authorizers/*",
)
_THROTTLE_METHOD = MappingProxyType({"api_gateway": (_STAGE, _TAGS, _READ[0])})
_THROTTLE_PLAN = MappingProxyType({"api_gateway": (_PLAN, _TAGS)})
_CHANGE = MappingProxyType({"api_gateway": (_STAGE, _TAGS, *_READ, _METHOD, _DEPLOY, *_PARTS)})
_RESTORE = MappingProxyType({"api_gateway": (_STAGE, _TAGS, *_READ, _METHOD, _DEPLOY, _PARTS[0], _PLAN)})
_QUICK = timedelta(minutes=15)


def _change(name: str, title: str, params: type[Params], example: str, permissions: Mapping[str, Any]) -> ActionSpec:
    return ActionSpec(
        name=name,
        title=title,
        effect=Effect.CHANGE,
        params=params,
        outputs=Changed,
        queue=Queue.CONTAIN,
        inverse="apigw.restore",
        undo_with=_restore,
        undo_class=UndoClass.COMPARE_AND_RESTORE,
        attempt=timedelta(seconds=60),
        total=_QUICK,
        permissions=permissions,
        example=example,
    )


ACTIONS = (
    _change(
        "apigw.throttle_method",
        "Limit the rate of one method",
        ThrottleMethod,
        "{id: slow, do: apigw.throttle_method, with: {host: api.example.com, path: '/users/{id}', method: GET, "
        "rate: 5, burst: 10}}",
        _THROTTLE_METHOD,
    ),
    _change(
        "apigw.throttle_plan",
        "Limit the rate of a usage plan",
        ThrottlePlan,
        "{id: slow, do: apigw.throttle_plan, with: {plan_id: p1q2r3, rate: 5, burst: 10}}",
        _THROTTLE_PLAN,
    ),
    _change(
        "apigw.require_auth",
        "Require authorization or an API key of one method",
        RequireAuth,
        "{id: close, do: apigw.require_auth, with: {host: api.example.com, path: /orders, method: POST, "
        "authorizer_id: a1b2c3}}",
        _CHANGE,
    ),
    _change(
        "apigw.enforce_contract",
        "Refuse requests that break the API's OpenAPI file",
        EnforceContract,
        "{id: contract, do: apigw.enforce_contract, with: {host: api.example.com, path: /orders, method: POST}}",
        _CHANGE,
    ),
    ActionSpec(
        name="apigw.restore",
        title="Take a change of API Gateway back",
        effect=Effect.CHANGE,
        params=Restore,
        outputs=Restored,
        queue=Queue.CONTAIN,
        attempt=timedelta(seconds=60),
        total=None,
        permissions=_RESTORE,
        example="{id: back, do: apigw.restore, with: {change: 'gw::usageplans/p1q2r3/0123456789ab'}}",
    ),
    ActionSpec(
        name="apigw.check",
        title="Prove that a change of API Gateway stands",
        effect=Effect.READ,
        params=CheckChange,
        outputs=Checked,
        queue=Queue.CONTAIN,
        attempt=timedelta(seconds=60),
        total=timedelta(minutes=10),
        example="{id: check, do: apigw.check, with: {change: 'gw::usageplans/p1q2r3/0123456789ab', within: 1m}}",
    ),
)
