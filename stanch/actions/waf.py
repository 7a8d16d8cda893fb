"""Verbs that only AWS WAF has: putting a web ACL in front of a resource, and having it logged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass


class Associate(Params):
    host: str
    at: str = ""


class Associated(Outputs):
    change: str = ""
    already: bool = False
    before: str = ""
    after: str = ""


class EnableLogging(Params):
    host: str
    at: str = ""


class TakeBack(Params):
    change: str


class TakenBack(Outputs):
    done: bool = True


def _back(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"change": outputs["change"]}


_FIND = ("wafv2:ListWebACLs", "wafv2:GetWebACLForResource")
_LOGS = ("wafv2:ListWebACLs", "wafv2:GetLoggingConfiguration")
_QUICK = timedelta(minutes=15)

ACTIONS = (
    ActionSpec(
        name="waf.associate",
        title="Put the web ACL in front of a host's resource",
        effect=Effect.CHANGE,
        params=Associate,
        outputs=Associated,
        queue=Queue.CONTAIN,
        inverse="waf.dissociate",
        undo_with=_back,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        total=_QUICK,
        permissions=MappingProxyType({"aws_waf": (*_FIND, "wafv2:AssociateWebACL")}),
        example="{id: shield, do: waf.associate, with: {host: api.example.com}}",
    ),
    ActionSpec(
        name="waf.dissociate",
        title="Take the web ACL away again",
        effect=Effect.CHANGE,
        params=TakeBack,
        outputs=TakenBack,
        queue=Queue.CONTAIN,
        total=None,
        permissions=MappingProxyType({"aws_waf": (*_FIND, "wafv2:DisassociateWebACL")}),
        example="{id: unshield, do: waf.dissociate, with: {change: 'waf::api.example.com'}}",
    ),
    ActionSpec(
        name="waf.enable_logging",
        title="Have the web ACL of a host logged",
        effect=Effect.CHANGE,
        params=EnableLogging,
        outputs=Associated,
        queue=Queue.CONTAIN,
        inverse="waf.disable_logging",
        undo_with=_back,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        total=_QUICK,
        permissions=MappingProxyType({"aws_waf": (*_LOGS, "wafv2:PutLoggingConfiguration")}),
        example="{id: log, do: waf.enable_logging, with: {host: api.example.com}}",
    ),
    ActionSpec(
        name="waf.disable_logging",
        title="Stop the logging that Stanch began",
        effect=Effect.CHANGE,
        params=TakeBack,
        outputs=TakenBack,
        queue=Queue.CONTAIN,
        total=None,
        permissions=MappingProxyType({"aws_waf": (*_LOGS, "wafv2:DeleteLoggingConfiguration")}),
        example="{id: unlog, do: waf.disable_logging, with: {change: 'waf::api.example.com'}}",
    ),
)
