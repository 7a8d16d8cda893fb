"""Statements of AWS WAF (WAFV2 rule language) as conditions; what cannot be judged from records is unknown."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stanch.estimating.condition import Condition, Every, Fixed, From, Network, Opposite, Some, Text
from stanch.estimating.truth import Truth

Sets = Callable[[str], Sequence[str] | None]  # ARN -> addresses or expressions of the set; None where it cannot be read
Part = Mapping[str, Any]
BODY_LIMIT = 8192  # what WAF inspects in front of a load balancer; API Gateway and CloudFront look at 16 KB
_OVER = {"MATCH": Truth.YES, "NO_MATCH": Truth.NO}
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "EQ": lambda size, limit: size == limit,
    "NE": lambda size, limit: size != limit,
    "LE": lambda size, limit: size <= limit,
    "LT": lambda size, limit: size < limit,
    "GE": lambda size, limit: size >= limit,
    "GT": lambda size, limit: size > limit,
}


def read_statement(statement: Part, *, sets: Sets = lambda _: None, body_limit: int = BODY_LIMIT) -> Condition:
    """The condition that a statement is.

    A rate-based statement counts over time, so it is at most its scope-down part: yes becomes unknown. Managed groups,
    injection detectors and labels that are not recorded are unknown.

    Args:
        statement: as in a rule (`{"AndStatement": ...}`).
        sets: members of an IP set or regex pattern set.
        body_limit: bytes of the body that this web ACL inspects.

    Raises:
        ValueError: it is not one statement.
    """
    return _Reader(sets, body_limit).read(statement)


class _Reader:
    def __init__(self, sets: Sets, body_limit: int) -> None:
        self._sets, self._limit = sets, body_limit
        self._readers: dict[str, Callable[[Part], Condition]] = {
            "AndStatement": self._and,
            "OrStatement": self._or,
            "NotStatement": self._not,
            "ByteMatchStatement": self._bytes,
            "RegexMatchStatement": self._regex,
            "RegexPatternSetReferenceStatement": self._regex_set,
            "SizeConstraintStatement": self._size,
            "IPSetReferenceStatement": self._addresses,
            "GeoMatchStatement": _countries,
            "RateBasedStatement": self._rate,
        }

    def read(self, statement: Part) -> Condition:
        if len(statement) != 1:
            raise ValueError("a statement has exactly one kind")
        ((kind, body),) = statement.items()
        reader = self._readers.get(kind)
        return Fixed(Truth.UNKNOWN, kind) if reader is None else reader(body)

    def _and(self, part: Part) -> Condition:
        return Every(self._all(part))

    def _or(self, part: Part) -> Condition:
        return Some(self._all(part))

    def _not(self, part: Part) -> Condition:
        return Opposite(self.read(part["Statement"]))

    def _regex(self, part: Part) -> Condition:
        return self._regexes(part, [str(part["RegexString"])])

    def _all(self, part: Part) -> tuple[Condition, ...]:
        return tuple(self.read(one) for one in part["Statements"])

    def _rate(self, part: Part) -> Condition:
        within = self.read(part["ScopeDownStatement"]) if "ScopeDownStatement" in part else Fixed(Truth.YES)
        return Every((within, Fixed(Truth.UNKNOWN, "rate")))

    def _bytes(self, part: Part) -> Condition:
        wanted = _raw(part["SearchString"])
        tests: dict[str, Callable[[bytes], bool]] = {
            "EXACTLY": lambda value: value == wanted,
            "STARTS_WITH": lambda value: value.startswith(wanted),
            "ENDS_WITH": lambda value: value.endswith(wanted),
            "CONTAINS": lambda value: wanted in value,
            "CONTAINS_WORD": lambda value: _word(wanted, value),
        }
        return self._on(part, tests[str(part["PositionalConstraint"])])

    def _regexes(self, part: Part, sources: Sequence[str]) -> Condition:
        try:
            found = [re.compile(source.encode()) for source in sources]
        except re.error:
            return Fixed(Truth.UNKNOWN, "an expression that is not read here")
        return self._on(part, lambda value: any(one.search(value) for one in found))

    def _regex_set(self, part: Part) -> Condition:
        members = self._sets(str(part["ARN"]))
        return Fixed(Truth.UNKNOWN, "pattern set") if members is None else self._regexes(part, members)

    def _size(self, part: Part) -> Condition:
        compare, size = _COMPARE[str(part["ComparisonOperator"])], int(part["Size"])
        return self._on(part, lambda value: compare(len(value), size))

    def _addresses(self, part: Part) -> Condition:
        members = self._sets(str(part["ARN"]))
        if members is None:
            return Fixed(Truth.UNKNOWN, "IP set")
        networks: tuple[Network, ...] = tuple(ipaddress.ip_network(one, strict=False) for one in members)
        forwarded: Part = part.get("IPSetForwardedIPConfig", {})
        missing = _OVER.get(str(forwarded.get("FallbackBehavior")), Truth.NO)
        header = str(forwarded.get("HeaderName", "")).lower()
        return From(networks, header=header, position=str(forwarded.get("Position", "FIRST")), missing=missing)

    def _on(self, part: Part, test: Callable[[bytes], bool]) -> Condition:
        component, over = _component(part["FieldToMatch"])
        listed = sorted(part.get("TextTransformations", ()), key=lambda one: int(one["Priority"]))
        transforms = tuple(str(one["Type"]) for one in listed)
        if component[0] == "body":
            return Text(component, test, transforms=transforms, over=over, limit=self._limit)
        plain = Text(component, test, transforms=transforms)
        return self._sized(plain, over) if component[0] == "json" else plain

    def _sized(self, plain: Condition, over: Truth | None) -> Condition:
        """A JSON body beyond the limit is parsed as far as it goes, unless the statement says what then holds."""
        larger = Text(("body", ""), lambda value: len(value) > self._limit)
        beyond = Fixed(over or Truth.UNKNOWN, "a body beyond the limit")
        return Some((Every((larger, beyond)), Every((Opposite(larger), plain))))


def _component(field: Part) -> tuple[tuple[str, str], Truth | None]:
    ((kind, body),) = field.items()
    over = _OVER.get(str(body.get("OversizeHandling")))
    plain = {
        "UriPath": "path",
        "QueryString": "query",
        "Method": "method",
        "Body": "body",
        "AllQueryArguments": "argument",
    }
    if kind in plain:
        return (plain[kind], ""), over
    if kind == "SingleHeader":
        return ("header", str(body["Name"]).lower()), over
    if kind == "SingleQueryArgument":
        return ("argument", str(body["Name"])), over
    if kind == "Headers" and "All" in body["MatchPattern"]:
        return ("headers", str(body["MatchScope"])), over
    if kind == "Cookies" and body["MatchScope"] == "VALUE" and len(names := _names(body)) == 1:
        return ("cookie", names[0]), over
    if kind == "JsonBody" and body["MatchScope"] == "VALUE":
        return _json(body), over
    return ("other", kind), over


def _names(body: Part) -> list[str]:
    return [str(name) for name in body["MatchPattern"].get("IncludedCookies", ())]


def _json(body: Part) -> tuple[str, str]:
    pattern = body["MatchPattern"]
    paths = pattern.get("IncludedPaths", ())
    if "All" in pattern:
        return "json", ""
    return ("json", str(paths[0])) if len(paths) == 1 else ("other", "JsonBody")


def _countries(part: Part) -> Condition:
    if "ForwardedIPConfig" in part:
        return Fixed(Truth.UNKNOWN, "country of a forwarded address")
    wanted = frozenset(str(code).encode() for code in part["CountryCodes"])
    return Text(("country", ""), lambda value: value in wanted)


def _raw(search: bytes | str) -> bytes:
    """boto3 gives bytes; in a rule written as JSON by hand it is the text itself."""
    return search if isinstance(search, bytes) else search.encode()


def _word(wanted: bytes, value: bytes) -> bool:
    """Nothing but alphanumerics and underscores makes a word longer."""
    return re.search(rb"(?<![A-Za-z0-9_])" + re.escape(wanted) + rb"(?![A-Za-z0-9_])", value) is not None
