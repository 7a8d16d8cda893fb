"""A line of a WAF log as a request and what the web ACL said of it. Attackers write what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities._access_log import Line
from stanch.estimating import Request, from_waf_log
from stanch.shapes import is_dict, is_list

MOST_BYTES = 1 << 20  # of one line at CloudWatch Logs
STOPPED = frozenset({"BLOCK", "CAPTCHA", "CHALLENGE"})
_DENIED = 403  # what WAF answers where the rule has no answer of its own
_NAME = 128  # characters of a rule's name
Named = tuple[str, str]  # ARN of a rule group, "" for the web ACL itself, and a rule in it


@dataclass(frozen=True)
class Record:
    """One request.

    Args:
        request: as the estimator reads it.
        acl: ARN of the web ACL.
        ended: the rule that decided it.
        counted: rules of groups that matched and went on.
        status: what WAF answered, 0 where it let the API answer.
    """

    request: Request
    at: datetime
    acl: str
    action: str
    ended: Named
    counted: frozenset[Named] = frozenset()
    status: int = 0

    @property
    def agent(self) -> str:
        return (self.request.headers.get("user-agent") or ("",))[0]

    def line(self) -> Line:
        """As other logs have it."""
        request = self.request
        return Line(
            at=self.at,
            method=_plain(request.method),
            host=_plain(request.host),
            path=_plain(request.path),
            status=self.status,
            client=_plain(request.client),
            claims={"sub": request.principal} if request.principal else {},
            policy=_plain(self.ended[1]),
            agent=_plain(self.agent),
        )


def read_record(text: str) -> Record | None:
    """One line; None where it is not one of WAF's in full."""
    if len(text) > MOST_BYTES:
        return None
    try:
        body = _clean(json.loads(text))
        request = from_waf_log(body)
        if request.at is None or not is_dict(body):
            return None
        action = str(body["action"])
        return Record(
            request=request,
            at=request.at,
            acl=str(body["webaclId"]),
            action=action,
            ended=_ended(body, action),
            counted=frozenset(_counted(body)),
            status=_status(body, action),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None


def _ended(body: Mapping[str, Any], action: str) -> Named:
    """The rule that decided: of a group where the last of those that were asked has one, and WAF says it was a group.

    A group whose reference counts has a rule of its own there, too, and decides nothing.
    """
    top = ("", str(body.get("terminatingRuleId") or "")[:_NAME])
    if body.get("terminatingRuleType") != "GROUP":
        return top
    for group in reversed(_listed(body, "ruleGroupList")):
        rule = group.get("terminatingRule")
        if is_dict(rule) and rule.get("action") == action:
            return str(group.get("ruleGroupId") or ""), str(rule.get("ruleId") or "")[:_NAME]
    return top


def _counted(body: Mapping[str, Any]) -> Iterator[Named]:
    for group in _listed(body, "ruleGroupList"):
        for rule in _listed(group, "nonTerminatingMatchingRules"):
            if rule.get("action") == "COUNT":
                yield str(group.get("ruleGroupId") or ""), str(rule.get("ruleId") or "")[:_NAME]


def _status(body: Mapping[str, Any], action: str) -> int:
    sent = body.get("responseCodeSent")
    if isinstance(sent, int) and 100 <= sent < 600:
        return sent
    return _DENIED if action == "BLOCK" else 0


def _listed(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = body.get(name)
    return [one for one in found if is_dict(one)] if is_list(found) else []


def _clean(body: Any) -> Any:
    """The same without halves of characters (lone surrogates), which no later step could write."""
    text = json.dumps(body, ensure_ascii=False)
    return body if text.isascii() else json.loads(text.encode("utf-8", "replace"))


def _plain(text: str | None) -> str:
    """In one line, and nothing that steers a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in (text or "")[:2048])
