"""Strict YAML: what is accepted, what is refused, and that every problem names its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stanch.documents import duration, format_duration, load
from stanch.errors import ConfigError, Problem


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, "f.yaml")
    return caught.value.problems


def one(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"),
        ("'7'", "7"),
        ('"true"', "true"),
        (".inf", ".inf"),
        ("٣", "٣"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, value: object) -> None:
    assert load(f"a: {written}\n").data == {"a": value}
    assert type(load(f"a: {written}\n").data["a"]) is type(value)


def test_on_is_a_key_and_not_true() -> None:
    assert load("on: {match: x}\n").data == {"on": {"match": "x"}}


def test_every_key_and_value_has_a_place() -> None:
    document = load("rules:\n  - id: a\n    cc: [x, 'y']\n", "f.yaml")
    assert document.at(("rules",)) == (2, 3)
    assert document.at(("rules",), key=True) == (1, 1)
    assert document.at(("rules", 0, "cc", 1)) == (3, 13)
    assert document.at(("rules", 0, "cc"), key=True) == (3, 5)
    assert document.at(("rules", 0, "missing")) == (2, 5)


def test_places_inside_texts() -> None:
    document = load("a: one two\nb: 'one two'\nc: |\n  one\n  two three\n")
    assert document.inside(("a",), 4) == (1, 8)
    assert document.inside(("b",), 4) == (2, 9)
    assert document.inside(("c",), 8) == (5, 7)


def test_duplicate_key_names_both_places() -> None:
    problem = one("a: 1\nb: 2\na: 3\n")
    assert (problem.line, problem.column) == (3, 1)
    assert "1:1" in problem.message


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: &x 1\nb: 2\n", 1, 4, "anchor"),
        ("a: *x\n", 1, 4, "alias"),
        ("a: !!python/object:os.system x\n", 1, 4, "tags"),
        ("when: !has(x)\n", 1, 7, "quote"),
        ("a: {<<: 1}\n", 1, 5, "merge"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("1: x\n", 1, 1, "key must be text"),
        ("true: x\n", 1, 1, "key must be text"),
        ("[a]: x\n", 1, 1, "key must be text"),
        ("a:\n\tb: 1\n", 2, 1, "spaces"),
        ("a: b ? c : d\n", 1, 10, "colon"),
        ("{when: x in ['a', 'b']}\n", 1, 13, "quote"),
        ("host: *.example.com\n", 1, 8, "quote"),
        ("a: [1, 2\n", 2, 1, "YAML"),
        ("a: 99999999999999999999\n", 1, 4, "64 bits"),
        ("a: 1e999\n", 1, 4, "too large"),
        ("a: \x07\n", 1, 1, "control"),
        ("a: \ud800\n", 1, 1, "UTF-8"),
    ],
)
def test_refused_with_place_and_reason(text: str, line: int, column: int, says: str) -> None:
    problem = problems(text)[0]
    assert (problem.line, problem.column) == (line, column), problem
    assert says in f"{problem.message} {problem.hint}"


def test_all_problems_at_once() -> None:
    found = problems("a: &x 1\nb: !t 2\na: 3\n")
    assert [problem.line for problem in found] == [1, 2, 3]


def test_every_tab_indent_is_named() -> None:
    assert [problem.line for problem in problems("a:\n\tb: 1\n\tc: 2\n")] == [2, 3]


def test_deep_and_large_files_stop_early() -> None:
    assert "nested deeper" in one("[" * 3_000 + "]" * 3_000).message
    assert "values" in one("a: [" + "1," * 200_001 + "]").message
    assert "bytes" in one("a: " + "x" * 2_000_001).message


def test_the_pure_parser_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, 'x', {b: no}]\nc: |\n  text\n"
    expected = load(text)
    monkeypatch.setattr("stanch.documents._yaml._LOADER", yaml.SafeLoader)
    pure = load(text)
    assert pure.data == expected.data
    assert pure.at(("a", 2, "b")) == expected.at(("a", 2, "b"))
    assert problems("a: &x 1\n")[0].column == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("4h", 14400), ("7d", 604800), ("9d2h", 784800), ("90s", 90), ("1w", 604800), ("0m", 0)],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "1.5h", "-1h", "1h1h", "1m1h", "1 h", "1h\n", "9999999w", "١h"])
def test_durations_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        duration(text)


@given(st.integers(min_value=0, max_value=3_000_000_000))
def test_durations_are_read_back(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert duration(format_duration(value)) == value


@given(st.text(max_size=60))
def test_any_text_loads_or_is_refused_with_a_place(text: str) -> None:
    refused: tuple[Problem, ...] | None = None
    try:
        load(text, "f.yaml")
    except ConfigError as error:
        refused = error.problems
    assert refused is None or (refused and all(each.line >= 1 and each.column >= 1 for each in refused))
