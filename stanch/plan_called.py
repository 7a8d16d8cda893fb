"""What a plan says of a playbook that another one calls."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Base of plan parts: frozen, tolerant of additions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CalledInput(Part):
    """What a called playbook is given, with the bounds that the value must keep when it is known."""

    value: Any = None
    type: str
    min: Any = None
    max: Any = None
    choices: tuple[Any, ...] = ()


class Called(Part):
    """Another playbook, run as a step: inputs and variables by the names they have in this plan.

    Args:
        digest: of the plan that it would be by itself.
        outputs: by the names that `steps.ID.outputs` has.
        needs: the alongside steps whose results the outputs read.
    """

    playbook: str
    digest: str
    inputs: dict[str, CalledInput] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)
    guard: tuple[str, ...] = ()
    outputs: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
