"""The view of a finding that rules, templates and playbooks see, completed from the inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stanch.findings.enums import severity_word
from stanch.findings.hosts import parse_host
from stanch.findings.model import NO_GATEWAY, Finding, Gateway
from stanch.views import ActorView, ApiView, FindingView, GatewayView, ResourceView

MAX_TEXT = 4096
MAX_LIST = 256
MAX_RESOURCES = 16
_NO_GATEWAY = GatewayView()  # all these are frozen: what most findings do not say is made once
_NOBODY, _NO_RESOURCE = ActorView(), ResourceView()


@dataclass(frozen=True)
class ApiFacts:
    """What the inventory knows of an API; an empty field is not known.

    Args:
        template_basis: `spec` or `route_rule`, of a `path_template` that was found.
        why: which entry spoke, in words.
    """

    api_id: str = ""
    host: str = ""
    path_template: str = ""
    template_basis: str = ""
    environment: str = ""
    criticality: str = ""
    business_owner: str = ""
    owner: str = ""
    gateway: Gateway = NO_GATEWAY
    why: str = ""


_NO_FACTS = ApiFacts()


class Inventory(Protocol):
    """Knows the APIs of this organisation, by place or by resource (ARN, repository)."""

    def facts(self, *, host: str, method: str, path: str, resource: str) -> ApiFacts | None: ...


def view_of(finding: Finding, inventory: Inventory | None = None) -> FindingView:
    """The words of `stanch.views` for one finding. Without an environment it counts as prod."""
    info = finding.finding_info
    return FindingView(
        id=finding.uid,
        title=info.title[:MAX_TEXT],
        description=info.desc[:MAX_TEXT],
        source=finding.metadata.source_id,
        type=finding.type,
        labels=finding.labels[:MAX_LIST],
        kind=finding.kind,
        severity=severity_word(finding.severity_id),
        confidence=finding.confidence_score,
        category=next(iter(finding.owasp_api), ""),
        phase=finding.phase,
        count=finding.count,
        first_seen=info.first_seen_time,
        last_seen=info.last_seen_time,
        is_test=finding.is_test,
        api=_api(finding, facts_of(finding, inventory)),
        data_classification=finding.data_classification[:MAX_LIST],
        actor=_actor(finding),
        resource=_resource(finding),
    )


def facts_of(finding: Finding, inventory: Inventory | None) -> ApiFacts:
    """What the inventory knows of a finding's place, else of the first resource that it knows."""
    if inventory is None:
        return _NO_FACTS
    api, best = finding.api, _NO_FACTS
    for name in _names(finding):
        found = inventory.facts(host=api.host, method=api.method, path=api.path, resource=name)
        if found is not None and found.api_id:
            return found
        best = found or best
    return best


def _names(finding: Finding) -> tuple[str, ...]:
    """What the resources are called, at most a few; nothing where there are none."""
    if not finding.resources:
        return ("",)
    names = [text for item in finding.resources[:MAX_RESOURCES] for text in (item.uid, item.repo, item.name) if text]
    return tuple(dict.fromkeys(names)) or ("",)


def _api(finding: Finding, facts: ApiFacts) -> ApiView:
    api = finding.api
    host = parse_host(api.host or facts.host)
    gateway = api.gateway if _is_unknown(facts.gateway) else facts.gateway
    return ApiView(
        id=facts.api_id,
        host=host.name,
        subdomain=host.subdomain,
        base_domain=host.base_domain,
        path=api.path,
        path_template=facts.path_template or api.path_template,
        method=api.method,
        environment=facts.environment or api.environment or "prod",
        gateway=_NO_GATEWAY if _is_unknown(gateway) else GatewayView.model_validate(gateway.model_dump()),
        criticality=facts.criticality or None,
        business_owner=facts.business_owner or None,
        owner=facts.owner,
    )


def _is_unknown(gateway: Gateway) -> bool:
    return gateway is NO_GATEWAY or gateway == NO_GATEWAY


def _actor(finding: Finding) -> ActorView:
    if not finding.actors:
        return _NOBODY
    return ActorView.model_validate(finding.actors[0].model_dump(include=set(ActorView.model_fields)))


def _resource(finding: Finding) -> ResourceView:
    if not finding.resources:
        return _NO_RESOURCE
    return ResourceView.model_validate(finding.resources[0].model_dump(include=set(ResourceView.model_fields)))
