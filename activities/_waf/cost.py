"""What WAFv2 rules weigh (capacity units) and which quotas they use up, by Amazon's published figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Rule = Mapping[str, Any]
_FLAT = {"RegexMatchStatement": 3, "RegexPatternSetReferenceStatement": 25, "LabelMatchStatement": 1}
_FLAT |= {"SizeConstraintStatement": 1, "SqliMatchStatement": 20, "XssMatchStatement": 40, "GeoMatchStatement": 1}
_SETS = ("IPSetReferenceStatement", "RegexPatternSetReferenceStatement")
_TRANSFORMATION, _CUSTOM_KEY, _CONTAINS = 10, 30, 10


def nodes(statement: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of a tree, the outer ones first."""
    for kind, body in statement.items():
        yield kind, body
        inner = [*body.get("Statements", ()), body.get("Statement"), body.get("ScopeDownStatement")]
        for one in inner:
            if one:
                yield from nodes(one)


def weight(rule: Rule) -> int:
    """An estimate that is never below what AWS asks for: `CheckCapacity` has the last word before a write."""
    return sum(_weight(kind, body) for kind, body in nodes(rule["Statement"]))


def _weight(kind: str, body: Mapping[str, Any]) -> int:
    if kind in ("AndStatement", "OrStatement", "NotStatement"):
        return 0
    if kind == "RateBasedStatement":
        return 2 + _CUSTOM_KEY * len(body.get("CustomKeys", ()))
    if kind == "IPSetReferenceStatement":
        return 5 if body.get("IPSetForwardedIPConfig", {}).get("Position") == "ANY" else 1
    transformations = [item for item in body.get("TextTransformations", ()) if item["Type"] != "NONE"]
    base = _CONTAINS if _contains(kind, body) else 2 if kind == "ByteMatchStatement" else _FLAT.get(kind, 1)
    return (2 * base if "JsonBody" in body.get("FieldToMatch", {}) else base) + _TRANSFORMATION * len(transformations)


def _contains(kind: str, body: Mapping[str, Any]) -> bool:
    return kind == "ByteMatchStatement" and str(body["PositionalConstraint"]).startswith("CONTAINS")


def references(rules: Sequence[Rule]) -> list[str]:
    """The sets that rules refer to, each time they do."""
    found = (body for rule in rules for kind, body in nodes(rule["Statement"]) if kind in _SETS)
    return [str(body["ARN"]) for body in found]


def rated(rule: Rule) -> bool:
    """It counts requests."""
    return "RateBasedStatement" in rule["Statement"]
