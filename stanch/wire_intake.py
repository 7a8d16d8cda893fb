"""Messages of intake on their way to cases: a report for a case, and many of them stored together."""

from __future__ import annotations

from stanch.contract import FindingReport
from stanch.leases import Wire


class CaseReport(Wire):
    """A report and the case it is for."""

    case_id: str
    report: FindingReport


class IntakeInput(Wire):
    """Findings that were stored together and are on their way to their cases.

    Args:
        packed: case reports, as `stanch.intake.packing` writes them.
        source, delivery_id: of the one large delivery they came in; its progress is kept under them.
        part: which part of that delivery, from 0. total: findings of the whole delivery.
        held: instead, a case that is to be told of the repeats that were only counted.
    """

    packed: str = ""
    count: int = 0
    source: str = ""
    delivery_id: str = ""
    part: int = 0
    total: int = 0
    held: str = ""
