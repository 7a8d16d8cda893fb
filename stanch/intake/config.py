"""The sources of a deployment (`policy/sources.yaml`): who may send, how it is proven, what it may trigger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from stanch.documents import Codes, Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.findings import Assurance
from stanch.intake.auth import Auth, mistake, networks
from stanch.intake.networks import within
from stanch.sources import Library, load_library
from stanch.sources.lint import mistakes
from stanch.views import Kind

_CODES = Codes(unknown_key="S002", missing="S001", invalid="S001")

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
_ORIGIN = re.compile(r"\*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


class SourceState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"  # answers 403
    RETIRED = "retired"  # answers 410


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FullReport(_File):
    """What each delivery of a source shows completely, so that what is absent from two in a row is gone.

    Args:
        scope: a fixed name for what the reports cover. from_: JMESPath over the report that gives the names instead.
        header: the sender may name the scope in the header `Stanch-Report-Scope`.
        at: JMESPath to the time at which the report was made; its arrival counts otherwise.
    """

    scope: str = Field(default="", max_length=200)
    from_: str = Field(default="", alias="from")
    header: bool = False
    at: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> FullReport:
        if bool(self.scope) + bool(self.from_) > 1 or not (self.scope or self.from_ or self.header):
            raise PydanticCustomError("S030", "a full report needs scope, from or header: true, and not scope and from")
        return self


class SourceConfig(_File):
    """One sender."""

    adapter: str
    auth: Auth
    title: str = ""
    state: SourceState = SourceState.ACTIVE
    cidrs: tuple[str, ...] = ()
    max_bytes: int = Field(default=1024 * 1024, ge=1024, le=25 * 1024 * 1024)
    max_finding_bytes: int = Field(default=256 * 1024, ge=1024, le=1024 * 1024)
    assurance: Assurance = Assurance.A  # the ceiling; what the proof earns may be lower
    kinds: tuple[Kind, ...] = ()  # empty: all
    owner: str = ""  # who answers for this sender: a name of the directory
    storm_limit: int = Field(default=100, ge=1, le=1_000_000)  # new problems a minute, past which nothing runs alone

    origins: tuple[str, ...] = Field(default=(), max_length=100)  # CloudEvents: who may ask to send
    rate: int = Field(default=120, ge=1, le=1_000_000)  # CloudEvents: deliveries a minute that are offered
    full_report: FullReport | None = None

    @field_validator("cidrs")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return networks(values)

    @field_validator("origins")
    @classmethod
    def _origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ORIGIN.fullmatch(value) for value in values):
            raise mistake("S012", "not a name that a sender gives as origin", hint="write eventgrid.azure.net, or '*'")
        return values

    def admits(self, remote: str) -> bool:
        """Whether this address may send; an unreadable one may not where networks are named."""
        return not self.cidrs or within(remote, self.cidrs)


class SourcesFile(_File):
    """The words of `sources/v1`."""

    version: Literal["sources/v1"]
    sources: dict[SourceName, SourceConfig]


@dataclass(frozen=True)
class Sources:
    """All sources by name, and the adapters they use."""

    by_name: Mapping[str, SourceConfig]
    library: Library

    def get(self, name: str) -> SourceConfig | None:
        return self.by_name.get(name)


def load_sources(path: Path, *, adapters: Path | None = None) -> Sources:
    """Read and check the sources file, with the adapters of the folder `adapters` beside it.

    Raises:
        ConfigError: with every mistake at its line.
    """
    folder = adapters or path.parent / "adapters"
    return parse_sources(
        path.read_text(encoding="utf-8"), str(path), library=load_library([folder] if folder.is_dir() else [])
    )


def parse_sources(text: str, file: str = "", *, library: Library | None = None) -> Sources:
    """The same from text.

    Raises:
        ConfigError: with every mistake at its line.
    """
    library = library or load_library()
    document = load(text, file, code="S001")
    made = validate(SourcesFile, document, _CODES)
    problems = list(_problems(made, document, library))
    if problems:
        raise ConfigError(f"{file or 'sources'} has {len(problems)} mistakes", problems=problems)
    return Sources(made.sources, library)


def _problems(made: SourcesFile, document: Document, library: Library) -> Iterator[Problem]:
    for name, source in made.sources.items():
        yield from _report_problems(name, source.full_report, document)
        if source.adapter not in library.names():
            line, column = document.at(("sources", name, "adapter"))
            hint = f"known: {', '.join(library.names())}"
            yield Problem("S009", "there is no such adapter", file=document.file, line=line, column=column, hint=hint)


def _report_problems(name: str, full: FullReport | None, document: Document) -> Iterator[Problem]:
    for word, text in (("from", full.from_), ("at", full.at)) if full else ():
        line, column = document.at(("sources", name, "full_report", word))
        for code, message, offset in mistakes(text) if text else ():
            yield Problem(code, message, file=document.file, line=line, column=column + offset)
