"""Worst cases, counted in nodes looked at and not in time: hostile paths and hostile files stay flat."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_routing_places import ADDRESSES, PLACES, brute

from stanch.routing import Address, Effort, PlaceIndex, PlaceWords, load_routes
from stanch.routing import coverage as covered_by
from stanch.views import FindingView

HEAD = """version: routing/v1
directory:
  users: {user:u: {name: U}}
  teams: {team:one: {lead: user:u}, team:two: {lead: user:u}}
default: {id: fallback, owner: team:one}
"""


def index_of(places: list[PlaceWords]) -> PlaceIndex[int]:
    index: PlaceIndex[int] = PlaceIndex()
    for number, words in enumerate(places):
        index.add(words.place, number)
    return index


def work(index: PlaceIndex[int], address: Address) -> tuple[int, int]:
    """Nodes looked at for all matches, and for the best alone."""
    every, best = Effort(), Effort()
    index.find(address, effort=every)
    index.best(address, effort=best)
    return every.nodes, best.nodes


def test_each_deep_wildcard_adds_as_much_work_as_the_one_before() -> None:
    counts = []
    for stars in (2, 4, 8, 16, 31):
        index = index_of([PlaceWords(host="h", path="/" + "/".join(["**", "a"] * stars) + "/b")])
        counts.append(work(index, Address(host="h", path="/a" * 60 + "/c"))[0])
    assert counts[-1] <= 3 * 31 + 10, "a node is looked at once, however many ways lead to it"
    steps = [later - earlier for earlier, later in itertools.pairwise(counts)]
    assert all(later <= 2 * earlier + 4 for earlier, later in itertools.pairwise(steps))


def test_many_patterns_of_deep_wildcards_at_once() -> None:
    words = ["a", "b", "{v}", "a*", "**"]
    paths = {"/" + "/".join(each) for each in itertools.product(words, repeat=4)}
    index = index_of([PlaceWords(host="h", path=path) for path in sorted(paths)])
    nodes = sum(len(words) ** depth for depth in range(1, 5)) + 2
    assert work(index, Address(host="h", path="/a" * 64))[0] <= 2 * nodes


def test_4096_rules_that_all_meet_one_path() -> None:
    paths = ["/" + "/".join(each) for each in itertools.product(["a", "{v}"], repeat=12)]
    index = index_of([PlaceWords(host="h", path=path) for path in paths])
    address = Address(host="h", path="/a" * 12)
    every, best = work(index, address)
    assert len(index.find(address)) == 4_096
    assert every <= 2 * 4_096 + 10
    assert best <= 20, "the first is the best"
    hit = index.best(address)
    assert hit is not None
    assert hit.place.text == "h" + "/a" * 12


def test_the_best_of_rules_whose_conditions_are_not_met_is_still_linear() -> None:
    paths = ["/" + "/".join(each) for each in itertools.product(["a", "{v}"], repeat=10)]
    index = index_of([PlaceWords(host="h", path=path, methods=("PUT",)) for path in paths])
    address = Address(host="h", path="/a" * 10, method="GET")
    assert index.best(address) is None
    assert work(index, address)[1] <= 2 * len(paths) + 10


def test_work_does_not_grow_with_rules_that_do_not_meet() -> None:
    def rules(count: int) -> list[PlaceWords]:
        return [PlaceWords(host=f"h{n}.test", path=f"/s{n}/{{v}}/p{n}/**") for n in range(count)]

    address = Address(host="h7.test", path="/s7/x/p7/y")
    assert work(index_of(rules(100)), address) == work(index_of(rules(20_000)), address)


@settings(max_examples=500, deadline=None)
@given(st.lists(PLACES, min_size=1, max_size=10), ADDRESSES)
def test_the_best_is_the_first_of_all_and_agrees_with_brute_force(places: list[PlaceWords], address: Address) -> None:
    index = index_of(places)
    full = [hit for hit in index.find(address) if not hit.unmet]
    best = index.best(address)
    expected = [number for number, words in enumerate(places) if brute(words, address)]
    assert (best is None) is (not expected)
    if best is not None:
        assert best.place.rank == min(places[number].place.rank for number in expected)
        assert (best.place.rank, best.place.text) == (full[0].place.rank, full[0].place.text)


def file_of(rows: list[str]) -> str:
    return HEAD + "rules:\n" + "".join(rows)


def owned(number: int) -> str:
    return ("team:one", "team:two")[number % 2]


SHAPES = {
    "words behind any depth": "/**/x{n}",
    "words between depths": "/x{n}/**/y",
    "variables around words": "/{{v}}/x{n}/{{w}}/z",
    "one prefix": "/api/v1/{{tenant}}/x{n}/**",
    "the same end": "/x{n}/{{v}}/delete",
    "patterns in words": "/v*/x{n}",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_checking_2000_rules_of_one_host_is_not_quadratic(shape: str) -> None:
    def taken(count: int) -> float:
        rows = [
            f"- {{id: r{n}, match: {{host: h.test, path: '{shape.format(n=n)}'}}, owner: {owned(n)}}}\n"
            for n in range(count)
        ]
        start = time.process_time()
        load_routes(file_of(rows))
        return time.process_time() - start

    small = min(taken(250) for _ in range(2))
    assert taken(2_000) < small * 8 * 3 + 0.5


def test_a_trace_names_the_first_rules_only() -> None:
    rows = [
        f"- {{id: r{n}, match: {{host: h.test, path: '/{path}'}}, owner: team:one}}\n"
        for n, path in enumerate("/".join(each) for each in itertools.product(["a", "{v}"], repeat=8))
    ]
    table = load_routes(file_of(rows))
    from datetime import UTC, datetime

    view = FindingView.model_validate({"api": {"host": "h.test", "path": "/a" * 8}})
    decision = table.route(view, datetime(2026, 3, 4, tzinfo=UTC))
    assert (decision.rule, len(decision.trace.lost)) == ("r0", 50)


def test_what_falls_to_the_default_is_counted_by_host() -> None:
    rows = [
        "- {id: a, match: {host: a.test, path: /x/**}, owner: team:one}\n",
        "- {id: b, match: {host: a.test, path: /x/y, methods: [POST]}, owner: team:two}\n",
    ]
    asked = [
        Address(host="a.test", path="/x/{id}", method="GET"),
        Address(host="a.test", path="/z", method="GET"),
        Address(host="b.test", path="/", method="GET"),
    ]
    found = covered_by(load_routes(file_of(rows)), asked)
    assert [(each.host, each.path) for each in found.unowned] == [("a.test", "/z"), ("b.test", "/")]
    assert found.hosts == {"a.test": (2, 1), "b.test": (1, 1)}
    table = load_routes(file_of(rows))
    assert table.rule_at(Address(host="a.test", path="/x/y", method="POST")) == "b"
    assert table.rule_at(Address(host="a.test", path="/x/y", method="GET")) == "a"
