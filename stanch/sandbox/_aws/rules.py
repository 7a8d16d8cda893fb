"""What WAFv2 demands of a list of rules, and what the list weighs."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stanch.sandbox._aws.managed import GROUPS, ManagedGroup
from stanch.sandbox._aws.shapes import AwsError, invalid

Rule = Mapping[str, Any]
Resolve = Callable[[str, str], Mapping[str, Any]]  # (kind, ARN) -> body; raises AwsError where there is none

_FLAT = {
    "RegexPatternSetReferenceStatement": 25,
    "SizeConstraintStatement": 1,
    "RegexMatchStatement": 3,
    "SqliMatchStatement": 20,
    "XssMatchStatement": 40,
    "IPSetReferenceStatement": 1,
}
_RESERVED = {"awswaf", "aws", "waf", "rulegroup", "webacl", "regexpatternset", "ipset", "managed"}
_UNSUPPORTED = re.compile(r"\(\?[=!<>P]|\(\?\(|\\[1-9KRCX]")
_GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
_REFERENCES = {
    "IPSetReferenceStatement": "IPSet",
    "RegexPatternSetReferenceStatement": "RegexPatternSet",
    "RuleGroupReferenceStatement": "RuleGroup",
}


def managed_group(body: Mapping[str, Any]) -> ManagedGroup:
    """The managed group that a request names, in a version that exists."""
    group = GROUPS.get(str(body["Name"])) if body["VendorName"] == "AWS" else None
    if group is None:
        raise AwsError("WAFNonexistentItemException", "no such managed rule group")
    version = body.get("Version", body.get("VersionName"))
    if version is not None and version not in group.versions:
        raise AwsError("WAFNonexistentItemException", "no such version of the managed rule group")
    return group


def validate(rules: Sequence[Rule], *, resolve: Resolve, in_group: bool, bodies: Mapping[str, Any]) -> None:
    """Refuse what AWS refuses: duplicates, wrong action kinds, unknown references, groups inside groups."""
    for member in ("Name", "Priority"):
        values = [rule[member] for rule in rules]
        if len(set(values)) != len(values):
            raise invalid(f"rules share a {member}", "RULE")
    for rule in rules:
        _rule(rule, in_group=in_group, bodies=bodies)
        _labels(rule)
        for kind, body in leaves(rule["Statement"]):
            if kind == "RegexMatchStatement":
                _expression(str(body["RegexString"]))
            if kind == "ByteMatchStatement" and len(base64.b64decode(body["SearchString"])) > 200:
                raise AwsError("WAFLimitsExceededException", "a search string has 200 bytes")
            if kind in _REFERENCES:
                resolve(_REFERENCES[kind], body["ARN"])
            elif kind == "ManagedRuleGroupStatement":
                managed_group(body)


def _labels(rule: Rule) -> None:
    labels = rule.get("RuleLabels", [])
    if len(labels) > 100:
        raise AwsError("WAFLimitsExceededException", "a rule has 100 labels")
    for label in labels:
        parts = str(label["Name"]).split(":")
        if len(parts) > 6 or any(not part or len(part) > 128 or part in _RESERVED for part in parts):
            raise invalid("a label has five namespaces and a name, each of 1 to 128 characters", "LABEL")


def _expression(text: str) -> None:
    if _UNSUPPORTED.search(text):
        raise invalid("WAF has no look-around, back references or atomic groups", "REGEX_PATTERN")
    try:
        re.compile(text)
    except re.error:
        raise invalid("not a regular expression", "REGEX_PATTERN") from None


def _rule(rule: Rule, *, in_group: bool, bodies: Mapping[str, Any]) -> None:
    holds_group = any(kind in rule["Statement"] for kind in _GROUPS)
    wanted = "OverrideAction" if holds_group else "Action"
    given = [name for name in ("Action", "OverrideAction") if name in rule]
    if given != [wanted] or len(rule[wanted]) != 1:
        raise invalid(f"rule {rule['Name']} needs exactly one {wanted}", "RULE_ACTION")
    if holds_group and in_group:
        raise invalid("a rule group holds no other groups", "STATEMENT")
    response = rule.get("Action", {}).get("Block", {}).get("CustomResponse", {})
    key = response.get("CustomResponseBodyKey")
    if key is not None and key not in bodies:
        raise invalid("no custom response body with that key", "CUSTOM_RESPONSE_BODY")


def leaves(statement: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Statements of a tree that hold no others, the scope-down part of groups and rate rules included."""
    if len(statement) != 1:
        raise invalid("a statement has exactly one kind", "STATEMENT")
    ((kind, body),) = statement.items()
    nested = [*body.get("Statements", []), *([body["Statement"]] if "Statement" in body else [])]
    for inner in nested:
        yield from leaves(inner)
    if "ScopeDownStatement" in body:
        yield from leaves(body["ScopeDownStatement"])
    if not nested:
        yield kind, body


def capacity(rules: Sequence[Rule], resolve: Resolve) -> int:
    return sum(_weight(kind, body, resolve) for rule in rules for kind, body in leaves(rule["Statement"]))


def _weight(kind: str, body: Mapping[str, Any], resolve: Resolve) -> int:
    if kind == "ManagedRuleGroupStatement":
        return managed_group(body).capacity
    if kind == "RuleGroupReferenceStatement":
        return int(resolve("RuleGroup", body["ARN"])["Capacity"])
    if kind == "RateBasedStatement":
        return 2 + 30 * len(body.get("CustomKeys", []))
    if body.get("IPSetForwardedIPConfig", {}).get("Position") == "ANY":
        return 5
    transformations = [item for item in body.get("TextTransformations", []) if item["Type"] != "NONE"]
    double = 2 if "JsonBody" in body.get("FieldToMatch", {}) else 1
    return double * _base(kind, body) + 10 * len(transformations)


def _base(kind: str, body: Mapping[str, Any]) -> int:
    if kind == "ByteMatchStatement":
        return 10 if str(body["PositionalConstraint"]).startswith("CONTAINS") else 2
    return _FLAT.get(kind, 1)
