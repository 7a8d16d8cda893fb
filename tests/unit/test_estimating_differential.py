"""Random statements against a judge that sees requests whole, and against every way to fill in what is missing."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.estimating import Request, Truth, judge, read_statement

EXAMPLES = 5_000 if os.environ.get("STANCH_PROFILE") == "long" else 300
METHODS, QUERIES = ("GET", "POST"), ("", "a=1", "A=%31")
PATHS = ("/users/7", "//users/./7", "/%75sers/7", "/users/x/../7", "/USERS/7", "/x%2Fy", "/..", "/users/7/")
CLIENTS, KEYS = ("192.0.2.1", "198.51.100.7", "2001:db8::1"), ((), ("k",), ("K", "k"))
SETS = {"a": ["192.0.2.0/24"], "b": ["2001:db8::/32", "198.51.100.7/32"]}

fields = st.sampled_from([{"UriPath": {}}, {"Method": {}}, {"QueryString": {}}, {"SingleHeader": {"Name": "key"}}])
kinds = st.sampled_from(["NONE", "LOWERCASE", "URL_DECODE", "NORMALIZE_PATH"])
steps = st.lists(kinds, min_size=1, max_size=3).map(
    lambda names: [{"Priority": number, "Type": name} for number, name in enumerate(names)]
)
texts = st.sampled_from(["/users/7", "/users", "7", "get", "GET", "POST", "k", "a=1", "/", ""])
byte_matches = st.builds(
    lambda field, search, constraint, transforms: {
        "ByteMatchStatement": {
            "FieldToMatch": field,
            "SearchString": search.encode(),
            "PositionalConstraint": constraint,
            "TextTransformations": transforms,
        }
    },
    fields,
    texts,
    st.sampled_from(["EXACTLY", "STARTS_WITH", "ENDS_WITH", "CONTAINS"]),
    steps,
)
regexes = st.builds(
    lambda field, regex, transforms: {
        "RegexMatchStatement": {"FieldToMatch": field, "RegexString": regex, "TextTransformations": transforms}
    },
    fields,
    st.sampled_from([r"^/users/[^/]+/?$", r"^(GET|POST)$", r"[0-9]"]),
    steps,
)
sizes = st.builds(
    lambda field, size, transforms: {
        "SizeConstraintStatement": {
            "FieldToMatch": field,
            "Size": size,
            "ComparisonOperator": "GT",
            "TextTransformations": transforms,
        }
    },
    fields,
    st.integers(0, 8),
    steps,
)
addresses = st.sampled_from(["a", "b"]).map(lambda name: {"IPSetReferenceStatement": {"ARN": name}})
statements = st.recursive(
    byte_matches | regexes | sizes | addresses,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda all_: {"AndStatement": {"Statements": all_}})
        | st.lists(inner, min_size=2, max_size=3).map(lambda any_: {"OrStatement": {"Statements": any_}})
        | inner.map(lambda one: {"NotStatement": {"Statement": one}})
    ),
    max_leaves=6,
)
requests = st.builds(
    Request,
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    query=st.sampled_from(QUERIES),
    client=st.sampled_from(CLIENTS),
    headers=st.sampled_from(KEYS).map(lambda values: {"key": values} if values else {}),
    headers_whole=st.just(True),
)


def naive(statement: dict[str, Any], request: Request) -> bool:
    """Two-valued, over strings, by brute rewriting; shares nothing with what is tested."""
    ((kind, body),) = statement.items()
    if kind == "AndStatement":
        return all(naive(one, request) for one in body["Statements"])
    if kind == "OrStatement":
        return any(naive(one, request) for one in body["Statements"])
    if kind == "NotStatement":
        return not naive(body["Statement"], request)
    if kind == "IPSetReferenceStatement":
        return any(ip_address(str(request.client)) in ip_network(one) for one in SETS[body["ARN"]])
    return any(_met(kind, body, _rewritten(value, body)) for value in _values(body["FieldToMatch"], request))


def _values(field: dict[str, Any], request: Request) -> list[str]:
    plain = {"UriPath": request.path, "Method": request.method, "QueryString": request.query}
    (name,) = field
    return list(request.headers.get("key") or ()) if name == "SingleHeader" else [str(plain[name])]


def _rewritten(value: str, body: dict[str, Any]) -> str:
    for step in body["TextTransformations"]:
        if step["Type"] == "LOWERCASE":
            value = value.casefold()
        elif step["Type"] == "URL_DECODE":
            value = unquote_to_bytes(value).decode()
        elif step["Type"] == "NORMALIZE_PATH" and value.startswith("/"):
            value = _normal(value)
        elif step["Type"] == "NORMALIZE_PATH":
            value = _normal("/" + value)[1:] if value else value
    return value


def _normal(path: str) -> str:
    path += "/" if re.search(r"/\.\.?$", path) else ""
    while (shorter := re.sub(r"//+|/\./|/(?!\.\./)[^/]+/\.\./", "/", path, count=1)) != path:
        path = shorter
    return path


def _met(kind: str, body: dict[str, Any], value: str) -> bool:
    if kind == "RegexMatchStatement":
        return re.search(body["RegexString"], value) is not None
    if kind == "SizeConstraintStatement":
        return len(value) > int(body["Size"])
    search = body["SearchString"].decode()
    places = {
        "EXACTLY": value == search,
        "STARTS_WITH": value[: len(search)] == search,
        "ENDS_WITH": search == "" or value[-len(search) :] == search,
        "CONTAINS": value.find(search) >= 0,
    }
    return places[body["PositionalConstraint"]]


@pytest.mark.timeout(1800)
@settings(max_examples=EXAMPLES, deadline=None)
@given(statements, requests, st.sets(st.sampled_from(["method", "path", "query", "client", "headers"])))
def test_whole_records_are_judged_as_they_are_and_partial_ones_never_wrongly(
    statement: dict[str, Any], request: Request, hidden: set[str]
) -> None:
    condition = read_statement(statement, sets=SETS.get)
    assert judge(condition, request) is (Truth.YES if naive(statement, request) else Truth.NO)
    gaps: dict[str, Any] = dict.fromkeys(hidden - {"headers"})
    if "headers" in hidden:
        gaps |= {"headers": {}, "headers_whole": False}
    found = judge(condition, replace(request, **gaps))
    if found is not Truth.UNKNOWN:
        assert {naive(statement, filled) for filled in _filled(request, hidden)} == {found is Truth.YES}


def _filled(request: Request, hidden: set[str]) -> list[Request]:
    """Every request that the partial record may stand for, in this small world."""
    worlds: dict[str, list[Any]] = {"method": list(METHODS), "path": list(PATHS), "query": list(QUERIES)}
    worlds |= {"client": list(CLIENTS), "headers": [{"key": values} if values else {} for values in KEYS]}
    names = sorted(hidden)
    return [
        replace(request, **dict(zip(names, one, strict=True))) for one in itertools.product(*(worlds[n] for n in names))
    ]
