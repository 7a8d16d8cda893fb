"""`inventory/v1`: the APIs of this organisation and the resources behind them, as the file is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from stanch.findings.paths import is_hostile
from stanch.inventory._pieces import of_glob
from stanch.routing import PlaceWords

Criticality = Literal["low", "medium", "high", "critical"]
ApiId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Short = Annotated[str, StringConstraints(max_length=128)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Owner = Annotated[str, StringConstraints(pattern=r"^(team|user):[a-z0-9][a-z0-9._-]*$")]
MAX_PATHS = 20_000


class Words(BaseModel):
    """Base of everything a person writes here: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _host(text: str) -> str:
    if text == "*":
        raise _wrong("a host of '*' would speak for every host; name a domain, as in '*.example.com'")
    try:
        PlaceWords(host=text)
    except ValueError:
        raise _wrong("write the host in lower case, without port and scheme, or as '*.example.com'") from None
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or is_hostile(text) or any(mark in text for mark in "?#*") or "//" in text:
        raise _wrong("a path begins with '/', and has no '..', query, '*' or encoded slash; {x} stands for a segment")
    return text


def _pattern(text: str) -> str:
    pieces = of_glob(text)
    if pieces is not None and pieces.weight < 4:
        raise _wrong("this pattern would match nearly everything; write out more of the name")
    return text


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("I103", "{message}", {"message": message})


Host = Annotated[str, AfterValidator(_host)]
Path = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_path)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_pattern)]


class GatewayWords(Words):
    """Where a gateway serves the API."""

    provider: Short = ""
    account: Short = ""
    region: Short = ""
    api_id: Short = ""
    stage: Short = ""


class ApiWords(Words):
    """One API.

    Args:
        host: one or several, exact or as `*.example.com`; without one the API is known by its resources only.
        base_path: what all of its paths begin with; the API is only where this is.
        criticality: without it, nothing changes automatically.
        owner: `team:` or `user:` of the directory in routes.yaml; owns what no rule is about.
        openapi: OpenAPI 2.0, 3.0 or 3.1 file (JSON or YAML) in the folder of this file or below it.
        paths: templates such as `/orders/{id}`, below `base_path`.
    """

    title: Line | None = None
    host: Host | tuple[Host, ...] = ()
    base_path: Path | None = None
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,40}$")] | None = None
    criticality: Criticality | None = None
    business_owner: Line | None = None
    owner: Owner | None = None
    gateway: GatewayWords = GatewayWords()
    health_path: Path | None = None
    openapi: Line | None = None
    paths: tuple[Path, ...] = Field(default=(), max_length=MAX_PATHS)

    @property
    def hosts(self) -> tuple[str, ...]:
        return (self.host,) if isinstance(self.host, str) else self.host

    @property
    def base(self) -> str:
        """The base path without a slash at its end; "" for the whole host."""
        return (self.base_path or "").rstrip("/")


class ResourceWords(Words):
    """Names (ARN, repository, image, project) of what an API is made of; `*` stands for any characters."""

    match: Pattern | tuple[Pattern, ...]
    api: ApiId
    owner: Owner | None = None

    @property
    def patterns(self) -> tuple[str, ...]:
        return (self.match,) if isinstance(self.match, str) else self.match


class InventoryFile(Words):
    """The whole file."""

    version: Literal["inventory/v1"]
    apis: dict[ApiId, ApiWords] = Field(default_factory=dict[str, ApiWords])
    resources: tuple[ResourceWords, ...] = ()
