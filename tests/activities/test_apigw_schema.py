"""A contract's schema as a model of API Gateway: valid draft 4, and never stricter than the file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities._apigw.contract_file import contract_of
from activities._apigw.schema import Draft4
from stanch.errors import Rejected

DOCUMENT = {"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}, "T": {"type": "string"}}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """OpenAPI 3.1 schemas (draft 2020-12), with words that draft 4 lacks."""
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True),
            "const": VALUES,
            "enum": st.lists(VALUES, min_size=1, max_size=2, unique_by=repr),
            "minimum": st.integers(-3, 3),
            "exclusiveMinimum": st.integers(-3, 3),
            "exclusiveMaximum": st.integers(-3, 3),
            "maxLength": st.integers(0, 3),
            "minItems": st.integers(0, 2),
            "dependentRequired": st.just({"a": ["b"]}),
        },
    )

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        few = st.lists(inner, min_size=1, max_size=2)
        words = {
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.dictionaries(st.just("^[ab]$"), inner, max_size=1),
            "items": inner | st.booleans(),
            "prefixItems": few,
            "oneOf": few,
            "anyOf": few,
            "allOf": few,
            "not": inner,
            "if": inner,
            "then": inner,
        }
        return st.fixed_dictionaries({}, optional=words)

    return st.recursive(leaf, grow, max_leaves=6)


@settings(max_examples=30 if os.environ.get("STANCH_PROFILE") != "long" else 5_000)
@given(schemas(), VALUES)
def test_no_value_that_the_file_allows_is_refused(schema: dict[str, Any], value: Any) -> None:
    made = Draft4({}).of(schema)
    jsonschema.Draft4Validator.check_schema(made)
    if jsonschema.Draft202012Validator(schema).is_valid(value):
        assert jsonschema.Draft4Validator(made).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "good", "wrong"),
    [
        ({"type": "string", "nullable": True}, [None, "a"], [1]),
        ({"type": "string", "nullable": True, "enum": ["a"]}, [None, "a"], ["b"]),
        ({"minimum": 1, "exclusiveMinimum": True}, [2], [1]),
        ({"exclusiveMinimum": 1}, [2], [1]),
        ({"const": 3}, [3], [4]),
        ({"type": "object", "required": ["id"], "properties": {"id": {"readOnly": True}}}, [{}], []),
        ({"$ref": "#/components/schemas/T"}, ["a"], [1]),
    ],
)
def test_words_of_openapi_are_translated(schema: dict[str, Any], good: list[Any], wrong: list[Any]) -> None:
    check = jsonschema.Draft4Validator(Draft4(DOCUMENT).of(schema))
    assert ([check.is_valid(one) for one in good], [check.is_valid(one) for one in wrong]) == (
        [True] * len(good),
        [False] * len(wrong),
    )


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/A"},
        {"$ref": "https://example.com/other.json"},
        {"$ref": "#/components/schemas/Missing"},
        {"properties": {"a": 3}},
        _deep(200),
        {"anyOf": [{} for _ in range(3000)]},
    ],
    ids=["itself", "another file", "missing", "no schema", "deep", "large"],
)
def test_what_cannot_be_translated_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        Draft4(DOCUMENT).of(schema)
    assert caught.value.code == "V078"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "openapi: 2.0",
        "swagger: '2.0'",
        "openapi: 3.0.0\npaths: 7",
        "openapi: 3.0.0\npaths: {/orders: []}",
        "a: &a [*a]",
    ],
)
def test_file_that_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(text)
    with pytest.raises(Rejected) as caught:
        contract_of(str(file), path="/orders", method="POST")
    assert caught.value.code == "V078"


def test_body_that_may_be_absent_is_left_out_and_said(tmp_path: Path) -> None:
    operation = {
        "parameters": [
            {"in": "query", "name": "page", "required": True},
            {"in": "cookie", "name": "sid", "required": True},
            {"in": "query", "name": "lax"},
        ],
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
    }
    file = tmp_path / "api.json"
    file.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/a/{id}": {"get": operation}}}))
    contract = contract_of(str(file), path="/a/{other}", method="GET")
    assert contract.parameters == ("method.request.querystring.page",)
    assert (contract.model, contract.left_out) == ("", ("a body that may be absent", "cookie parameter sid"))
