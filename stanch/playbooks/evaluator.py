"""Runs the expressions of one plan: compiled once per plan, checked against the plan's own types, fail closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from stanch.durations import parse_duration
from stanch.expressions import Checked, check, evaluate
from stanch.plan import Plan
from stanch.playbooks.types import schema_of


class PlanEvaluator:
    """Implements `stanch.interpreter.context.Evaluator` for one plan."""

    def __init__(self, plan: Plan) -> None:
        self._schema = schema_of(plan)
        self._checked: dict[str, Checked] = {}
        self._durations = tuple(name for name, kind in plan.input_types.items() if kind == "duration")

    def evaluate(self, source: str, values: Mapping[str, Any]) -> Any:
        """The value of one of the plan's expressions.

        Raises:
            ExpressionError: it does not fit the plan's types (a plan made by another release).
            ExpressionFailed: it gives no value now.
        """
        checked = self._checked.get(source)
        if checked is None:
            checked = self._checked[source] = check(source, self._schema, expect="any", words=False)
        inputs = typed(values.get("inputs") or {}, self._durations)
        return evaluate(checked, {**values, "inputs": inputs})


@lru_cache(maxsize=128)
def _cached(digest: str, plan: str) -> PlanEvaluator:
    return PlanEvaluator(Plan.model_validate_json(plan))


def evaluator_for(plan: Plan) -> PlanEvaluator:
    """The evaluator of a plan, shared by all runs of the same plan in this process."""
    return _cached(plan.digest, plan.model_dump_json())


def typed_inputs(plan: Plan) -> dict[str, Any]:
    """The plan's inputs with durations as timedelta, as `RunContext.inputs` wants them."""
    durations = tuple(name for name, kind in plan.input_types.items() if kind == "duration")
    return typed(plan.inputs, durations)


def typed(inputs: Mapping[str, Any], durations: tuple[str, ...]) -> dict[str, Any]:
    """Inputs as expressions see them; durations travel as text such as 24h."""
    return {name: _duration(value) if name in durations else value for name, value in inputs.items()}


def _duration(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))
