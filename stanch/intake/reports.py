"""Full reports: whether a delivery shows everything of a scope, and what is then said of what is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from stanch.contract import FindingReport
from stanch.findings import Assurance, Finding, FindingStatus
from stanch.findings.times import parse_time
from stanch.intake.config import FullReport
from stanch.shapes import is_list
from stanch.sources.closures import Evaluate
from stanch.sources.expressions import Engine
from stanch.views import FindingView

SCOPE_HEADER = "stanch-report-scope"
MAX_SCOPE = 200
MAX_NAMES = 200


@dataclass(frozen=True)
class Scope:
    """What a full report covers, and when it was made."""

    name: str
    at: datetime


def scope_of(
    full: FullReport | None,
    headers: Mapping[str, str],
    documents: Sequence[Any],
    *,
    quarantined: int,
    received: datetime,
) -> Scope | None:
    """The scope of a delivery that shows everything; None where absence from it means nothing.

    Only a delivery that was understood to its end counts: nothing of it is in quarantine, which is also where what was
    cut off ends. An empty one counts too: a clean scan is the best of news.

    Args:
        full: what the source declares in `policy/sources.yaml`.
        headers: of the delivery, as received.
        documents: of the delivery, not redacted, envelopes opened.
        quarantined: how much of it could not be mapped.
        received: when they came; the time of a report that does not say its own.
    """
    if full is None or quarantined:
        return None
    name = _header(full, headers) or _declared(full, documents)
    return Scope(name, _made(full, documents, received)) if name else None


def shown(findings: Iterable[Finding]) -> list[Finding]:
    """What a full report shows as being there; what a tool has suppressed is there all the same."""
    return [finding for finding in findings if finding.status is not FindingStatus.RESOLVED]


def absent(
    case_id: str, scope: Scope, finding: FindingView, *, source: str, delivery_id: str, assurance: Assurance
) -> FindingReport:
    """Word to a case that its finding was missing from two full reports in a row.

    Args:
        case_id: which `full_report` of records has named.
        scope: of the report.
        finding: the case's newest, as a view.
        source: whose reports they were.
        delivery_id: of the second report; the word is the same again when it is repeated.
        assurance: of the second report's sender.
    """
    name = hashlib.sha256(f"{delivery_id}\0{scope.name}\0{case_id}".encode()).hexdigest()[:32]
    return FindingReport(
        delivery_id=f"absence/{name}",
        source=source,
        finding=finding.model_copy(update={"count": 0, "last_seen": scope.at}),
        status="resolved",
        assurance=assurance.value,
        basis="absence",
    )


def _header(full: FullReport, headers: Mapping[str, str]) -> str:
    """The scope that the sender names, where the source is allowed to name one."""
    if not full.header:
        return ""
    given = next((value for name, value in headers.items() if name.lower() == SCOPE_HEADER), "")
    return _bounded(given)


def _declared(full: FullReport, documents: Sequence[Any]) -> str:
    """A fixed name, or what an expression finds in the report: several names are one scope, in any order."""
    if full.scope or not full.from_:
        return full.scope
    names: list[Any] = []
    for document in documents:
        found = compiled(full.from_)(document)
        names += found if is_list(found) else [found]
    texts = {name for name in names if isinstance(name, str) and name.strip()}
    if len(texts) != len({repr(name) for name in names}) or not 0 < len(texts) <= MAX_NAMES:
        return ""  # a scope that is only half understood would miss what the other half shows
    return _bounded(" ".join(sorted(texts)))


def _bounded(text: str) -> str:
    text = text.strip()
    if len(text) <= MAX_SCOPE and text.isprintable():
        return text
    return "scope-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _made(full: FullReport, documents: Sequence[Any], received: datetime) -> datetime:
    """The report's own time, which orders reports that overtake each other; never later than its arrival."""
    if not full.at or not documents:
        return received
    stated = parse_time(compiled(full.at)(documents[0]))
    return received if stated is None else min(stated, received)


@cache
def compiled(text: str) -> Evaluate:
    return Engine().compile(text)
