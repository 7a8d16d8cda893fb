"""Models checked against a file: one problem for each mistake, at its line, with the likely right word."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from stanch.documents import Codes, Duration, load, validate
from stanch.errors import ConfigError, Problem


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Do(Strict):
    do: str
    timeout: Duration | None = None


class Stop(Strict):
    stop: Literal["ok", "failed"]


def kind(value: Any) -> str:
    return "stop" if isinstance(value, dict) and "stop" in value else "do"


Step = Annotated[Annotated[Do, Tag("do")] | Annotated[Stop, Tag("stop")], Discriminator(kind)]


class File(Strict):
    title: str
    steps: list[Step] = Field(default_factory=list)
    either: Do | Stop | None = None
    zone: str = "UTC"
    cls: int = Field(default=1, alias="class")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value == "nowhere":
            raise PydanticCustomError("R204", "unknown time zone nowhere")
        return value


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        validate(File, load(text, "f.yaml"), Codes(unknown_key="R001", missing="R000", invalid="R000"))
    return caught.value.problems


def test_a_good_file_gives_the_model() -> None:
    model = validate(File, load("title: t\nsteps: [{do: a, timeout: 4h}, {stop: ok}]\nclass: 3\n"))
    assert isinstance(model.steps[1], Stop)
    assert model.cls == 3


def test_unknown_key_suggests_the_known_one() -> None:
    (problem,) = problems("titel: t\ntitle: t\n")
    assert (problem.code, problem.line, problem.column) == ("R001", 1, 1)
    assert problem.hint == "did you mean 'title'?"


def test_suggestion_comes_from_the_branch_that_was_meant() -> None:
    (problem,) = problems("title: t\nsteps:\n  - {do: x, timeuot: 4h}\n")
    assert (problem.line, problem.column) == (3, 13)
    assert problem.hint == "did you mean 'timeout'?"


def test_a_torn_expression_is_explained() -> None:
    (problem,) = problems("title: t\nsteps:\n  - {do: f(a, b), timeout: 4h}\n")
    assert "quote" in problem.hint


def test_all_mistakes_once_each_in_file_order() -> None:
    found = problems("steps:\n  - {do: [1]}\n  - {stop: okay}\nzone: nowhere\n")
    assert [(problem.code, problem.line) for problem in found] == [
        ("R000", 1),
        ("R000", 2),
        ("R000", 3),
        ("R204", 4),
    ]
    assert "'title' is missing" in found[0].message
    assert "did you mean 'ok'" in found[2].hint


def test_a_choice_of_types_gives_one_problem() -> None:
    (problem,) = problems("title: t\neither: {do: x, tmeout: 1h}\n")
    assert problem.code == "R001"
    assert "timeout" in problem.hint


def test_wrong_durations_say_how_to_write_them() -> None:
    (problem,) = problems("title: t\nsteps: [{do: a, timeout: 90}]\n")
    assert "unit" in problem.message
    assert (problem.line, problem.column) == (2, 26)


def test_the_whole_file_of_a_wrong_kind() -> None:
    (problem,) = problems("- a\n")
    assert "mapping" in problem.message
    (problem,) = problems("")
    assert problem.line == 1
