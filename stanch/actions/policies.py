"""Verbs for managed rule sets attached to a whole API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass
from stanch.durations import Duration

Mode = Literal["count", "block"]


class Attach(Params):
    host: str
    groups: tuple[str, ...]
    action: Mode = "count"
    at: str = ""


class Attached(Outputs):
    attachment_id: str = ""
    mode: str = "count"
    already: bool = False
    before: str = ""
    after: str = ""


class Observe(Params):
    attachment: str
    window: Duration = timedelta(hours=1)


class Observed(Outputs):
    would_block_ratio: float = 0.0
    requests: float = 0.0
    would_block: float = 0.0


class Enforce(Params):
    attachment: str
    action: Mode = "block"


class Detach(Params):
    attachment: str


class Detached(Outputs):
    detached: bool = True


def _detach(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"attachment": outputs["attachment_id"]}


def _relax(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"attachment": outputs["attachment_id"], "action": "count"}


_PERMISSIONS = MappingProxyType(
    {"aws_waf": ("wafv2:GetWebACL", "wafv2:UpdateWebACL", "wafv2:CheckCapacity", "wafv2:GetSampledRequests")}
)
_QUICK = timedelta(minutes=15)

ACTIONS = (
    ActionSpec(
        name="policy.attach",
        title="Attach a managed rule set",
        effect=Effect.CHANGE,
        params=Attach,
        outputs=Attached,
        queue=Queue.CONTAIN,
        inverse="policy.detach",
        undo_with=_detach,
        undo_class=UndoClass.COMPARE_AND_RESTORE,
        total=_QUICK,
        permissions=_PERMISSIONS,
        example=(
            "{id: attach, do: policy.attach, with: {host: api.example.com, groups: [AWSManagedRulesCommonRuleSet]}}"
        ),
    ),
    ActionSpec(
        name="policy.observe",
        title="Count what the rule set would have blocked",
        effect=Effect.READ,
        params=Observe,
        outputs=Observed,
        queue=Queue.CONTAIN,
        total=_QUICK,
        permissions=_PERMISSIONS,
        example="{id: watched, do: policy.observe, with: {attachment: shop-acl/stanch-0123}}",
    ),
    ActionSpec(
        name="policy.enforce",
        title="Let the rule set block",
        effect=Effect.CHANGE,
        params=Enforce,
        outputs=Attached,
        queue=Queue.CONTAIN,
        inverse="policy.relax",
        undo_with=_relax,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        total=_QUICK,
        permissions=_PERMISSIONS,
        example="{id: enforce, do: policy.enforce, with: {attachment: shop-acl/stanch-0123}}",
    ),
    ActionSpec(
        name="policy.relax",
        title="Let the rule set only count again",
        effect=Effect.CHANGE,
        params=Enforce,
        outputs=Attached,
        queue=Queue.CONTAIN,
        total=None,
        permissions=_PERMISSIONS,
        example="{id: relax, do: policy.relax, with: {attachment: shop-acl/stanch-0123, action: count}}",
    ),
    ActionSpec(
        name="policy.detach",
        title="Take the rule set off",
        effect=Effect.CHANGE,
        params=Detach,
        outputs=Detached,
        queue=Queue.CONTAIN,
        total=None,
        permissions=_PERMISSIONS,
        example="{id: detach, do: policy.detach, with: {attachment: shop-acl/stanch-0123}}",
    ),
)
