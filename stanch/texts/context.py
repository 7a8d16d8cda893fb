"""What a template may name: the views of finding and route, the case, and what the message is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from stanch.texts.categories import Category, category_of, data_words, nature_of
from stanch.texts.plans import PlanText
from stanch.views import FindingView, RouteView

_SAFE_METHODS = ("", "GET", "HEAD", "OPTIONS")


class Shown(BaseModel):
    """Base of what templates see: frozen, additive."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseText(Shown):
    """The case, as people find it again."""

    id: str = ""
    url: str = ""
    playbook: str = ""
    mode: str = ""


class TicketText(Shown):
    key: str = ""
    url: str = ""
    state: str = ""
    assignee: str = ""


class BlockText(Shown):
    """A block that stands or stood: its target in words, its end, and how it can be lifted."""

    target: str = ""
    point: str = ""
    expires_at: datetime | str = ""
    lease_id: str = ""
    state: str = ""
    reason: str = ""


class ApprovalText(Shown):
    question: str = ""
    who: tuple[str, ...] = ()
    expires_at: datetime | str = ""
    on_timeout: str = ""
    ttl: str = ""
    undo: str = ""
    outcome: str = ""
    by: tuple[str, ...] = ()
    reason: str = ""
    shown: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, str], ...] = ()


class LinkedText(Shown):
    """Another case of the same story: the weakness behind an attack, the attack on a weakness."""

    case_id: str = ""
    url: str = ""
    kind: str = ""
    title: str = ""
    why: str = ""
    accepted: str = ""
    evidence: tuple[str, ...] = ()


class EvidenceText(Shown):
    """One thing that the tool saw, redacted when it arrived."""

    kind: str = ""
    method: str = ""
    url_template: str = ""
    status_code: int | None = None
    matched_on: str = ""
    time: datetime | None = None
    excerpt: str = ""


class MovedText(Shown):
    """The other ticket of a case that moved between trackers."""

    key: str = ""
    system: str = ""
    url: str = ""
    when: str = ""


class Context(Shown):
    """Every field, empty where nobody filled it."""

    finding: FindingView = FindingView()
    route: RouteView = RouteView()
    case: CaseText = CaseText()
    ticket: TicketText = TicketText()
    moved: MovedText = MovedText()
    block: BlockText = BlockText()
    approval: ApprovalText = ApprovalText()
    text: str = ""
    step: str = ""
    waiting_since: datetime | str = ""
    linked: tuple[LinkedText, ...] = ()
    evidence: tuple[EvidenceText, ...] = ()
    plan: PlanText = PlanText()


class Derived(Shown):
    """What is made of the finding, so that templates need no logic for it."""

    place: str
    url: str
    method: str
    safe_to_repeat: bool
    has_category: bool
    personal_data: tuple[str, ...]
    data_at_stake: tuple[str, ...]
    fix_steps: tuple[str, ...]
    actor: str


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """A context with every field that a template may name, as plain data.

    Raises:
        pydantic.ValidationError: a given part is not of its shape.
    """
    whole = Context.model_validate(dict(given))
    finding = whole.finding
    about = category_of(finding.category)
    words = {"about": about.model_dump(), "nature": nature_of(finding.kind).model_dump()}
    return {**whole.model_dump(), **words, **_derived(finding, about).model_dump()}


def _derived(finding: FindingView, about: Category) -> Derived:
    api = finding.api
    place = f"{api.method} {api.host}{api.path_template or api.path}".strip()
    data = finding.data_classification
    return Derived(
        place=place or finding.resource.uid or finding.source or "unknown place",
        url=f"https://{api.host}{api.path or api.path_template or '/'}" if api.host else "",
        method=api.method or "GET",
        safe_to_repeat=bool(api.host) and finding.kind != "attack" and api.method.upper() in _SAFE_METHODS,
        has_category=bool(about.code),
        personal_data=tuple(item for item in data if item in ("pii", "pci", "phi", "secret")),
        data_at_stake=data_words(data),
        fix_steps=(*about.fix, *nature_of(finding.kind).fix),
        actor=_actor(finding),
    )


def _actor(finding: FindingView) -> str:
    """The narrowest handle there is on who did it, in words."""
    actor = finding.actor
    found = [
        ("token", actor.token_id or actor.token_hash),
        ("user", actor.user_id),
        ("client", actor.client_id),
        ("shared address" if actor.ip_is_shared else "address", actor.ip),
    ]
    return ", ".join(f"{word} {value}" for word, value in found if value)
