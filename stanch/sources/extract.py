"""From the bytes of a delivery to canonical, redacted findings: open, recognise, map, check, identify, merge."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from stanch.errors import IntakeError
from stanch.findings import Finding, FindingStatus, Origin, to_finding
from stanch.intake.bodies import DEFAULT_LIMITS, Limits, parse_documents
from stanch.intake.redaction import Redactor
from stanch.sources import own
from stanch.sources.adapter import Adapter
from stanch.sources.envelopes import event_key, holds, opened
from stanch.sources.library import Library, shipped
from stanch.sources.mapping import RowFindings
from stanch.sources.merging import merged
from stanch.sources.results import Collected, Extraction, Reason

AUTO = "auto"


@dataclass(frozen=True)
class Setting:
    """What an extraction needs besides the body.

    Args:
        longest: characters of JSON that no document as it came can exceed; 0 where that is not known.
    """

    library: Library
    redactor: Redactor
    limits: Limits
    origin: Origin
    longest: int = 0

    @property
    def own_origin(self) -> Origin:
        """Where reports in our own format come from."""
        return self.origin if self.origin.adapter == own.ID else replace(self.origin, adapter=own.ID)


def extract(
    body: bytes,
    content_type: str = "",
    *,
    adapter: str | None = None,
    library: Library | None = None,
    redactor: Redactor | None = None,
    limits: Limits = DEFAULT_LIMITS,
    origin: Origin | None = None,
) -> Extraction:
    """The findings of a body.

    Args:
        body: as received, already without content encoding.
        content_type: of the delivery, empty where unknown.
        adapter: the one the source names; None or `auto` recognises the format, document by document.
        library: the adapters of this deployment.
        redactor: with the deployment's key.
        limits: of this source.
        origin: what the delivery adds to each finding.

    Raises:
        IntakeError: the body is neither JSON nor XML within the limits. Everything else is an entry in `quarantined`.
    """
    return extract_documents(
        parse_documents(body, content_type, limits),
        adapter=adapter,
        setting=Setting(library or shipped(), redactor or Redactor(), limits, origin or Origin()),
    )


def extract_documents(documents: Iterable[Any], *, adapter: str | None, setting: Setting, first: int = 0) -> Extraction:
    """The findings of parsed documents; `first` is the index of the first one where they are a slice of a delivery."""
    collected, index = Collected(), first - 1
    events: set[tuple[str, str]] = set()
    for outer in documents:
        if (event := event_key(outer)) is not None and event in events:
            collected.ignored["the same event again"] += 1
            continue
        events |= {event} if event else set()
        inside = opened(outer, setting.library.envelopes)
        if not inside:
            collected.ignored["an envelope with nothing in it"] += 1
        within = setting if inside and inside[0] is outer else replace(setting, longest=0)
        for document in inside:
            index += 1
            _take(document, adapter or AUTO, setting=within, collected=collected, index=index)
    return collected.done(index + 1 - first)


def _take(document: Any, adapter: str, *, setting: Setting, collected: Collected, index: int) -> None:
    if not isinstance(document, dict):
        return collected.refuse(Reason.UNKNOWN_FORMAT, "a finding is a JSON object", index)
    if adapter == own.ID:
        return _own(document, setting, collected, index)
    if adapter == AUTO:
        return _recognised(document, setting, collected, index)
    chosen = setting.library.adapters.get(adapter)
    if chosen is None:
        return collected.refuse(Reason.WRONG_ADAPTER, f"there is no adapter '{adapter}'", index)
    if not holds(chosen.detect(document)):
        return _not_its_own(document, chosen, setting, collected, index)
    return _mapped(document, chosen, setting, collected, index)


def claimants(document: Any, library: Library) -> list[str]:
    """The ids of all adapters that recognise a document; one is right, several are a fault of the adapters."""
    found = [item.id for item in library.adapters.values() if holds(item.detect(document))]
    return [*found, own.ID] if own.claims(document) else found


def _recognised(document: Any, setting: Setting, collected: Collected, index: int) -> None:
    found = claimants(document, setting.library)
    if len(found) > 1:
        message = f"more than one adapter recognises this: {', '.join(sorted(found))}"
        return collected.refuse(Reason.AMBIGUOUS, message, index)
    if found == [own.ID] or (not found and own.resembles(document)):
        return _own(document, setting, collected, index)
    if not found:
        return collected.refuse(Reason.UNKNOWN_FORMAT, "no adapter recognises this document", index)
    return _mapped(document, setting.library.adapters[found[0]], setting, collected, index)


def _not_its_own(document: Any, chosen: Adapter, setting: Setting, collected: Collected, index: int) -> None:
    """The source's adapter does not know the document: say what it looks like, unless it needs nothing anyway."""
    other = [name for name in claimants(document, setting.library) if name != chosen.id]
    passive = [setting.library.adapters[name] for name in other if name != own.ID]
    if len(passive) == 1 and (passive[0].ignore or passive[0].quarantine):
        return _mapped(document, passive[0], setting, collected, index)
    like = f"; it looks like {', '.join(other)}" if other else ""
    return collected.refuse(Reason.WRONG_ADAPTER, f"not a document of the adapter '{chosen.id}'{like}", index)


def _own(document: Any, setting: Setting, collected: Collected, index: int) -> None:
    if _too_large(document, setting):
        return collected.refuse(Reason.TOO_LARGE, "the finding is larger than allowed", index)
    try:
        report = own.read(document)  # tells mistakes at their place before redaction changes any text
        data, counts = setting.redactor.report(document)
        report = report if data == document else own.read(data)
    except IntakeError as error:
        return collected.refuse(Reason.INVALID, f"{error} ({error.hint})", index, place=error.place)
    origin = setting.own_origin
    finding = to_finding(report, origin, item=f"{origin.delivery_id}#{index}", redactions=counts)
    return _keep([finding], collected, index)


def _mapped(document: Any, adapter: Adapter, setting: Setting, collected: Collected, index: int) -> None:
    if adapter.ignore:
        collected.ignored[adapter.ignore] += 1
        return None
    if adapter.quarantine:
        return collected.refuse(Reason.NOT_A_FINDING, adapter.quarantine, index)
    if not adapter.foreach and _too_large(document, setting):
        return collected.refuse(Reason.TOO_LARGE, "the finding is larger than allowed", index)
    made = RowFindings(adapter, redactor=setting.redactor, origin=setting.origin, collected=collected, index=index)
    made.take(document)
    return _keep(merged(made.found), collected, index)


def _keep(findings: Iterable[Finding], collected: Collected, index: int) -> None:
    for finding in findings:
        if finding.identity:
            collected.add(finding, index)
        elif finding.status in (FindingStatus.RESOLVED, FindingStatus.ARCHIVED):
            collected.ignored["over, without saying which problem"] += 1
        else:
            message = (
                "too little to recognise it again: a stable id, or a rule (type) and a host or resource, is needed"
            )
            collected.refuse(Reason.WEAK_IDENTITY, message, index)


def _too_large(document: Any, setting: Setting) -> bool:
    if setting.longest and setting.longest <= setting.limits.finding:
        return False
    return len(json.dumps(document)) > setting.limits.finding
