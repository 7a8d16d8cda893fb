"""Takes documents out of the envelopes that carriers put around them: SNS, EventBridge, CloudEvents and the like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from stanch.documents import Codes, load, validate
from stanch.errors import ConfigError, Problem
from stanch.shapes import is_dict, is_list
from stanch.sources import closures, own
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
class Envelopes:
    """Those that may stand around a document; the first that fits counts.

    Args:
        telling: keys of which every envelope has at least one; None where one needs no key.
    """

    listed: tuple[Envelope, ...]
    telling: frozenset[str] | None

    def around(self, document: dict[str, Any]) -> Envelope | None:
        """The envelope around a document; most are ruled out by their keys alone."""
        if self.telling is not None and self.telling.isdisjoint(document):
            return None
        return next((item for item in self.listed if item.is_around(document)), None)


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


def load_envelopes(path: Path) -> Envelopes:
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
    listed = tuple(
        Envelope(item.id, engine.compile(item.when), engine.compile(item.take), needs(item.when))
        for item in made.envelopes
    )
    return Envelopes(listed, _telling(need for item in listed for need in item.keys))


def _telling(needed: Iterable[frozenset[str]]) -> frozenset[str] | None:
    """One key of each set, one that our own format does not have where there is one; None where a set is empty."""
    sets = list(needed)
    return frozenset(min(words, key=lambda word: (word in own.WORDS, word)) for words in sets) if all(sets) else None


def opened(document: Any, envelopes: Envelopes, *, layers: int = _MAX_LAYERS) -> list[Any]:
    """The documents inside, or the document itself where no envelope is around it."""
    if not layers or not is_dict(document):
        return [document]
    envelope = envelopes.around(document)
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
