"""Makes the canonical finding from a report: normal forms, enumerations, identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from stanch.findings.identity import correlation, finding_uid, fingerprints
from stanch.findings.model import Finding, FindingInfo, Metadata
from stanch.findings.parts import (
    actors_of,
    adapter_of,
    analytic_of,
    api_of,
    evidence_of,
    https_links,
    product_of,
    remediation_of,
    resources_of,
)
from stanch.findings.report import FindingReport
from stanch.findings.words import categories_of_cwe, cwe_number, rule_family
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
_SKEW = timedelta(hours=24)
_NOTHING: Mapping[str, int] = MappingProxyType({})


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
        api=api_of(report.api),
        resources=resources_of(report),
        actors=actors_of(report),
        owasp_api=categories,
        owasp_basis=basis,
        cwe=_cwe(report),
        cve=_unique([item.upper() for item in report.cve]),
        labels=_unique(report.labels),
        data_classification=_unique([item.lower() for item in report.data_classification]),
        evidence=tuple(map(evidence_of, report.evidence)),
        remediation=remediation_of(report),
        redactions=dict(redactions),
    )


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
        src_url="".join(https_links((report.src_url,))) if report.src_url else "",
        types=(report.type,) if report.type else (),
        analytic=analytic_of(report.rule, report.rule_name),
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
        product=product_of(report.product),
        adapter=adapter_of(origin.adapter, origin.adapter_sha256),
        source_id=origin.source_id,
        delivery_id=origin.delivery_id,
        received_time=origin.received,
        assurance=origin.assurance,
    )


def _cwe(report: FindingReport) -> tuple[int, ...]:
    return tuple(dict.fromkeys([number for item in report.cwe if (number := cwe_number(item))]))


def _categories(report: FindingReport) -> tuple[tuple[str, ...], str]:
    if report.category:
        return (report.category,), "tool"
    found = categories_of_cwe(_cwe(report))
    return found, "cwe" if found else "none"


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, words)))
