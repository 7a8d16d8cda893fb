"""Resource policies of the API Gateway stand-in: checked, spelt as AWS gives them back, and judged for a request."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from stanch.sandbox._apigw.protocol import bad
from stanch.shapes import is_dict, is_list

MOST_CHARACTERS = 8192
_SID = re.compile(r"[A-Za-z0-9]{0,1000}")
_ONE_OF = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))
_MEMBERS = {"Sid", "Effect", "Condition", *(name for pair in _ONE_OF for name in pair)}
_OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals|Like|EqualsIgnoreCase)|(Not)?IpAddress|Bool|Null"
    r"|Numeric\w+|Date\w+|Arn(Not)?(Equals|Like)|BinaryEquals)(IfExists)?"
)
_ADDRESSES = ("aws:SourceIp", "aws:VpcSourceIp")
_KEYS = {
    *_ADDRESSES,
    *("aws:CurrentTime", "aws:EpochTime", "aws:Referer", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn"),
    *("aws:SourceVpc", "aws:SourceVpce", "aws:UserAgent", "aws:userid", "aws:username"),
    *(f"aws:Principal{rest}" for rest in ("Account", "Arn", "OrgID", "OrgPaths", "Type")),
}


def expanded(text: str, where: str) -> str:
    """The document as AWS keeps it: short resources become whole ARNs.

    Raises:
        ApigwError: it is no policy that API Gateway takes.
    """
    try:
        document = json.loads(text)
        statements = document["Statement"]
        for one in _list(statements):
            _check(one)
            for name in ("Resource", "NotResource"):
                if name in one:
                    one[name] = _each(one[name], where)
    except (ValueError, KeyError, TypeError):
        raise bad("Invalid policy document. Please check the policy syntax") from None
    sids = [one["Sid"] for one in _list(statements) if one.get("Sid")]
    if len(set(sids)) != len(sids):
        raise bad("Invalid policy document: statement ids are not unique")
    return json.dumps(document)


def _check(one: Mapping[str, Any]) -> None:
    """What the grammar of policies allows, with actions of API Gateway only."""
    if one["Effect"] not in ("Allow", "Deny") or not _SID.fullmatch(one.get("Sid", "")) or set(one) - _MEMBERS:
        raise ValueError
    for pair in _ONE_OF:
        if len([name for name in pair if name in one]) != 1:
            raise ValueError
    who = one.get("Principal", one.get("NotPrincipal"))
    if who != "*" and set(who) - {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise ValueError
    if not all(action == "*" or action.startswith("execute-api:") for action in _actions(one)):
        raise ValueError
    for operator, keys in one.get("Condition", {}).items():
        if not _OPERATOR.fullmatch(operator) or set(keys) - _KEYS:
            raise ValueError
        for value in [item for name in _ADDRESSES for item in _list(keys.get(name, []))]:
            ipaddress.ip_network(value)


def _actions(one: Mapping[str, Any]) -> list[str]:
    return _list(one.get("Action", one.get("NotAction")))


def _each(value: Any, where: str) -> Any:
    if is_list(value):
        return [_each(item, where) for item in value]
    return where + value.removeprefix("execute-api:/") if value.startswith("execute-api:/") else value


def _list(value: Any) -> list[Any]:
    return value if is_list(value) else [value]


def permits(policy: str, *, resource: str, ip: str, headers: Mapping[str, str], private: bool = False) -> str:
    """`allow`, `deny` (by a statement) or `implicit` (nothing allows it) for a caller without credentials."""
    if not policy:
        return "allow"
    values = {"aws:Referer": headers.get("referer", ""), "aws:UserAgent": headers.get("user-agent", "")}
    values[_ADDRESSES[private]] = ip
    effects = {one["Effect"] for one in _list(json.loads(policy)["Statement"]) if _applies(one, resource, values)}
    return "deny" if "Deny" in effects else "allow" if "Allow" in effects else "implicit"


def _applies(one: Mapping[str, Any], resource: str, values: Mapping[str, str]) -> bool:
    who = one.get("Principal")
    everybody = who == "*" or (is_dict(who) and "*" in _list(who.get("AWS", [])))
    meant = {"*", "execute-api:*", "execute-api:Invoke"} & set(_actions(one))
    covered = _covers(one.get("Resource", one.get("NotResource")), resource)
    return (
        (everybody or "NotPrincipal" in one)
        and bool(meant) == ("Action" in one)
        and covered == ("Resource" in one)
        and _holds(one.get("Condition", {}), values)
    )


def _covers(patterns: Any, resource: str) -> bool:
    return any(re.fullmatch(_regex(pattern), resource) for pattern in _list(patterns))


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _holds(condition: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Operators beside those for addresses and equal texts never hold here."""
    return all(
        _met(operator, values.get(key), wanted) for operator, keys in condition.items() for key, wanted in keys.items()
    )


def _met(operator: str, value: str | None, wanted: Any) -> bool:
    negated = operator.startswith(("NotIp", "StringNot"))
    if value is None:
        return negated or operator.endswith("IfExists")
    if "IpAddress" in operator:
        return any(ipaddress.ip_address(value) in ipaddress.ip_network(each) for each in _list(wanted)) is not negated
    return operator in ("StringEquals", "StringNotEquals") and (value in _list(wanted)) is not negated
