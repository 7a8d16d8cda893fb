"""The one item that a storm of new findings becomes, for whoever answers for the source."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from stanch.contract import FindingReport
from stanch.findings import case_id
from stanch.findings.identity import digest_of
from stanch.intake.config import SourceConfig
from stanch.views import ApiView, FindingView, ResourceView
from stanch.wire_intake import CaseReport

TYPE = "intake_storm"


def storm_report(name: str, source: SourceConfig, *, at: datetime, key: bytes) -> CaseReport:
    """The report of a storm; each source has one case for all of its storms.

    Args:
        name: of the source.
        source: as configured; its `owner` gets the item.
        at: when it was noticed.
        key: of case ids.
    """
    identity = digest_of("storm1", (name,))
    finding = FindingView(
        id=f"fnd-storm-{identity[:20]}",
        title=f"{name} reports more than {source.storm_limit} new problems a minute",
        description="They are all taken in. Until this is over nothing of this source is changed without a person.",
        source=name,
        type=TYPE,
        kind="inventory_change",
        severity="high",
        confidence=1.0,
        labels=("storm",),
        first_seen=at,
        last_seen=at,
        api=ApiView(),
        resource=ResourceView(uid=f"source:{name}", owner=source.owner),
    )
    report = FindingReport(
        delivery_id=f"storm/{identity[:20]}/{int(at.timestamp())}", source=name, finding=finding, content=identity
    )
    return CaseReport(case_id=case_id(identity, key), report=report)


class Pace:
    """How many new problems each source reports in the running minute, as far as this process can tell."""

    def __init__(self) -> None:
        self._minutes: dict[str, datetime] = {}
        self._counts: Counter[str] = Counter()

    def count(self, source: str, fresh: int, *, at: datetime) -> int:
        """Add new problems; gives the source's total of this minute."""
        self._turn(source, at)
        self._counts[source] += fresh
        return self._counts[source]

    def learn(self, source: str, total: int, *, at: datetime) -> None:
        """What records say, where other processes count too."""
        self._turn(source, at)
        self._counts[source] = max(self._counts[source], total)

    def _turn(self, source: str, at: datetime) -> None:
        minute = at.replace(second=0, microsecond=0)
        if self._minutes.get(source) != minute:
            self._minutes[source], self._counts[source] = minute, 0
