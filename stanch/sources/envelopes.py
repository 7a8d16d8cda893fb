"""Takes documents out of the envelopes that carriers put around them: SNS, EventBridge, CloudEvents and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from stanch.documents import Codes, load, validate
from stanch.errors import ConfigError, Problem
from stanch.shapes import is_dict, is_list
from stanch.sources import closures
from stanch.sources.closures import Evaluate
from stanch.sources.expressions import Engine, Failed
from stanch.sources.lint import mistakes
from stanch.sources.screening import Needs, needs

_MAX_LAYERS = 4


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    when: str
    take: str


class _EnvelopesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: str
    envelopes: tuple[_Entry, ...]


@dataclass(frozen=True)
class Envelope:
    """`when` recognises it, `take` gives the document or documents inside; `keys` rule it out at a glance."""

    id: str
    when: Evaluate
    take: Evaluate
    keys: Needs

    def is_around(self, document: Any) -> bool:
        """Whether a document is such an envelope."""
        has = document.keys()
        return any(need <= has for need in self.keys) and holds(self.when(document))


def load_envelopes(path: Path) -> tuple[Envelope, ...]:
    """Read the envelopes file.

    Raises:
        ConfigError: with every mistake at its line.
    """
    document = load(path.read_text(encoding="utf-8"), str(path), code="S001")
    made = validate(_EnvelopesFile, document, Codes(unknown_key="S002", missing="S001", invalid="S001"))
    problems: list[Problem] = []
    for number, entry in enumerate(made.envelopes):
        for name in ("when", "take"):
            place = ("envelopes", number, name)
            for code, text, offset in mistakes(getattr(entry, name)):
                line, column = document.inside(place, offset)
                problems.append(Problem(code, text, file=str(path), line=line, column=column))
    if problems:
        raise ConfigError(f"{path.name} has mistakes", problems=problems)
    engine = Engine()
    return tuple(
        Envelope(item.id, engine.compile(item.when), engine.compile(item.take), needs(item.when))
        for item in made.envelopes
    )


def opened(document: Any, envelopes: Sequence[Envelope], *, layers: int = _MAX_LAYERS) -> list[Any]:
    """The documents inside, or the document itself where no envelope is around it."""
    if not layers or not is_dict(document):
        return [document]
    envelope = next((item for item in envelopes if item.is_around(document)), None)
    if envelope is None:
        return [document]
    inside = envelope.take(document)
    inside = inside if is_list(inside) else [inside]
    return [inner for item in inside for inner in opened(item, envelopes, layers=layers - 1)]


def event_key(document: Any) -> tuple[str, str] | None:
    """Source and id of a CloudEvent: the same pair again is the same event."""
    if not is_dict(document) or not document.get("specversion"):
        return None
    source, name = document.get("source"), document.get("id")
    return (source, name) if isinstance(source, str) and isinstance(name, str) else None


def holds(value: Any) -> bool:
    """JMESPath's truth; what could not be evaluated is not true."""
    return not isinstance(value, Failed) and closures.holds(value)
