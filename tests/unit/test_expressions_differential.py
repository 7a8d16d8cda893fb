"""Every expression that we ship, on random findings, against a second engine that shares no code with ours."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import celpy
import pytest
from celpy import celtypes

from stanch.expressions import Checked, ExpressionError, ExpressionFailed, Schema, _check, check, evaluate
from stanch.expressions._specs import Field, ListOf, MapOf, Record, Simple, Spec
from stanch.playbooks.library import PlaybookSet
from stanch.playbooks.types import selection_schema
from stanch.routing import load_routes

ROOT = Path(__file__).parents[2]
ROUNDS = 40
WORD = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
LINE = re.compile(r"^(?!#).*(?:finding|route|steps)\..*$", re.MULTILINE)


def used(load: Any) -> list[Checked]:
    """Every expression that is checked while something loads, with the types it is checked against."""
    found: dict[tuple[str, Schema], None] = {}
    original = _check._check

    def note(source: str, schema: Schema, expect: str, words: bool) -> Checked:
        found[source, schema] = None
        return original(source, schema, expect, words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_check, "_check", note)
        load()
    return list(_checked(found))


def _checked(found: Any) -> Iterator[Checked]:
    for source, schema in found:
        try:
            yield check(source, schema, expect="any")
        except ExpressionError:
            continue


def of_routes() -> list[Checked]:
    return used(lambda: load_routes((ROOT / "policy/routes.yaml").read_text("utf-8"), "routes.yaml"))


def of_playbooks() -> list[Checked]:
    return used(lambda: PlaybookSet.load(ROOT / "playbooks"))


def of_docs() -> list[Checked]:
    """Lines of examples on the page of expressions; what they name of a run is any value."""
    schema = Schema({**_selection(), "steps": "dyn", "inputs": "dyn", "run": "dyn", "now": "timestamp"})
    text = (ROOT / "docs/expressions.md").read_text("utf-8")
    lines = [line for block in re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL) for line in LINE.findall(block)]
    return [check(line, schema, expect="any") for line in lines]


def _selection() -> dict[str, Any]:
    from stanch.views import FindingView, RouteView

    return {"finding": FindingView, "route": RouteView}


class Made:
    """Random values of declared types; texts are mostly the words that the expression itself compares with."""

    def __init__(self, source: str, seed: int) -> None:
        self._random = random.Random(f"{source}{seed}")
        words = [one or two for one, two in WORD.findall(source)]
        self._words = [*words, *words, "", "x", "API3:2023", "${{ finding.id }}", "ünï"]

    def roots(self, schema: Schema) -> dict[str, Any]:
        return {name: self._field(field) for name, field in schema.roots.items()}

    def _field(self, field: Field) -> Any:
        return self._of(field.spec)

    def _of(self, spec: Spec) -> Any:
        match spec:
            case Simple():
                return self._simple(spec)
            case ListOf():
                return [self._of(spec.item) for _ in range(self._random.randrange(4))]
            case MapOf():
                return {self._random.choice("abc"): self._of(spec.value) for _ in range(self._random.randrange(3))}
            case Record():
                fields = spec.fields.items()
                return {name: self._of(each.spec) for name, each in fields if not each.optional or self._coin()}

    def _simple(self, spec: Simple) -> Any:
        if spec.choices and self._random.random() < 0.9:
            return self._random.choice(spec.choices)
        pick = self._random.choice
        return {
            "string": pick(self._words),
            "bool": self._coin(),
            "int": pick([0, 1, 5, 20, 1000, -1]),
            "double": pick([0.0, 0.5, 0.9, 0.95, 1.0]),
            "bytes": b"x",
            "timestamp": datetime(2026, 3, pick([1, 2, 9]), 12, tzinfo=UTC),
            "duration": timedelta(hours=pick([1, 4, 72, 2160])),
            "dyn": pick([*self._words, True, 3, 0.5]),
        }[spec.kind]

    def _coin(self) -> bool:
        return self._random.random() < 0.5


def theirs(value: Any) -> Any:
    """A value as the other engine wants it."""
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, dict):
        return celtypes.MapType({celtypes.StringType(key): theirs(each) for key, each in value.items()})
    if isinstance(value, list):
        return celtypes.ListType([theirs(each) for each in value])
    kinds = ((datetime, celtypes.TimestampType), (timedelta, celtypes.DurationType), (str, celtypes.StringType))
    more = ((int, celtypes.IntType), (float, celtypes.DoubleType), (bytes, celtypes.BytesType))
    return next(kind(value) for known, kind in (*kinds, *more) if isinstance(value, known))


def plain(value: Any) -> Any:
    """A result of the other engine as ours gives it."""
    if isinstance(value, celtypes.BoolType):
        return bool(value)
    if isinstance(value, celtypes.TimestampType):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    if isinstance(value, celtypes.DurationType):
        return timedelta(seconds=value.total_seconds())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    kinds = ((str, str), (int, int), (float, float), (bytes, bytes))
    return next((kind(value) for kind, _ in kinds if isinstance(value, kind)), value)


FAILED = "no value"


def ours(checked: Checked, values: dict[str, Any]) -> Any:
    try:
        return evaluate(checked, values)
    except ExpressionFailed:
        return FAILED


def other(program: Any, values: dict[str, Any]) -> Any:
    try:
        return plain(program.evaluate({name: theirs(value) for name, value in values.items()}))
    except celpy.CELEvalError:
        return FAILED


SOURCES = {"routes": of_routes, "playbooks": of_playbooks, "docs": of_docs}


@pytest.mark.parametrize("place", SOURCES)
def test_a_second_engine_agrees(place: str) -> None:
    checked = SOURCES[place]()
    assert len(checked) >= {"routes": 3, "playbooks": 60, "docs": 5}[place]
    environment = celpy.Environment()
    different: list[tuple[str, Any, Any]] = []
    values_seen: set[str] = set()
    for one in checked:
        program = environment.program(environment.compile(one.source))
        for seed in range(ROUNDS):
            values = Made(one.source, seed).roots(one.schema)
            mine, second = ours(one, values), other(program, values)
            values_seen.add(repr(mine))
            if mine != second or type(mine) is not type(second):
                different.append((one.source, mine, second))
    assert different == []
    ends = {"True", "False"} if place == "routes" else {"True", "False", repr(FAILED)}
    assert ends <= values_seen, "the values reach every end"


def test_a_difference_would_be_seen() -> None:
    checked = check("finding.count > 3", selection_schema())
    environment = celpy.Environment()
    program = environment.program(environment.compile("finding.count >= 3"))
    values = {"finding": {"count": 3}, "route": {}}
    assert (ours(checked, values), other(program, values)) == (False, True)
