"""Resource policies of the API Gateway stand-in: checked, spelt as AWS gives them back, and judged for a request."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from stanch.sandbox._apigw.protocol import bad
from stanch.shapes import is_list

MOST_CHARACTERS = 8192
_SID = re.compile(r"[A-Za-z0-9]{0,1000}")
_CONDITIONS = {
    "IpAddress": {"aws:SourceIp"},
    "NotIpAddress": {"aws:SourceIp"},
    "StringEquals": {"aws:Referer", "aws:UserAgent"},
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
            one["Resource"] = _each(one["Resource"], where)
    except (ValueError, KeyError, TypeError):
        raise bad("Invalid policy document. Please check the policy syntax") from None
    sids = [one["Sid"] for one in _list(statements) if one.get("Sid")]
    if len(set(sids)) != len(sids):
        raise bad("Invalid policy document: statement ids are not unique")
    return json.dumps(document)


def _check(one: Mapping[str, Any]) -> None:
    if one["Effect"] not in ("Allow", "Deny") or one["Action"] != "execute-api:Invoke" or one["Principal"] != "*":
        raise ValueError
    if not _SID.fullmatch(one.get("Sid", "")) or set(one) - {
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "Condition",
    }:
        raise ValueError
    for operator, keys in one.get("Condition", {}).items():
        if operator not in _CONDITIONS or set(keys) - _CONDITIONS[operator]:
            raise ValueError
        for value in _list(keys.get("aws:SourceIp", [])):
            ipaddress.ip_network(value)


def _each(value: Any, where: str) -> Any:
    if is_list(value):
        return [_each(item, where) for item in value]
    return where + value.removeprefix("execute-api:/") if value.startswith("execute-api:/") else value


def _list(value: Any) -> list[Any]:
    return value if is_list(value) else [value]


def permits(policy: str, *, resource: str, ip: str, headers: Mapping[str, str]) -> str:
    """`allow`, `deny` (by a statement) or `implicit` (nothing allows it) for a caller without credentials."""
    if not policy:
        return "allow"
    effects = {
        one["Effect"]
        for one in _list(json.loads(policy)["Statement"])
        if _covers(one["Resource"], resource) and _holds(one.get("Condition", {}), ip, headers)
    }
    return "deny" if "Deny" in effects else "allow" if "Allow" in effects else "implicit"


def _covers(patterns: Any, resource: str) -> bool:
    return any(re.fullmatch(_regex(pattern), resource) for pattern in _list(patterns))


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _holds(condition: Mapping[str, Any], ip: str, headers: Mapping[str, str]) -> bool:
    values = {"aws:Referer": headers.get("referer", ""), "aws:UserAgent": headers.get("user-agent", "")}
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            if operator == "StringEquals":
                met = values[key] in _list(wanted)
            else:
                inside = any(ipaddress.ip_address(ip) in ipaddress.ip_network(each) for each in _list(wanted))
                met = inside is (operator == "IpAddress")
            if not met:
                return False
    return True
