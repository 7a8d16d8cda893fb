"""Verbs that deny requests for a limited time; each is a lease held at the enforcement point that serves the host."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from pydantic import Field

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass
from stanch.durations import Duration
from stanch.who import Who

_DAY = timedelta(days=1)


class Scope(Params):
    """`until` ends it before `ttl` does, where it is known when there is nothing left to block."""

    host: str
    path: str = "/**"
    method: str = ""
    methods: tuple[str, ...] = ()
    principal: Who | None = None
    ips: tuple[str, ...] = ()
    ttl: Duration = _DAY
    until: datetime | None = None
    at: str = ""


class Count(Scope):
    """What a block would deny is counted and let through."""


class ObserveParams(Params):
    host: str
    path: str = "/**"
    method: str = ""
    methods: tuple[str, ...] = ()
    principal: Who | None = None
    ips: tuple[str, ...] = ()
    window: Duration = timedelta(hours=1)
    standing: bool = False
    at: str = ""


class ObservedBlock(Outputs):
    requests: int = 0
    clients: int = 0
    principals: int = 0
    succeeded: int = 0
    share_of_endpoint: float = 0.0
    unknown_share: float = 0.0
    coverage: str = ""


class Address(Params):
    ip: str
    host: str
    path: str = "/**"
    ttl: Duration = timedelta(hours=1)
    at: str = ""


class Rate(Params):
    host: str
    path: str = "/**"
    method: str = ""
    methods: tuple[str, ...] = ()
    principal: Who | None = None
    requests: int = Field(ge=1, le=2_000_000_000)
    per: Duration = timedelta(minutes=1)
    by: str = Field(default="ip", pattern=r"^(ip|header:[A-Za-z0-9_-]{1,64})$")
    ttl: Duration = _DAY
    at: str = ""


class Lift(Params):
    lease_id: str


class Held(Outputs):
    lease_id: str = ""
    rule_id: str = ""
    point: str = ""
    target: str = ""
    expires_at: str = ""
    proof: dict[str, str] = Field(default_factory=dict)


class Lifted(Outputs):
    lease_id: str = ""
    state: str = ""
    proof: dict[str, str] = Field(default_factory=dict)


class EstimateParams(Params):
    host: str
    path: str = "/**"
    method: str = ""
    principal: Who | None = None
    ips: tuple[str, ...] = ()
    window: Duration = _DAY
    at: str = ""


class Estimated(Outputs):
    requests: int = 0
    clients: int = 0
    principals: int = 0
    succeeded: int = 0
    share_of_endpoint: float = 0.0
    coverage: str = ""
    unknown_share: float = 0.0
    nameless: int = 0
    behind: int = 0
    narrower: str = ""
    examples: tuple[str, ...] = ()


def lift_of(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that give a lease back."""
    return {"lease_id": outputs["lease_id"]}


_WAF = (
    *("wafv2:GetRuleGroup", "wafv2:ListRuleGroups", "wafv2:CreateRuleGroup", "wafv2:UpdateRuleGroup"),
    *("wafv2:GetIPSet", "wafv2:ListIPSets", "wafv2:CreateIPSet", "wafv2:UpdateIPSet", "wafv2:DeleteIPSet"),
    *("wafv2:GetWebACL", "wafv2:ListWebACLs", "wafv2:UpdateWebACL", "wafv2:CheckCapacity"),
    "wafv2:GetSampledRequests",  # guards look at traffic right before the call
    *("wafv2:GetLoggingConfiguration", "logs:FilterLogEvents"),  # where `log_group` is set
)
_PERMISSIONS = MappingProxyType(
    {
        "envoy": ("write to the listener file's directory", "read the admin interface"),
        "nginx": ("write to the rules file's directory", "run the configuration test", "reload", "read both logs"),
        "caddy": ("connect to the admin endpoint", "read the access log"),
        "kong": ("read, put and delete routes and plugins in the Admin API", "read the access log"),
        "aws_waf": _WAF,
    }
)

ACTIONS = (
    ActionSpec(
        name="block.scope",
        title="Block matching requests",
        effect=Effect.CHANGE,
        params=Scope,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="block.lift",
        undo_with=lift_of,
        undo_class=UndoClass.REMOVE_OWN,
        leased=True,
        total=timedelta(minutes=15),
        permissions=_PERMISSIONS,
        example="{id: block, do: block.scope, with: {host: api.example.com, path: '/users/{id}', ttl: 4h}}",
    ),
    ActionSpec(
        name="block.ip",
        title="Block an address",
        effect=Effect.CHANGE,
        params=Address,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="block.lift",
        undo_with=lift_of,
        undo_class=UndoClass.REMOVE_OWN,
        leased=True,
        total=timedelta(minutes=15),
        permissions=_PERMISSIONS,
        example="{id: block_ip, do: block.ip, with: {host: api.example.com, ip: 192.0.2.10, ttl: 1h}}",
    ),
    ActionSpec(
        name="limit.rate",
        title="Let matching requests through only so often",
        effect=Effect.CHANGE,
        params=Rate,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="block.lift",
        undo_with=lift_of,
        undo_class=UndoClass.REMOVE_OWN,
        leased=True,
        total=timedelta(minutes=15),
        permissions=MappingProxyType({"aws_waf": _WAF}),
        example="{id: slow, do: limit.rate, with: {host: api.example.com, path: /login, requests: 100, ttl: 4h}}",
    ),
    ActionSpec(
        name="block.count",
        title="Count what a block would deny, and deny nothing",
        effect=Effect.CHANGE,
        params=Count,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="block.lift",
        undo_with=lift_of,
        undo_class=UndoClass.REMOVE_OWN,
        leased=True,
        total=timedelta(minutes=15),
        permissions=_PERMISSIONS,
        example="{id: canary, do: block.count, with: {host: api.example.com, path: '/users/{id}', ttl: 30m}}",
    ),
    ActionSpec(
        name="block.observe",
        title="Read what a counted block would have denied, or a standing one has",
        effect=Effect.READ,
        params=ObserveParams,
        outputs=ObservedBlock,
        queue=Queue.PROBE,
        total=timedelta(minutes=5),
        example="{id: seen, do: block.observe, with: {host: api.example.com, path: '/users/{id}', window: 30m}}",
    ),
    ActionSpec(
        name="block.lift",
        title="Lift a block",
        effect=Effect.CHANGE,
        params=Lift,
        outputs=Lifted,
        queue=Queue.CONTAIN,
        leased=True,
        total=None,
        example="{id: lift, do: block.lift, with: {lease_id: 0123456789abcdef}}",
    ),
    ActionSpec(
        name="block.estimate",
        title="Estimate what a block would hit",
        effect=Effect.READ,
        params=EstimateParams,
        outputs=Estimated,
        queue=Queue.PROBE,
        total=timedelta(minutes=5),
        example="{id: preview, do: block.estimate, with: {host: api.example.com, path: '/users/{id}', method: GET}}",
    ),
)
