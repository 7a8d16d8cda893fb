"""Parameters of an action, checked against its model before anything is scheduled."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from stanch.catalog import ActionSpec
from stanch.interpreter.run import ValueProblem
from stanch.who import STANDING


def checked(spec: ActionSpec, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the action's model has them, in JSON form.

    Raises:
        ValueProblem: P105, with the field but never its content.
    """
    try:
        return spec.params.model_validate(values, context=STANDING).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueProblem("P105", f"{spec.name} {place}: {first['type']}") from error
