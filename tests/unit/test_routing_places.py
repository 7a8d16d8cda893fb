"""Places: normal form, patterns, precedence, and that many `**` stay cheap."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stanch.routing import (
    Address,
    Match,
    Place,
    PlaceIndex,
    PlaceWords,
    Relation,
    normal_host,
    normal_path,
    overlap,
    winner,
)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b/", "/a/b"),
        ("/a//b", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("/../../etc", "/etc"),
        ("/a?x=/b#c", "/a"),
        ("/a;jsessionid=1/b;v=2", "/a/b"),
        ("/static/..%2fmobile/login", "/mobile/login"),
        ("/static/..%252fmobile", "/mobile"),
        ("/static/..%25252fmobile", "/mobile"),
        ("/static\\..\\mobile", "/mobile"),
        ("/A/b", "/A/b"),
        ("/caf%C3%A9", "/café"),
        ("/%ff", "/\ufffd"),
        ("/users/{id}", "/users/{id}"),
    ],
)
def test_normal_paths(raw: str, normal: str) -> None:
    assert normal_path(raw) == normal
    assert normal_path(normal) == normal or "%" in normal


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("API.Example.com", "api.example.com"),
        ("api.example.com.", "api.example.com"),
        ("api.example.com:8443", "api.example.com"),
        ("[2001:DB8::1]:443", "[2001:db8::1]"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("", ""),
    ],
)
def test_normal_hosts(raw: str, normal: str) -> None:
    assert normal_host(raw) == normal


def meets(pattern: str, address: str) -> bool:
    host, _, path = pattern.partition("/")
    index: PlaceIndex[str] = PlaceIndex()
    index.add(PlaceWords(host=host, path=f"/{path}").place, "it")
    host, _, path = address.partition("/")
    return bool(index.find(Address(host=host, path=f"/{path}")))


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ("api.example.com/**", "api.example.com/x", True),
        ("api.example.com/**", "api.example.com.evil.com/x", False),
        ("*.example.com/**", "a.b.example.com/", True),
        ("*.example.com/**", "example.com/", False),
        ("{x}.example.com/**", "a.example.com/", True),
        ("{x}.example.com/**", "a.b.example.com/", False),
        ("*/**", "anything/at/all", True),
        ("*/**", "/no-host", True),
        ("h/mobile/**", "h/mobile", True),
        ("h/mobile/**", "h/mobile/a/b", True),
        ("h/mobile/**", "h/mobilex", False),
        ("h/a/{x}/c", "h/a/b/c", True),
        ("h/a/{x}/c", "h/a/b/b/c", False),
        ("h/**/admin", "h/admin", True),
        ("h/**/admin", "h/a/b/admin", True),
        ("h/**/admin", "h/a/admin/b", False),
        ("h/v*/x", "h/v2/x", True),
        ("h/v*/x", "h/w2/x", False),
        ("h/*.json", "h/a.json", True),
        ("h/ab*ba", "h/aba", False),
        ("h/users/{id}", "h/users/{user_id}", True),
        ("h/users/me", "h/users/{user_id}", False),
        ("h/users/u*", "h/users/{user_id}", False),
        ("h/users/**", "h/users/{user_id}", True),
        ("h/", "h/", True),
        ("h/", "h/a", False),
    ],
)
def test_patterns(pattern: str, address: str, expected: bool) -> None:
    assert meets(pattern, address) is expected


@pytest.mark.parametrize(
    "words",
    [
        {"host": "API.example.com"},
        {"host": "api.example.com:443"},
        {"host": "a.*.com"},
        {"host": "a*.com"},
        {"host": ""},
        {"path": "mobile"},
        {"path": "/mobile/"},
        {"path": "/a/../b"},
        {"path": "/a%2fb"},
        {"path": "/a*b*c"},
        {"path": "/a{x}"},
        {"path": "/a?b"},
        {"methods": ["get"]},
        {"hots": "a"},
    ],
)
def test_patterns_that_are_not_in_normal_form_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PlaceWords.model_validate(words)


def test_any_stands_alone_and_match_says_something() -> None:
    assert len(Match.model_validate({"any": [{"host": "a.b"}, {"path": "/c"}]}).places) == 2
    for words in ({}, {"any": [{"host": "a.b"}], "path": "/c"}):
        with pytest.raises(ValidationError):
            Match.model_validate(words)


ORDER = [  # the most specific first; all meet the same address
    PlaceWords(host="a.b.c", path="/x/y/z"),
    PlaceWords(host="a.b.c", path="/x/y/**"),
    PlaceWords(host="a.b.c", path="/x/y*/**", methods=("GET",)),
    PlaceWords(host="a.b.c", path="/x/y*/**", environment=("prod",)),
    PlaceWords(host="a.b.c", path="/x/y*/**"),
    PlaceWords(host="a.b.c", path="/x/{v}/**"),
    PlaceWords(host="a.b.c", path="/**/z"),
    PlaceWords(host="a.b.c"),
    PlaceWords(host="{h}.b.c", path="/x/y/z"),
    PlaceWords(host="*.b.c", path="/x/y/z"),
    PlaceWords(path="/x/y/z"),
    PlaceWords(),
]


def test_precedence_is_host_then_path_then_conditions() -> None:
    index: PlaceIndex[int] = PlaceIndex()
    for position in (5, 0, 11, 3, 8, 1, 9, 2, 10, 4, 7, 6):
        index.add(ORDER[position].place, position)
    hits = index.find(Address(host="a.b.c", path="/x/y/z", method="GET", environment="prod"))
    assert [hit.value for hit in hits] == list(range(12))


def test_conditions_that_are_not_met_come_last_and_say_which() -> None:
    index: PlaceIndex[str] = PlaceIndex()
    index.add(PlaceWords(host="a.b", path="/x", methods=("POST",)).place, "post")
    index.add(PlaceWords(host="a.b").place, "all")
    hits = index.find(Address(host="a.b", path="/x", method="get"))
    assert [(hit.value, hit.unmet) for hit in hits] == [("all", ""), ("post", "methods")]
    best = winner(hits, str, {})
    assert best is not None
    assert best.value == "all"


SEGMENTS = st.sampled_from(["a", "b", "ab", "{v}", "a*", "*b", "**"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda parts: "/" + "/".join(parts))
HOSTS = st.sampled_from(["*", "x.y", "*.y", "{h}.y", "x.x.y", "*.x.y", "y"])
PLACES = st.builds(
    PlaceWords, host=HOSTS, path=PATHS, methods=st.sampled_from([(), ("GET",), ("POST",), ("GET", "POST")])
)
ADDRESSES = st.builds(
    Address,
    host=st.sampled_from(["x.y", "y", "x.x.y", "z.x.y", "z"]),
    path=st.lists(st.sampled_from(["a", "b", "ab", "aab", "c", "{id}"]), max_size=5).map(lambda p: "/" + "/".join(p)),
    method=st.sampled_from(["GET", "POST", ""]),
)


def brute(words: PlaceWords, address: Address) -> bool:
    """The same meaning, written as plain recursion over texts."""
    if words.methods and address.method not in words.methods:
        return False
    host = address.host.split(".")
    labels = words.host.split(".")
    return brute_host(labels, host) and brute_path(words.path.split("/")[1:], address.path.split("/")[1:])


def brute_host(pattern: list[str], host: list[str]) -> bool:
    if pattern == ["*"]:
        return True
    if pattern[0] == "*":
        return len(host) >= len(pattern) and host[-len(pattern) + 1 :] == pattern[1:]
    return len(host) == len(pattern) and all(p == h or p[0] == "{" for p, h in zip(pattern, host, strict=True))


def brute_path(pattern: list[str], path: list[str]) -> bool:
    pattern, path = [each for each in pattern if each], [each for each in path if each]
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(brute_path(pattern[1:], path[cut:]) for cut in range(len(path) + 1))
    return bool(path) and brute_segment(pattern[0], path[0]) and brute_path(pattern[1:], path[1:])


def brute_segment(pattern: str, segment: str) -> bool:
    if pattern.startswith("{"):
        return True
    if segment.startswith("{"):
        return False
    if "*" not in pattern:
        return pattern == segment
    head, tail = pattern.split("*")
    return segment.startswith(head) and segment.endswith(tail) and len(segment) >= len(head + tail)


@settings(max_examples=400)
@given(st.lists(PLACES, min_size=1, max_size=8), ADDRESSES)
def test_the_trie_agrees_with_brute_force(places: list[PlaceWords], address: Address) -> None:
    index: PlaceIndex[int] = PlaceIndex()
    for number, words in enumerate(places):
        index.add(words.place, number)
    hits = [hit for hit in index.find(address) if not hit.unmet]
    expected = {number for number, words in enumerate(places) if brute(words, address)}
    assert {hit.value for hit in hits} == expected
    assert [hit.place.rank for hit in hits] == sorted(places[number].place.rank for number in expected)


CONCRETE = [
    "/" + "/".join(parts)
    for parts in (
        (),
        *((a,) for a in ("a", "b", "ab", "q")),
        *((a, b) for a in ("a", "b", "ab", "q") for b in ("a", "b", "ab", "q")),
        *((a, b, c) for a in ("a", "b", "q") for b in ("a", "ab", "q") for c in ("a", "b", "ab", "q")),
    )
]


@settings(max_examples=300)
@given(PATHS, PATHS)
def test_relations_of_places_agree_with_examples(first: str, second: str) -> None:
    one, two = (PlaceWords(host="h", path=path).place for path in (first, second))
    relation = overlap(one, two)
    met = [{path for path in CONCRETE if brute_path(p.split("/")[1:], path.split("/")[1:])} for p in (first, second)]
    if met[0] & met[1]:
        assert relation.relation is not Relation.APART
        assert all(brute_path(p.split("/")[1:], relation.example.split("/")[1:]) for p in (first, second))
    allowed: dict[Relation, Callable[[], bool]] = {
        Relation.APART: lambda: not met[0] & met[1],
        Relation.EQUAL: lambda: met[0] == met[1],
        Relation.INSIDE: lambda: met[0] <= met[1],
        Relation.AROUND: lambda: met[0] >= met[1],
        Relation.CROSSING: lambda: True,
    }
    assert allowed[relation.relation]()


@pytest.mark.parametrize(
    ("first", "second", "relation", "example"),
    [
        ("/a/b", "/a/b", Relation.EQUAL, "/a/b"),
        ("/a/{x}", "/a/{y}", Relation.EQUAL, "/a/x"),
        ("/a/b", "/a/**", Relation.INSIDE, "/a/b"),
        ("/a/**", "/a/{x}", Relation.AROUND, "/a/x"),
        ("/a/{x}", "/{y}/b", Relation.CROSSING, "/a/b"),
        ("/a/**", "/**/b", Relation.CROSSING, "/a/b"),
        ("/v*/x", "/*2/x", Relation.CROSSING, "/v2/x"),
        ("/a/b", "/a/c", Relation.APART, ""),
    ],
)
def test_relations(first: str, second: str, relation: Relation, example: str) -> None:
    found = overlap(place(first), place(second))
    assert (found.relation, found.example) == (relation, example)


def place(path: str, *methods: str) -> Place:
    return PlaceWords(host="h", path=path, methods=methods).place


def test_conditions_decide_only_where_the_paths_are_equal() -> None:
    assert overlap(place("/a", "GET"), place("/a", "POST")).relation is Relation.APART
    assert overlap(place("/a", "GET"), place("/a")).relation is Relation.INSIDE
    assert overlap(place("/a", "GET", "PUT"), place("/a", "PUT", "POST")).relation is Relation.CROSSING
    assert overlap(place("/a/**", "GET"), place("/a/b")).relation is Relation.AROUND


def test_many_deep_wildcards_stay_flat() -> None:
    def taken(stars: int) -> float:
        index: PlaceIndex[int] = PlaceIndex()
        index.add(PlaceWords(host="h", path="/" + "/".join(["**", "a"] * stars) + "/b").place, 0)
        address = Address(host="h", path="/a" * 60 + "/c")
        start = time.thread_time()
        for _ in range(5):
            assert index.find(address) == []
        return time.thread_time() - start

    base = min(taken(2) for _ in range(3))
    assert min(taken(12) for _ in range(3)) < max(base * 40, 0.02)


def test_long_paths_and_segments_are_cut_and_still_match() -> None:
    index: PlaceIndex[int] = PlaceIndex()
    index.add(PlaceWords(host="h", path="/a/**").place, 0)
    assert index.find(Address(host="h", path="/a" * 10_000))
    assert index.find(Address(host="h", path="/a/" + "b" * 100_000))
