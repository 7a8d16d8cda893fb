"""Findings from hand-written JSON: playbook fixtures, tests in routes files, files on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from stanch.errors import IntakeError
from stanch.findings.canonical import Origin, to_finding
from stanch.findings.model import Finding
from stanch.findings.report import FindingReport
from stanch.findings.view import view_of
from stanch.sinks.text import one_line
from stanch.views import FindingView


def parse_finding(data: Mapping[str, Any], origin: Origin | None = None) -> Finding:
    """The canonical finding of one JSON object in our own format.

    Raises:
        IntakeError: (422) with the path of the first mistake.
    """
    return to_finding(_report(data), origin)


def parse_view(data: Mapping[str, Any]) -> FindingView:
    """The view of a hand-written finding, believing it what else only inventory and intake decide.

    For fixtures and simulation, never for deliveries: source, id and the inventory's words are as given.
    """
    report = _report(data)
    view = view_of(to_finding(report))
    words = ("id", "owner", "criticality", "business_owner")
    api = view.api.model_copy(update={name: getattr(report.api, name) for name in words})
    own = {"api": api, "source": report.source, "id": report.uid or view.id}
    return view.model_copy(update=own)


def check_finding(data: Mapping[str, Any]) -> None:
    """Whether a hand-written finding has the right form, without working out what follows from it.

    Raises:
        IntakeError: as `parse_view` does.
    """
    _report(data)


def _report(data: Mapping[str, Any]) -> FindingReport:
    try:
        return FindingReport.model_validate(data)
    except ValidationError as error:
        raise input_error(error) from None


def input_error(error: ValidationError) -> IntakeError:
    """The first mistake of a strict body as an error with its place; the offending value is not repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(one_line(str(part), limit=48) for part in first["loc"][:6])  # a key is the sender's text too
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    said, hint = first["msg"], "`stanch schema finding` prints the accepted names"
    if first["type"] == "extra_forbidden":
        said, hint = "unknown name", _suggestion(first["loc"]) or hint
    return IntakeError(f"{place or 'body'}: {said}{also}", status=422, code="I010", hint=hint, place=place)


def _suggestion(location: tuple[int | str, ...]) -> str:
    model: Any = FindingReport
    for step in location[:-1]:
        if isinstance(step, str) and (field := model.model_fields.get(step)) is not None:
            kinds = (field.annotation, *get_args(field.annotation))
            model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    names: list[str] = list(model.model_fields)
    close = get_close_matches(str(location[-1]), names, n=1)
    return f"did you mean '{close[0]}'?" if close else ""
