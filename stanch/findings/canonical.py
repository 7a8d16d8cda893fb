"""Makes the canonical finding from a report: normal forms, enumerations, identities."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from stanch.findings.enums import (
    SEVERITY_IDS,
    ActivityId,
    Assurance,
    DispositionId,
    FindingClass,
    SeverityId,
    StatusId,
    confidence_id_of,
)
from stanch.findings.hosts import parse_host
from stanch.findings.identity import correlation, finding_uid, fingerprints
from stanch.findings.model import (
    Actor,
    Adapter,
    Analytic,
    Api,
    Evidence,
    Finding,
    FindingInfo,
    Gateway,
    Metadata,
    Product,
    Remediation,
    Resource,
)
from stanch.findings.paths import declared_template, parse_path
from stanch.findings.report import ActorReport, ApiReport, EvidenceReport, FindingReport, GatewayReport, ProductReport
from stanch.findings.words import categories_of_cwe, cwe_number, environment_of, method_of, rule_family
from stanch.views import Kind

_STATUS = {
    "open": (ActivityId.CREATE, StatusId.NEW),
    "resolved": (ActivityId.CLOSE, StatusId.RESOLVED),
    "archived": (ActivityId.UPDATE, StatusId.ARCHIVED),
    "suppressed": (ActivityId.UPDATE, StatusId.SUPPRESSED),
}
_DISPOSITIONS = {item.name.lower(): item for item in DispositionId}
_CLASS_BY_KIND: dict[Kind, FindingClass] = {
    "attack": FindingClass.DETECTION,
    "weakness": FindingClass.VULNERABILITY,
    "exposure": FindingClass.DATA_SECURITY,
    "policy_gap": FindingClass.COMPLIANCE,
    "inventory_change": FindingClass.POSTURE,
}
_KIND_BY_CLASS: dict[int, Kind] = {2002: "weakness", 2003: "policy_gap", 2004: "attack", 2006: "exposure"}
_HTTPS = re.compile(r"https://[^\s<>\"']+")
_SKEW = timedelta(hours=24)
_NOTHING: Mapping[str, int] = MappingProxyType({})
# Models are frozen: what most reports do not say is made once.
_UNNAMED, _NO_PRODUCT = ProductReport(), Product()
_UNKNOWN, _NO_GATEWAY = GatewayReport(), Gateway()
_NO_REMEDIATION = Remediation()


@dataclass(frozen=True)
class Origin:
    """Where a report came from: what the canonical finding remembers of its delivery."""

    source_id: str = ""
    adapter: str = "own"
    adapter_sha256: str = ""
    stable_id: bool = True
    delivery_id: str = ""
    received: datetime | None = None
    assurance: Assurance = Assurance.C


def to_finding(
    report: FindingReport,
    origin: Origin | None = None,
    *,
    item: str = "",
    redactions: Mapping[str, int] = _NOTHING,
) -> Finding:
    """The canonical finding of a report, with identities; a raw token must have been replaced before.

    Args:
        report: what the sender states.
        origin: what the delivery adds.
        item: distinguishes this report inside its delivery (delivery id and index).
        redactions: how often each rule of redaction struck in it.
    """
    origin = origin or Origin()
    finding = _unidentified(report, origin, redactions)
    made = fingerprints(finding, stable_id=origin.stable_id)
    uid = finding_uid(made, source=origin.source_id, item=item or origin.delivery_id)
    return finding.model_copy(update={"fingerprints": made, "uid": uid, "correlation": correlation(finding)})


def _unidentified(report: FindingReport, origin: Origin, redactions: Mapping[str, int]) -> Finding:
    activity, status = _STATUS[report.status]
    kind = _kind(report)
    categories, basis = _categories(report)
    return Finding(
        class_uid=report.class_uid or _CLASS_BY_KIND[kind],
        kind=kind,
        phase=report.phase,
        type=rule_family(report.type or report.rule),
        activity_id=activity,
        status_id=status,
        is_test=report.is_test,
        test_reason=report.test_reason if report.is_test else "",
        finding_info=_info(report, origin.received),
        severity_id=SEVERITY_IDS[report.severity] if report.severity else SeverityId.UNKNOWN,
        severity_basis=report.severity_basis if report.severity else "default",
        confidence_id=confidence_id_of(report.confidence),
        confidence_score=report.confidence,
        disposition_id=_DISPOSITIONS.get(report.disposition, DispositionId.UNKNOWN),
        count=report.count,
        metadata=_metadata(report, origin),
        api=_api(report.api),
        resources=_resources(report),
        actors=_actors(report),
        owasp_api=categories,
        owasp_basis=basis,
        cwe=_cwe(report),
        cve=_unique(item.upper() for item in report.cve),
        labels=_unique(report.labels),
        data_classification=_unique(item.lower() for item in report.data_classification),
        evidence=tuple(map(_evidence, report.evidence)),
        remediation=_remediation(report),
        redactions=dict(redactions),
    )


def _remediation(report: FindingReport) -> Remediation:
    if not report.remediation and not report.references:
        return _NO_REMEDIATION
    return Remediation(desc=report.remediation, references=_links(report.references))


def _kind(report: FindingReport) -> Kind:
    if report.kind:
        return report.kind
    return _KIND_BY_CLASS.get(report.class_uid or 0, "weakness" if report.phase == "none" else "attack")


def _info(report: FindingReport, now: datetime | None) -> FindingInfo:
    first, last = _clamped(report.first_seen, now), _clamped(report.last_seen, now)
    if first and last and last < first:
        first, last = last, first
    return FindingInfo(
        uid=report.uid,
        title=report.title,
        desc=report.description,
        src_url=next(iter(_links((report.src_url,))), ""),
        types=(report.type,) if report.type else (),
        analytic=Analytic(uid=report.rule, name=report.rule_name),
        first_seen_time=first,
        last_seen_time=last,
    )


def _clamped(value: datetime | None, now: datetime | None) -> datetime | None:
    """A time further ahead than any clock is wrong would upset deadlines: it becomes the time of receipt."""
    if value is None or now is None:
        return value
    return now.astimezone(UTC) if value > now + _SKEW else value


def _metadata(report: FindingReport, origin: Origin) -> Metadata:
    return Metadata(
        product=_product(report.product),
        adapter=_adapter(origin.adapter, origin.adapter_sha256),
        source_id=origin.source_id,
        delivery_id=origin.delivery_id,
        received_time=origin.received,
        assurance=origin.assurance,
    )


def _product(product: ProductReport) -> Product:
    if product == _UNNAMED:
        return _NO_PRODUCT
    return Product(vendor_name=product.vendor, name=product.name, version=product.version)


@lru_cache(maxsize=256)
def _adapter(name: str, sha256: str) -> Adapter:
    return Adapter(id=name, sha256=sha256)


def _gateway(gateway: GatewayReport) -> Gateway:
    return _NO_GATEWAY if gateway == _UNKNOWN else Gateway.model_validate(gateway.model_dump())


def _api(api: ApiReport) -> Api:
    scheme = api.scheme.lower() or (api.url.split("://", 1)[0].lower() if "://" in api.url[:12] else "")
    host = parse_host(api.host or (api.url if "://" in api.url[:12] else ""), scheme)
    path = parse_path(api.path or api.url)
    template = declared_template(api.path_template)
    return Api(
        host=host.name,
        port=host.port if api.port is None else parse_host(f"{host.name}:{api.port}", scheme).port,
        scheme=scheme if scheme.isalpha() else "",
        subdomain=host.subdomain,
        base_domain=host.base_domain,
        method=method_of(api.method),
        path=path.path or template,
        path_template=template or path.template,
        template_basis="declared" if template else path.basis,
        parameter=api.parameter,
        operation_id=api.operation_id,
        environment=environment_of(api.environment),
        gateway=_gateway(api.gateway),
    )


def _actors(report: FindingReport) -> tuple[Actor, ...]:
    stated = ((report.actor,) if report.actor else ()) + report.actors
    made = (_actor(item) for item in stated)
    return tuple(actor for actor in made if actor != Actor(ip_basis=actor.ip_basis))


def _actor(actor: ActorReport) -> Actor:
    values = actor.model_dump(exclude={"token", "ip"})
    return Actor.model_validate({"ip": _address(actor.ip)} | {name: value for name, value in values.items() if value})


def _address(text: str | None) -> str | None:
    """A canonical address, or None: placeholders and masked addresses must never become a target."""
    try:
        address = ipaddress.ip_address((text or "").strip().strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _resources(report: FindingReport) -> tuple[Resource, ...]:
    stated = ((report.resource,) if report.resource else ()) + report.resources
    made = (Resource.model_validate(item.model_dump()) for item in stated)
    return tuple(item for item in made if item != Resource())


def _evidence(item: EvidenceReport) -> Evidence:
    values = item.model_dump(exclude={"url", "method"})
    return Evidence(**values, method=method_of(item.method), url_template=parse_path(item.url).template)


def _cwe(report: FindingReport) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for item in report.cwe if (number := cwe_number(item))))


def _categories(report: FindingReport) -> tuple[tuple[str, ...], str]:
    if report.category:
        return (report.category,), "tool"
    found = categories_of_cwe(_cwe(report))
    return found, "cwe" if found else "none"


def _links(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Only https links survive; they are shown, never fetched."""
    return tuple(text for text in texts if _HTTPS.fullmatch(text))


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))
