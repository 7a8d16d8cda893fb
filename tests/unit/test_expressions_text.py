"""Texts with `${{ }}`: parsed once, types kept, values never parsed again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.expressions import (
    ExpressionError,
    ExpressionFailed,
    Schema,
    check_text,
    evaluate_text,
    parse,
)

SCHEMA = Schema({"a": "string", "n": "int", "f": "double", "d": "duration", "t": "timestamp", "l": "list", "x": "dyn"})
VALUES: dict[str, Any] = {
    "a": "it's ${{ n }}",
    "n": 7,
    "f": 0.5,
    "d": timedelta(hours=4),
    "t": datetime(2026, 3, 2, tzinfo=UTC),
    "l": [1],
    "x": None,
}


def fill(text: str) -> Any:
    return evaluate_text(check_text(parse(text), SCHEMA), VALUES)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{ n }}", 7),
        ("${{ l }}", [1]),
        ("${{d}}", timedelta(hours=4)),
        ("${{ x }}", None),
        ("${{ n }} ", "7 "),
        ("${{ a }}!", "it's ${{ n }}!"),
        ("${{ n }}/${{ f }}/${{ d }}/${{ t }}/${{ n == 7 }}", "7/0.5/4h/2026-03-02T00:00:00Z/true"),
        ("${{ {'a': {'b': '}}'}}.a.b }}", "}}"),
        ("${{ 'it\\'s }}' }}", "it's }}"),
        ("costs $${{ n }} and $5 {n}", "costs ${{ n }} and $5 {n}"),
    ],
)
def test_filling(text: str, result: Any) -> None:
    assert fill(text) == result


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("see ${{ n", "P301", 8),
        ("see ${{ }}", "P301", 8),
        ("see ${{ m }}", "P303", 9),
        ("see ${{ l }}", "P302", 9),
        ("see ${{ n + }}", "P301", 12),
    ],
)
def test_mistakes_name_their_column_in_the_whole_text(text: str, code: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_text(parse(text), SCHEMA)
    (problem,) = caught.value.problems
    assert (problem.code, problem.column) == (code, column)


def test_all_mistakes_of_a_text_at_once() -> None:
    with pytest.raises(ExpressionError) as caught:
        check_text(parse("${{ m }} and ${{ o }}"), SCHEMA)
    assert [problem.column for problem in caught.value.problems] == [5, 18]


def test_null_and_lists_inside_a_text_fail() -> None:
    for value in (None, [1], {"a": 1}):
        with pytest.raises(ExpressionFailed):
            evaluate_text(check_text(parse("see ${{ x }}"), SCHEMA), {"x": value})


def test_the_kinds_of_text() -> None:
    assert parse("plain").literal == "plain"
    assert parse("$${{").literal == "${{"
    assert parse("${{ n }}").whole is not None
    assert parse("${{ n }}.").whole is None
    assert parse("${{ n }}.").literal is None
    assert check_text(parse("${{ n }} ${{ a }}"), SCHEMA).references == {"n", "a"}
    assert check_text(parse("${{ n }}"), SCHEMA).type == "int"
    assert check_text(parse("${{ n }}."), SCHEMA).type == "string"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_data_is_never_scanned(data: str) -> None:
    checked = check_text(parse("<${{ a }}>"), SCHEMA)
    assert evaluate_text(checked, {"a": data + "${{ n }}"}) == f"<{data}${{{{ n }}}}>"
