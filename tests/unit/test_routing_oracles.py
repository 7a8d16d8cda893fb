"""Places against the tables of other routers: Go's patterns, Kubernetes Ingress, Alertmanager's time intervals."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from stanch.errors import ConfigError
from stanch.routing import Address, PlaceIndex, PlaceWords, Relation, load_routes, overlap, winner

DATA = Path(__file__).parents[1] / "data/routing"
GO = json.loads((DATA / "go-net-http/patterns.json").read_text())
INGRESS = json.loads((DATA / "k8s-ingress/rules.json").read_text())
ALERTMANAGER = json.loads((DATA / "alertmanager/time-intervals.json").read_text())["cases"]
RELATIONS = {
    "disjoint": Relation.APART,
    "equivalent": Relation.EQUAL,
    "moreSpecific": Relation.INSIDE,
    "moreGeneral": Relation.AROUND,
    "overlaps": Relation.CROSSING,
}


def ours(pattern: str) -> PlaceWords:
    """Go's `/a/` and `/a/{x...}` are our `/a/**`; `{$}` is a trailing slash, which our normal form drops."""
    method, _, place = pattern.rpartition(" ")
    host, slash, path = place.partition("/")
    path = re.sub(r"\{\w*\.\.\.\}$|(?<=/)$|^$", "**", slash + path) if not path.endswith("{$}") else slash + path[:-4]
    return PlaceWords(host=host or "*", path=path or "/", methods=(method,) if method else ())


def spelt(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows without `{$}`: our paths do not tell `/a` and `/a/` apart, so that they cannot say it."""
    return [row for row in rows if "{$}" not in row[0] + row[1]]


def test_go_relations() -> None:
    rows = spelt(GO["relations"])
    assert (len(GO["relations"]), len(rows)) == (110, 73)
    wrong = [row for row in rows if overlap(ours(row[0]).place, ours(row[1]).place).relation is not RELATIONS[row[2]]]
    assert wrong == []
    turned = {Relation.INSIDE: Relation.AROUND, Relation.AROUND: Relation.INSIDE}
    for first, second, name in rows:
        back = overlap(ours(second).place, ours(first).place).relation
        assert back is turned.get(RELATIONS[name], RELATIONS[name])


# Our `/a/**` meets `/a`, where `/{x}` meets it as well; Go's `/a/` begins one segment later.
GO_CONFLICTS_KNOWN = {("/{x}/{y}", "/{x}/a/"), ("/{x}", "/a/{y...}")}


def test_go_conflicts_are_what_two_owners_cannot_have() -> None:
    rows = spelt(GO["conflicts"])
    assert len(rows) == 14
    clash = (Relation.EQUAL, Relation.CROSSING)
    wrong = {
        (first, second)
        for first, second, expected in rows
        if (overlap(ours(first).place, ours(second).place).relation in clash) is not expected
    }
    assert wrong == GO_CONFLICTS_KNOWN


def test_go_witnesses_are_shortest_common_paths() -> None:
    rows = spelt(GO["witnesses"])
    assert len(rows) == 6
    for first, second, example in rows:
        found = overlap(ours(first).place, ours(second).place)
        assert found.relation is Relation.CROSSING
        assert found.example == example.rstrip("/")


# A subtree `/a/**` meets `/a` as well, and `/a/` is the same path as `/a`; Go tells them apart.
GO_KNOWN = {("/a/b/", "/a/b/{$}", "/a/b"), ("/item/", "/item/{$}", "/item/"), ("/item", "", "/item/")}


def test_go_matching() -> None:
    wrong, checked = set[tuple[str, str, str]](), 0
    for table in GO["matching"]:
        index: PlaceIndex[str] = PlaceIndex()
        for pattern in (each for each in table["patterns"] if not each.endswith("{$}")):
            index.add(ours(pattern).place, pattern)
        for method, host, path, expected in table["requests"]:
            checked += 1
            best = winner(index.find(Address(host=host or "any.test", path=path, method=method)), str, {})
            got = best.value if best else ""
            if got != expected:
                wrong.add((path, expected, got))
    assert checked == 18
    assert wrong == GO_KNOWN


# An exact path and the same with a slash at its end are one path for us.
INGRESS_KNOWN = {
    ("http://exact-path-rules/foo/", None, "foo-exact"),
    ("http://trailing-slash-path-rules/foo", None, "foo-slash-exact"),
}


def test_kubernetes_ingress_rules() -> None:
    index: PlaceIndex[str] = PlaceIndex()
    for host, kind, path, service in INGRESS["rules"]:
        bare = path.rstrip("/")
        words = PlaceWords(host=host.replace("*", "{any}"), path=f"{bare}/**" if kind == "Prefix" else bare)
        index.add(words.place, service)
    wrong = set[tuple[str, str | None, str | None]]()
    for url, service in INGRESS["requests"]:
        parts = urlsplit(url)
        best = index.best(Address(host=parts.netloc, path=parts.path, method="GET"))
        got = best.value if best else None
        if got != service:
            wrong.add((url, service, got))
    assert len(INGRESS["requests"]) == 21
    assert wrong == INGRESS_KNOWN


class NotSaid(Exception):
    """Our calendars have no words for it."""


def calendar_of(text: str) -> dict[str, Any]:
    """One time interval of Alertmanager in the words of our calendars."""
    (interval,) = yaml.safe_load(text)
    zone = interval.get("location", "UTC")
    times = interval.get("times") or [{"start_time": "00:00", "end_time": "24:00"}]
    hours = {name: interval[name] for name in ("months", "days_of_month", "years") if name in interval}
    days = [day for each in interval.get("weekdays") or ["monday:sunday"] for day in days_of(each)]
    spans = [{"from": each["start_time"], "to": each["end_time"].replace("24:00", "00:00")} for each in times]
    return {"timezone": zone, "open": [{"days": days, **span, **hours} for span in spans]}


WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def days_of(words: str) -> list[str]:
    first, _, last = words.partition(":")
    if first not in WEEK or (last or first) not in WEEK:
        return [first[:3]]  # for our loader to refuse
    start, end = WEEK.index(first), WEEK.index(last or first)
    if end < start:
        raise NotSaid("we list days; a list has no order")
    return [day[:3] for day in WEEK[start : end + 1]]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%d %b %y %H:%M %z")


@pytest.mark.parametrize("case", ALERTMANAGER, ids=[str(number) for number in range(len(ALERTMANAGER))])
def test_alertmanager_time_intervals(case: dict[str, Any]) -> None:
    try:
        office = calendar_of(case["yaml"])
    except NotSaid:
        assert case["expect_error"]
        return
    head = "version: routing/v1\ndirectory: {users: {user:a: {name: A}}, teams: {team:t: {lead: user:a}}}\n"
    text = f"{head}default: {{id: d, owner: team:t}}\ncalendars: {{c: {json.dumps(office)}}}\n"
    if case["expect_error"]:
        with pytest.raises(ConfigError) as caught:
            load_routes(text)
        assert {problem.code for problem in caught.value.problems} <= {"R000", "R203"}
        return
    calendar = load_routes(text).calendars["c"]
    assert [when for when in case["contains"] if not calendar.is_open(moment(when))] == []
    assert [when for when in case["excludes"] if calendar.is_open(moment(when))] == []


def test_all_alertmanager_rows_ran() -> None:
    assert len(ALERTMANAGER) == 21
    assert sum(len(case["contains"]) + len(case["excludes"]) for case in ALERTMANAGER) == 15
