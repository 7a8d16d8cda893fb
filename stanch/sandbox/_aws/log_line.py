"""The line that WAF writes for a request it judged: log format 1, with what the web ACL has it leave out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from stanch.sandbox._aws.asked import Asked, Verdict

Body = Mapping[str, Any]
REDACTED = "REDACTED"
_PROTECTED = {
    "SINGLE_HEADER": "SingleHeader",
    "QUERY_STRING": "QueryString",
    "SINGLE_COOKIE": "SingleCookie",
    "SINGLE_QUERY_ARGUMENT": "SingleQueryArgument",
}


def line(asked: Asked, verdict: Verdict, *, acl: str = "", at: float | None = None) -> dict[str, Any]:
    """A line with everything in it, of the web ACL with this ARN, at a second since the epoch or now."""
    headers = [{"name": name, "value": _text(value)} for name, value in asked.headers]
    host = next((one["value"] for one in headers if one["name"].lower() == "host"), "")
    return {
        "timestamp": int((time.time() if at is None else at) * 1000),
        "formatVersion": 1,
        "webaclId": acl,
        "terminatingRuleId": verdict.top or verdict.rule or "Default_Action",
        "terminatingRuleType": "GROUP" if verdict.group else "REGULAR",
        "action": verdict.action,
        "terminatingRuleMatchDetails": [],
        "httpSourceName": "APIGW",
        "httpSourceId": "-",
        "ruleGroupList": list(verdict.groups),
        "rateBasedRuleList": [],
        "nonTerminatingMatchingRules": [_counted(name) for name in verdict.over],
        "requestHeadersInserted": None,
        "responseCodeSent": verdict.status if verdict.action == "BLOCK" and verdict.headers else None,
        "httpRequest": {
            "clientIp": asked.peer,
            "country": "-",
            "headers": headers,
            "uri": _text(asked.path),
            "args": _text(asked.query),
            "httpVersion": "HTTP/1.1",
            "httpMethod": asked.method,
            "requestId": hashlib.sha256(repr(asked).encode()).hexdigest()[:16],
            "host": host,
        },
        "labels": [{"name": label} for label in verdict.labels[:100]],
    }


def group(arn: str, *, ended: str = "", action: str = "", counted: tuple[str, ...] = ()) -> dict[str, Any]:
    """An entry of `ruleGroupList`."""
    rule = {"ruleId": ended, "action": action, "ruleMatchDetails": None} if ended else None
    found = [_counted(name) for name in counted]
    return {"ruleGroupId": arn, "terminatingRule": rule, "nonTerminatingMatchingRules": found, "excludedRules": None}


def shown(made: Mapping[str, Any], acl: Body, logging: Body) -> dict[str, Any] | None:
    """The line as it is logged, None where the logging filter drops it."""
    if not _kept(made, logging.get("LoggingFilter")):
        return None
    request = dict(made["httpRequest"])
    for kind, name in _redacted(logging):
        _hide(request, kind, name, REDACTED)
    for kind, name, action in _protected(acl):
        _hide(request, kind, name, "xxx" if action == "SUBSTITUTION" else None)
    return {**made, "httpRequest": request}


def _counted(name: str) -> dict[str, Any]:
    return {"ruleId": name, "action": "COUNT", "ruleMatchDetails": []}


def _kept(made: Mapping[str, Any], wanted: Body | None) -> bool:
    if wanted is None:
        return True
    for one in wanted["Filters"]:
        met = [_meets(made, condition) for condition in one["Conditions"]]
        if all(met) if one["Requirement"] == "MEETS_ALL" else any(met):
            return bool(one["Behavior"] == "KEEP")
    return bool(wanted["DefaultBehavior"] == "KEEP")


def _meets(made: Mapping[str, Any], condition: Body) -> bool:
    if "ActionCondition" in condition:
        return condition["ActionCondition"]["Action"] in _actions(made)
    return {"name": condition["LabelNameCondition"]["LabelName"]} in made["labels"]


def _actions(made: Mapping[str, Any]) -> set[str]:
    inside = [rule for one in made["ruleGroupList"] for rule in one["nonTerminatingMatchingRules"]]
    return {made["action"], *(rule["action"] for rule in [*made["nonTerminatingMatchingRules"], *inside])}


def _redacted(logging: Body) -> Iterator[tuple[str, str]]:
    for one in logging.get("RedactedFields", ()):
        ((kind, body),) = one.items()
        yield kind, str(body.get("Name", ""))


def _protected(acl: Body) -> Iterator[tuple[str, str, str]]:
    for one in acl.get("DataProtectionConfig", {}).get("DataProtections", ()):
        for name in one["Field"].get("FieldKeys") or [""]:
            yield _PROTECTED.get(one["Field"]["FieldType"], ""), str(name), str(one["Action"])


def _hide(request: dict[str, Any], kind: str, name: str, word: str | None) -> None:
    """Put a word in, or a hash where there is none."""
    member = {"UriPath": "uri", "QueryString": "args", "Method": "httpMethod"}.get(kind)
    if member is not None:
        request[member] = _hidden(str(request[member]), word)
    elif kind == "SingleHeader":
        request["headers"] = [
            {**one, "value": _hidden(one["value"], word)} if one["name"].lower() == name.lower() else one
            for one in request["headers"]
        ]
    elif kind == "SingleQueryArgument":
        request["args"] = _without(str(request["args"]), "&", name, word)
    elif kind == "SingleCookie":
        request["headers"] = [
            {**one, "value": _without(one["value"], ";", name, word)} if one["name"].lower() == "cookie" else one
            for one in request["headers"]
        ]


def _without(text: str, between: str, name: str, word: str | None) -> str:
    """Pairs, of which those with a name have their value hidden."""
    return between.join(_pair(part, name, word) for part in text.split(between))


def _pair(part: str, name: str, word: str | None) -> str:
    key, equals, value = part.partition("=")
    return key + equals + _hidden(value, word) if equals and key.strip().lower() == name.lower() else part


def _hidden(value: str, word: str | None) -> str:
    return hashlib.sha256(value.encode()).hexdigest() if word is None else word


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
