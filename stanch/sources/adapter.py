"""An adapter: a YAML file that says how one tool's reports become findings; checked when it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stanch.documents import Codes, Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.findings.report import FindingReport
from stanch.shapes import is_dict
from stanch.sources.closures import Evaluate
from stanch.sources.expressions import Engine
from stanch.sources.lint import mistakes
from stanch.sources.screening import Needs, needs

_CODES = Codes(unknown_key="S002", missing="S001", invalid="S001")
_MODEL_PARTS = ("api", "actor", "resource", "product")
RESERVED = frozenset({"own", "auto"})
_NEVER = frozenset(
    {"schema", "source", "actor.token_hash", "api.criticality", "api.business_owner", "api.id", "api.owner"}
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Band = tuple[float, str]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class Scope(_File):
    """One level of repetition: `in` is evaluated with the levels above it, each item is called `as`."""

    as_: Name = Field(alias="as")
    in_: Expression = Field(alias="in")


class AdapterFile(_File):
    """The words of an adapter file (docs/adapters.md)."""

    version: Literal["adapter/v1"]
    id: Name
    title: str
    detect: Expression
    peel: Expression | None = None
    foreach: tuple[Scope, ...] = ()
    when: Expression | None = None
    is_test: Expression | None = None
    stable_id: bool | Expression = False
    tables: dict[str, dict[str, str | float | None] | tuple[Band, ...]] = Field(default_factory=dict)
    map: dict[str, Expression] = Field(default_factory=dict)
    quarantine: str = ""
    ignore: str = ""


@dataclass(frozen=True)
class Adapter:
    """A checked adapter, ready to run."""

    id: str
    title: str
    sha256: str
    detect: Evaluate
    peel: Evaluate | None
    foreach: tuple[tuple[str, Evaluate], ...]
    when: Evaluate | None
    is_test: Evaluate | None
    stable_id: Evaluate
    fields: tuple[tuple[str, tuple[str, ...], Evaluate], ...]  # (name, its parts, value)
    quarantine: str
    ignore: str


def load_adapter(path: Path) -> Adapter:
    """Read and check one adapter file.

    Raises:
        ConfigError: with every mistake at its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path.name} cannot be read", problems=[_unreadable(path)]) from None
    document = load(text, str(path), code="S001")
    made = validate(AdapterFile, document, _CODES)
    problems = list(_problems(made, document))
    if problems:
        raise ConfigError(f"{path.name} has {len(problems)} mistakes", problems=problems)
    return _compiled(made, hashlib.sha256(text.encode()).hexdigest())


def _unreadable(path: Path) -> Problem:
    return Problem(code="S001", message="the file cannot be read as UTF-8 text", file=str(path), line=1, column=1)


def targets() -> frozenset[str]:
    """The names that `map` may fill: those of a finding report, with dots into its parts."""
    names = {field.alias or name for name, field in FindingReport.model_fields.items()} - set(_MODEL_PARTS)
    for part in _MODEL_PARTS:
        names |= {f"{part}.{name}" for name in _model(part).model_fields if name != "gateway"}
    names |= {f"api.gateway.{name}" for name in _model("api").model_fields["gateway"].annotation.model_fields}  # type: ignore[union-attr]
    return frozenset(names - _NEVER)


def _model(part: str) -> type[BaseModel]:
    kind: Any = FindingReport.model_fields[part].annotation
    return next(
        item for item in getattr(kind, "__args__", (kind,)) if isinstance(item, type) and item is not type(None)
    )


def _problems(made: AdapterFile, document: Document) -> Iterator[Problem]:
    known, names = targets(), {"doc", *(scope.as_ for scope in made.foreach)}
    for target in made.map:
        if target not in known:
            yield _problem(document, ("map", target), "S003", f"a finding has no '{target}'", key=True)
    for path, text, roots in _expressions(made):
        for code, message, offset in mistakes(text, roots=names if roots else None, tables=made.tables):
            line, column = document.inside(path, offset)
            yield Problem(code=code, message=message, file=document.file, line=line, column=column)
    if made.id in RESERVED:
        yield _problem(document, ("id",), "S001", f"the id '{made.id}' is reserved")
    purposes = [bool(made.map), bool(made.quarantine), bool(made.ignore)]
    if sum(purposes) != 1:
        yield _problem(document, ("id",), "S001", "exactly one of map, quarantine and ignore is needed")


def _expressions(made: AdapterFile) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    yield ("detect",), made.detect, False
    if made.peel:
        yield ("peel",), made.peel, False
    for number, scope in enumerate(made.foreach):
        yield ("foreach", number, "in"), scope.in_, True
    for name in ("when", "is_test", "stable_id"):
        if isinstance(text := getattr(made, name), str):
            yield (name,), text, True
    for target, text in made.map.items():
        yield ("map", target), text, True


def _problem(document: Document, path: tuple[str | int, ...], code: str, message: str, *, key: bool = False) -> Problem:
    line, column = document.at(path, key=key)
    return Problem(code=code, message=message, file=document.file, line=line, column=column)


def _compiled(made: AdapterFile, digest: str) -> Adapter:
    tables = {name: _lowered(table) for name, table in made.tables.items()}
    engine = Engine(tables)

    def optional(text: str | None) -> Evaluate | None:
        return engine.compile(text) if text else None

    stable = made.stable_id
    return Adapter(
        id=made.id,
        title=made.title,
        sha256=digest,
        detect=_screened(engine.compile(made.detect), needs(made.detect)),
        peel=optional(made.peel),
        foreach=tuple((scope.as_, engine.compile(scope.in_)) for scope in made.foreach),
        when=optional(made.when),
        is_test=optional(made.is_test),
        stable_id=engine.compile(stable) if isinstance(stable, str) else (lambda _: stable),
        fields=tuple((name, tuple(name.split(".")), engine.compile(text)) for name, text in made.map.items()),
        quarantine=made.quarantine,
        ignore=made.ignore,
    )


def _screened(detect: Evaluate, wanted: Needs) -> Evaluate:
    """Looks at the keys first: a document is offered to every adapter, and nearly all of them have no use for it."""

    def screened(document: Any) -> Any:
        if is_dict(document):
            keys = document.keys()
            if not any(part <= keys for part in wanted):
                return None
        return detect(document)

    return screened


def _lowered(table: dict[str, Any] | tuple[Band, ...]) -> dict[str, Any] | tuple[Band, ...]:
    if isinstance(table, dict):
        return {key.lower(): value for key, value in table.items()}
    return tuple(sorted(table, key=lambda band: band[0], reverse=True))
