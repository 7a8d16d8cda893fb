"""The engine against the conformance cases of the CEL specification; an upgrade must not lose one."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest
from cel_expr_python import cel

from stanch.expressions._engine import is_error

CASES = json.loads((Path(__file__).parents[1] / "data/cel/core.json").read_text())["tests"]

KNOWN_MISSES = {
    # names given as one dotted binding and resolved without a type check: our programs are always checked
    "fields/qualified_identifier_resolution/qualified_identifier_resolution_unchecked",
    "namespace/namespace/self_eval_container_lookup_unchecked",
    # two keys of a map literal that are equal across number types should be refused
    "fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous",
    # these two rows lost a backslash of their source when they were re-expressed as JSON
    "parse/bytes_literals/triple_double_quoted_unescaped_punctuation",
    "parse/bytes_literals/triple_single_quoted_unescaped_punctuation",
}


def name(case: dict[str, Any]) -> str:
    return f"{case['file']}/{case['section']}/{case['name']}"


def decode(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "list":
        return [decode(each) for each in inner]
    if kind == "map":
        return {decode(key): decode(each) for key, each in inner}
    if kind == "bytes":
        return base64.b64decode(inner)
    return float(inner) if kind == "double" else inner


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, bytearray):
        left = bytes(left)
    return type(left) is type(right) and bool(left == right)


def run(case: dict[str, Any]) -> bool:
    env = cel.NewEnv(variables=dict.fromkeys(case["bindings"], cel.Type.DYN), container=case["container"] or None)
    try:
        program = env.compile(case["expr"], disable_check=case["disable_check"])
        value = program.eval(data={key: decode(each) for key, each in case["bindings"].items()})
    except RuntimeError:
        return "value" not in case
    if is_error(value) or "value" not in case:
        return is_error(value) and "value" not in case
    return same(value.plain_value(), decode(case["value"]))


def test_the_engine_meets_the_specification() -> None:
    assert len(CASES) == 1069
    missed = {name(case) for case in CASES if not run(case)}
    assert missed == KNOWN_MISSES


@pytest.mark.parametrize("expression", ["1 == 2", "[1].size() == 2"])
def test_the_harness_notices_a_wrong_answer(expression: str) -> None:
    case = {"expr": expression, "bindings": {}, "container": "", "disable_check": False, "value": {"bool": True}}
    assert not run(case)
