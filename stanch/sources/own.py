"""Our own JSON format: recognised by its words, read strictly."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from stanch.findings.fixtures import input_error
from stanch.findings.report import FindingReport
from stanch.shapes import is_dict

ID = "own"
WORDS = frozenset(FindingReport.model_fields) - {"schema_"} | {"schema", "id"}
_TELLING = frozenset({"title", "type", "rule", "category", "kind", "api", "severity"})


def claims(document: Any) -> bool:
    """True for a document that says it is ours, or uses our words only."""
    if not is_dict(document):
        return False
    if str(document.get("schema", "")).startswith("finding/"):
        return True
    return len(_TELLING & document.keys()) >= 2 and document.keys() <= WORDS and _shaped(document)


def resembles(document: Any) -> bool:
    """True for a document that is most likely ours with a mistake in it: better told than quarantined."""
    if not is_dict(document) or not isinstance(document.get("api", {}), dict):
        return False
    known = WORDS & document.keys()
    return len(_TELLING & known) >= 3 and len(known) >= 0.8 * len(document)


def _shaped(document: dict[str, Any]) -> bool:
    return all(isinstance(document.get(name, {}), dict) for name in ("api", "actor", "resource"))


def read(document: Any) -> FindingReport:
    """The report of a document.

    Raises:
        IntakeError: (422) with the place of the first mistake.
    """
    try:
        return FindingReport.model_validate(document)
    except ValidationError as error:
        raise input_error(error) from None
