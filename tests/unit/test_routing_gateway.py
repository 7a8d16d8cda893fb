"""Host, path and method precedence against the conformance tables of the Kubernetes Gateway API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stanch.routing import Address, Hit, PlaceIndex, PlaceWords

DATA = json.loads((Path(__file__).parents[1] / "data/routing/gateway-api/cases.json").read_text())["tests"]
LISTENERS = {
    "httproute-listener-hostname-matching": {
        "listener-1": "bar.com",
        "listener-2": "foo.bar.com",
        "listener-3": "*.bar.com",
        "listener-4": "*.foo.com",
    },
    "httproute-hostname-intersection": {
        "listener-1": "very.specific.com",
        "listener-2": "*.wildcard.io",
        "listener-3": "*.anotherwildcard.io",
    },
}
# Our normal form drops a trailing slash, so an exact `/two` meets `/two/` as well.
KNOWN = {("httproute-exact-path-matching", "/two/", "infra-backend-v2")}


def path_of(match: dict[str, Any]) -> str:
    path = match.get("path") or {"type": "PathPrefix", "value": "/"}
    value = str(path["value"]).rstrip("/")
    return (value or "/") if path["type"] == "Exact" else f"{value}/**"


def places(test: dict[str, Any]) -> PlaceIndex[tuple[int, dict[str, Any], dict[str, Any]]]:
    index: PlaceIndex[tuple[int, dict[str, Any], dict[str, Any]]] = PlaceIndex()
    for order, rule in enumerate(test["rules"]):
        for match in rule["matches"] or [{}]:
            for host in rule["hostnames"] or ["*"]:
                methods = (match["method"],) if match.get("method") else ()
                words = PlaceWords(host=host, path=path_of(match), methods=methods)
                index.add(words.place, (order, rule, match))
    return index


def listener_of(test: dict[str, Any], host: str) -> str | None:
    """The most specific listener; '' where the gateway takes any host, None where it takes none of this name."""
    names = LISTENERS.get(test["test"])
    if names is None:
        return ""
    index: PlaceIndex[str] = PlaceIndex()
    for name, pattern in names.items():
        index.add(PlaceWords(host=pattern).place, name)
    hits = index.find(Address(host=host))
    return hits[0].value if hits else None


def wants(match: dict[str, Any], case: dict[str, Any]) -> bool:
    """Headers and query parameters are not part of places; here they are conditions like `when`."""
    headers = {name.lower(): value for name, value in case["headers"].items()}
    fits = all(headers.get(each["name"].lower()) == each["value"] for each in match.get("headers") or [])
    return fits and all(case["query"].get(each["name"]) == each["value"] for each in match.get("queryParams") or [])


def answer(test: dict[str, Any], case: dict[str, Any]) -> str | None:
    host = case["host"] or "any.example"
    listener = listener_of(test, host)
    if listener is None:
        return None
    found: list[tuple[Any, str]] = []
    hit: Hit[tuple[int, dict[str, Any], dict[str, Any]]]
    for hit in places(test).find(Address(host=host, path=case["path"], method=case["method"])):
        order, rule, match = hit.value
        attached = rule["parents"] == [None] or listener in rule["parents"]
        if attached and not hit.unmet and wants(match, case):
            counts = -len(match.get("headers") or []), -len(match.get("queryParams") or [])
            found.append(((hit.place.rank, counts, order), rule["backend"]))
    return min(found)[1] if found else None


def test_the_conformance_tables() -> None:
    checked, wrong = 0, set[tuple[str, str, str | None]]()
    for test in DATA:
        for case in test["cases"]:
            checked += 1
            got = answer(test, case)
            if got != case["expect"]:
                wrong.add((test["test"], case["path"], got))
    assert checked == 104
    assert wrong == KNOWN
