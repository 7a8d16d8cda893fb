"""The canonical finding: one frozen, tolerant model with OCSF names, whatever tool it came from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stanch.findings.enums import (
    ActivityId,
    Assurance,
    ConfidenceId,
    DispositionId,
    FindingClass,
    FindingStatus,
    SeverityId,
    StatusId,
)
from stanch.views import Kind, Phase

SCHEMA = "finding/1"
_CLOSE, _RESOLVED = ActivityId.CLOSE, StatusId.RESOLVED
_PUT_AWAY = frozenset({StatusId.SUPPRESSED, StatusId.ARCHIVED, StatusId.DELETED})


class Part(BaseModel):
    """Base of the parts: they travel in histories, so additions by a newer version are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", serialize_by_alias=True, validate_by_alias=True, validate_by_name=True
    )


class Analytic(Part):
    """The rule, template or plugin of the tool that fired."""

    uid: str = ""
    name: str = ""


class FindingInfo(Part):
    """What the tool says about it; `uid` is the tool's id, not ours."""

    uid: str = ""
    title: str = ""
    desc: str = ""
    src_url: str = ""
    types: tuple[str, ...] = ()
    analytic: Analytic = Analytic()
    first_seen_time: datetime | None = None
    last_seen_time: datetime | None = None


class Product(Part):
    vendor_name: str = ""
    name: str = ""
    version: str = ""


class Adapter(Part):
    """Which mapping made this finding, so that it can be repeated."""

    id: str = ""
    sha256: str = ""


class Metadata(Part):
    """Where the report came from and how well its sender is known."""

    product: Product = Product()
    adapter: Adapter = Adapter()
    source_id: str = ""
    delivery_id: str = ""
    received_time: datetime | None = None
    assurance: Assurance = Assurance.C


class Gateway(Part):
    provider: str = ""
    account: str = ""
    region: str = ""
    api_id: str = ""
    stage: str = ""


NO_GATEWAY = Gateway()  # models are frozen: what most findings do not say is the same object everywhere


class Api(Part):
    """The operation concerned, in normal form: host lower-case A-label, path without query."""

    host: str = ""
    port: int | None = None
    scheme: str = ""
    subdomain: str = ""
    base_domain: str = ""
    method: str = ""
    path: str = ""
    path_template: str = ""
    template_basis: str = "none"  # spec, route_rule, declared, heuristic, none
    tool_template: str = ""  # the tool's own, kept where another one took its place
    parameter: str = ""
    operation_id: str = ""
    environment: str = ""
    gateway: Gateway = NO_GATEWAY


class Resource(Part):
    uid: str = ""
    type: str = ""
    name: str = ""
    owner: str = ""
    repo: str = ""
    account: str = ""
    region: str = ""


class Actor(Part):
    """Who did it, as far as the tool knows; a token appears by its id or keyed hash, never itself."""

    ip: str | None = None
    ip_basis: str = "tool"  # peer, xff, tool
    ip_is_shared: bool = False
    user_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    token_id: str | None = None
    token_hash: str | None = None
    user_agent: str = ""
    country: str = ""


class Evidence(Part):
    """One observation, redacted."""

    kind: str = "note"
    method: str = ""
    url_template: str = ""
    status_code: int | None = None
    matched_on: str = ""
    time: datetime | None = None
    excerpt: str = ""


class Remediation(Part):
    desc: str = ""
    references: tuple[str, ...] = ()


class Fingerprints(Part):
    """The identities of the problem; `content` tells a changed report from an equal one.

    Args:
        identity_src: from the tool's stable id; empty where it has none.
        identity_calc: from rule and place, by the best template that is known.
        aliases: every identity under which the problem may already be known: the two above, and the calculated ones
            by the tool's own template and by the heuristic.
    """

    version: int = 1
    identity_src: str = ""
    identity_calc: str = ""
    aliases: tuple[str, ...] = ()
    content: str = ""

    @property
    def identity(self) -> str:
        """The identity a case is made from: the tool's stable id where there is one."""
        return self.identity_src or self.identity_calc

    @property
    def identities(self) -> tuple[str, ...]:
        """All of them, that of the case first, each once."""
        found = (self.identity, self.identity_calc, *self.aliases)
        return tuple(dict.fromkeys(filter(None, found)))


class Finding(Part):
    """One report from a tool about one problem, in the form everything downstream works with."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    uid: str = ""
    class_uid: int = FindingClass.DETECTION
    kind: Kind = "weakness"
    phase: Phase = "none"
    type: str = ""
    activity_id: int = ActivityId.CREATE
    status_id: int = StatusId.NEW
    is_test: bool = False
    test_reason: str = ""
    finding_info: FindingInfo = FindingInfo()
    severity_id: int = SeverityId.UNKNOWN
    severity_basis: str = "default"  # tool, table, default
    confidence_id: int = ConfidenceId.UNKNOWN
    confidence_score: float = 0.0  # 0.0 to 1.0
    disposition_id: int = DispositionId.UNKNOWN
    count: int = 1
    metadata: Metadata = Metadata()
    api: Api = Api()
    resources: tuple[Resource, ...] = ()
    actors: tuple[Actor, ...] = ()
    owasp_api: tuple[str, ...] = ()
    owasp_basis: str = "none"  # tool, cwe, none
    cwe: tuple[int, ...] = ()
    cve: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    data_classification: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    remediation: Remediation = Remediation()
    fingerprints: Fingerprints = Fingerprints()
    correlation: tuple[str, ...] = ()
    unmapped: dict[str, Any] = Field(default_factory=dict)
    redactions: dict[str, int] = Field(default_factory=dict)

    @property
    def status(self) -> FindingStatus:
        """Test beats everything, then closing, then what the tool has put away."""
        if self.is_test:
            return FindingStatus.TEST
        if self.activity_id == _CLOSE or self.status_id == _RESOLVED:
            return FindingStatus.RESOLVED
        if self.status_id in _PUT_AWAY:
            return FindingStatus.ARCHIVED
        return FindingStatus.OPEN

    @property
    def identity(self) -> str:
        """Identity of the problem, the input of `case_id`."""
        return self.fingerprints.identity

    @property
    def identities(self) -> tuple[str, ...]:
        """Every identity under which the problem may be known, that of its own case first."""
        return self.fingerprints.identities
