"""What a report may say, strictly: our own JSON, and the form that every adapter produces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from stanch.findings.times import parse_time
from stanch.findings.words import owasp_category
from stanch.views import Kind, Phase, Severity

MAX_TITLE = 256
MAX_DESCRIPTION = 8192


def _text(limit: int) -> Any:
    def clip(value: Any) -> Any:
        return value.strip()[:limit] if isinstance(value, str) else value

    return BeforeValidator(clip)


def _time(value: Any) -> Any:
    parsed = parse_time(value)
    if value is not None and parsed is None:
        raise ValueError("not a time: RFC 3339 or an epoch number is needed")
    return parsed


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | dict) else value


def _category(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value or ""
    found = owasp_category(value)
    if not found:
        raise ValueError("not an OWASP API Security category: API1:2023 to API10:2023, or empty")
    return found


Short = Annotated[str, _text(128)]
Line = Annotated[str, _text(512)]
Long = Annotated[str, _text(2048)]
Time = Annotated[datetime | None, BeforeValidator(_time)]
Words = Annotated[tuple[Annotated[str, _text(128)], ...], BeforeValidator(_listed), Field(max_length=64)]


class Strict(BaseModel):
    """Base of what people write: an unknown name is a mistake."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, coerce_numbers_to_str=True
    )


class GatewayReport(Strict):
    provider: Short = ""
    account: Short = ""
    region: Short = ""
    api_id: Short = ""
    stage: Short = ""


class ApiReport(Strict):
    """The operation concerned. `url` fills host, scheme and path where they are absent."""

    url: Long = ""
    host: Line = ""
    port: int | None = Field(default=None, ge=0, le=65535)
    scheme: Short = ""
    method: Short = ""
    path: Long = ""
    path_template: Long = ""
    parameter: Line = ""
    operation_id: Line = ""
    environment: Annotated[Short, BeforeValidator(_lower)] = ""
    gateway: GatewayReport = GatewayReport()
    # Words of the view that only the inventory may decide; accepted so that a view can be sent back, never believed.
    subdomain: Line = ""
    base_domain: Line = ""
    criticality: Short | None = None
    business_owner: Line | None = None
    id: Short = ""
    owner: Line = ""


class ActorReport(Strict):
    ip: Short | None = None
    ip_basis: Literal["peer", "xff", "tool"] = "tool"
    ip_is_shared: bool = False
    user_id: Line | None = None
    client_id: Line | None = None
    session_id: Line | None = None
    token: Annotated[str, _text(8192)] | None = Field(default=None, repr=False)  # replaced by its keyed hash at once
    token_id: Line | None = None
    token_hash: Line | None = None
    user_agent: Line = ""
    country: Short = ""


class ResourceReport(Strict):
    uid: Line = ""
    type: Line = ""
    name: Line = ""
    owner: Line = ""
    repo: Line = ""
    account: Line = ""
    region: Line = ""


class EvidenceReport(Strict):
    kind: Short = "note"
    method: Short = ""
    url: Long = ""
    status_code: int | None = Field(default=None, ge=0, le=999)
    matched_on: Line = ""
    time: Time = None
    excerpt: Annotated[str, _text(512)] = ""


class ProductReport(Strict):
    vendor: Short = ""
    name: Short = ""
    version: Short = ""


class FindingReport(Strict):
    """One finding as a sender states it: the words of the finding view, plus `uid`, `status` and provenance."""

    schema_: Literal["finding/1"] = Field(default="finding/1", alias="schema")
    uid: Line = Field(default="", validation_alias=AliasChoices("uid", "id"), description="The tool's stable id.")
    title: Annotated[str, _text(MAX_TITLE)] = ""
    description: Annotated[str, _text(MAX_DESCRIPTION)] = ""
    type: Line = ""
    rule: Line = ""
    rule_name: Line = ""
    kind: Kind | None = None
    severity: Annotated[Severity | None, BeforeValidator(_lower)] = None
    severity_basis: Literal["tool", "table", "default"] = "tool"
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    category: Annotated[str, BeforeValidator(_category)] = ""
    phase: Phase = "none"
    count: int = Field(default=1, ge=1, le=1_000_000_000)
    first_seen: Time = None
    last_seen: Time = None
    status: Literal["open", "resolved", "archived", "suppressed"] = "open"
    is_test: bool = False
    test_reason: Line = ""
    disposition: Literal["", "allowed", "blocked", "detected", "logged", "access_revoked"] = ""
    class_uid: Literal[2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008] | None = None
    api: ApiReport = ApiReport()
    actor: ActorReport | None = None
    actors: tuple[ActorReport, ...] = Field(default=(), max_length=20)
    resource: ResourceReport | None = None
    resources: tuple[ResourceReport, ...] = Field(default=(), max_length=50)
    data_classification: Words = ()
    labels: Words = ()
    cwe: Annotated[tuple[str | int, ...], BeforeValidator(_listed), Field(max_length=32)] = ()
    cve: Words = ()
    src_url: Long = ""
    remediation: Annotated[str, _text(MAX_DESCRIPTION)] = ""
    references: Annotated[tuple[Long, ...], BeforeValidator(_listed), Field(max_length=32)] = ()
    evidence: tuple[EvidenceReport, ...] = Field(default=(), max_length=20)
    product: ProductReport = ProductReport()
    source: Line = Field(default="", description="Ignored: the source is the one that delivered it.")
