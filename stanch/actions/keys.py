"""Verbs on API keys that a gateway gave out; each is a lease held at the gateway, and the key itself is never read."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from pydantic import Field

from stanch.actions.blocks import Held, Lift, Lifted, lift_of
from stanch.catalog import ActionSpec, Effect, Params, Queue, UndoClass
from stanch.durations import Duration


class DisableKey(Params):
    key_id: str = Field(min_length=1, max_length=128)
    ttl: Duration = timedelta(hours=4)
    at: str = ""


class RemoveKey(Params):
    key_id: str = Field(min_length=1, max_length=128)
    plan_id: str = Field(min_length=1, max_length=128)
    ttl: Duration = timedelta(hours=4)
    at: str = ""


_READ = "apigateway:GET on /apikeys, /apikeys/*"
_TAGS = "apigateway:PUT and apigateway:DELETE on /tags/*"
_DISABLE = MappingProxyType({"api_gateway": (_READ, "apigateway:PATCH on /apikeys/*", _TAGS)})
_REMOVE = MappingProxyType(
    {
        "api_gateway": (
            _READ,
            "apigateway:GET on /usageplans/*/keys/*",
            "apigateway:POST on /usageplans/*/keys",
            "apigateway:DELETE on /usageplans/*/keys/*",
            _TAGS,
        )
    }
)
_QUICK = timedelta(minutes=15)

ACTIONS = (
    ActionSpec(
        name="key.disable",
        title="Disable an API key",
        effect=Effect.CHANGE,
        params=DisableKey,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="key.enable",
        undo_with=lift_of,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        leased=True,
        total=_QUICK,
        permissions=_DISABLE,
        example="{id: disable, do: key.disable, with: {key_id: a1b2c3d4e5, ttl: 4h}}",
    ),
    ActionSpec(
        name="key.enable",
        title="Enable an API key again that we disabled",
        effect=Effect.CHANGE,
        params=Lift,
        outputs=Lifted,
        queue=Queue.CONTAIN,
        leased=True,
        total=None,
        permissions=_DISABLE,
        example="{id: enable, do: key.enable, with: {lease_id: 0123456789abcdef}}",
    ),
    ActionSpec(
        name="apigw.remove_key_from_plan",
        title="Take an API key out of a usage plan",
        effect=Effect.CHANGE,
        params=RemoveKey,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="apigw.return_key_to_plan",
        undo_with=lift_of,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        leased=True,
        total=_QUICK,
        permissions=_REMOVE,
        example="{id: out, do: apigw.remove_key_from_plan, with: {key_id: a1b2c3d4e5, plan_id: p1q2r3, ttl: 4h}}",
    ),
    ActionSpec(
        name="apigw.return_key_to_plan",
        title="Put an API key back that we took out of a usage plan",
        effect=Effect.CHANGE,
        params=Lift,
        outputs=Lifted,
        queue=Queue.CONTAIN,
        leased=True,
        total=None,
        permissions=_REMOVE,
        example="{id: back, do: apigw.return_key_to_plan, with: {lease_id: 0123456789abcdef}}",
    ),
)
