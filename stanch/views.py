"""The words that expressions, rules and templates may use of a finding and its route (one vocabulary everywhere)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["info", "low", "medium", "high", "critical"]
Kind = Literal["attack", "weakness", "exposure", "policy_gap", "inventory_change"]
Phase = Literal["none", "evasion", "enumeration", "exploit", "exfiltration"]

SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


# Words that expressions are checked against; other ones are let in as data.
CATEGORIES = ("", *(f"API{number}:2023" for number in range(1, 11)))
METHODS = ("", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER")
LANES = ("emergency_patch", "next_sprint", "backlog")
ENVIRONMENTS = {
    "prod": ("production", "prd", "live"),
    "staging": ("stage", "stg", "preprod", "pre-production", "preproduction"),
    "test": ("testing", "qa", "uat"),
    "dev": ("development", "local", "sandbox"),
}


def _words(*words: str) -> Any:
    return {"words": list(words)}


class View(BaseModel):
    """Base of views: frozen, tolerant of additions. A field that may be None is optional: ask `has()` first."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GatewayView(View):
    provider: str = ""
    account: str = ""
    region: str = ""
    api_id: str = ""
    stage: str = ""


class ApiView(View):
    """The operation concerned; id, owner, criticality and business owner are the inventory's words only."""

    id: str = ""
    host: str = ""
    subdomain: str = ""
    base_domain: str = ""
    path: str = ""
    path_template: str = ""
    method: str = Field(default="", json_schema_extra=_words(*METHODS))
    environment: str = Field(
        default="prod",
        json_schema_extra={"instead": {word: name for name, words in ENVIRONMENTS.items() for word in words}},
    )
    gateway: GatewayView = GatewayView()
    criticality: str | None = Field(default=None, json_schema_extra=_words("low", "medium", "high", "critical"))
    business_owner: str | None = None
    owner: str = ""


class ActorView(View):
    ip: str | None = None
    ip_is_shared: bool = False
    user_id: str | None = None
    token_id: str | None = None
    token_hash: str | None = None
    session_id: str | None = None
    client_id: str | None = None


class ResourceView(View):
    uid: str = ""
    owner: str = ""
    repo: str = ""
    account: str = ""
    region: str = ""


class FindingView(View):
    """A finding as rules see it."""

    id: str = ""
    title: str = ""
    description: str = ""
    source: str = ""
    type: str = ""
    labels: tuple[str, ...] = ()
    kind: Kind = "weakness"
    severity: Severity = "medium"
    confidence: float = 0.0
    category: str = Field(default="", json_schema_extra={"words": list(CATEGORIES), "others": True})
    phase: Phase = "none"
    count: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    is_test: bool = False
    api: ApiView = ApiView()
    data_classification: tuple[str, ...] = ()
    actor: ActorView = ActorView()
    resource: ResourceView = ResourceView()


class TicketTarget(View):
    """Where a route's tickets go: the tracker and its own fields."""

    system: str = "board"
    project: str = ""
    type: str = ""
    group: str = ""
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    parent: str = ""
    problem: str = ""
    category: str = ""
    fields: dict[str, Any] = {}


class OwnerView(View):
    id: str = ""
    lead: str = ""
    slack: str = ""
    members: tuple[str, ...] = ()


class RouteView(View):
    """Who owns a finding and by when, as rules see it."""

    owner: OwnerView = OwnerView()
    assignee: str = ""
    cc: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    ticket: TicketTarget = TicketTarget()
    lane: str = Field(default="backlog", json_schema_extra=_words(*LANES))
    severity: Severity = "medium"
    due: datetime | None = None
    time_left: timedelta = timedelta(days=90)
    change_freeze: bool = False
    rule: str = ""
    legal_clock: str = ""
    tags: tuple[str, ...] = ()
    escalation: tuple[tuple[float, tuple[str, ...]], ...] = ()  # (seconds after start, whom)
