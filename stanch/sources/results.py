"""What an extraction gives: findings, what could not be mapped and why, what needs nothing, and what was odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stanch.findings import Finding


class Reason(StrEnum):
    """Why a document is in quarantine; the word is stable, people script against it."""

    UNKNOWN_FORMAT = "unknown_format"
    AMBIGUOUS = "ambiguous"
    WRONG_ADAPTER = "wrong_adapter"
    NOT_A_FINDING = "not_a_finding"
    INVALID = "invalid"
    WEAK_IDENTITY = "weak_identity"
    TOO_LARGE = "too_large"
    NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True)
class Quarantined:
    """One document (by index in the body) that became no finding.

    Args:
        reason: the stable word.
        message: for people; holds no data of the body but field names.
        place: path of the field, where the reason is one field.
    """

    reason: Reason
    message: str
    index: int = 0
    place: str = ""


@dataclass(frozen=True)
class Extraction:
    """Everything a body gave. `indexes` has, for each finding, the index of its document."""

    findings: tuple[Finding, ...] = ()
    indexes: tuple[int, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict[str, int])
    warnings: Mapping[str, int] = field(default_factory=dict[str, int])
    documents: int = 0


@dataclass
class Collected:
    """An extraction while it grows."""

    findings: list[Finding] = field(default_factory=list[Finding])
    indexes: list[int] = field(default_factory=list[int])
    quarantined: list[Quarantined] = field(default_factory=list[Quarantined])
    ignored: Counter[str] = field(default_factory=Counter[str])
    warnings: Counter[str] = field(default_factory=Counter[str])
    rows: int = 0  # worked through so far, in all documents together

    def add(self, finding: Finding, index: int) -> None:
        self.findings.append(finding)
        self.indexes.append(index)

    def refuse(self, reason: Reason, message: str, index: int, *, place: str = "") -> None:
        self.quarantined.append(Quarantined(reason, message, index, place))

    def done(self, documents: int) -> Extraction:
        return Extraction(
            findings=tuple(self.findings),
            indexes=tuple(self.indexes),
            quarantined=tuple(self.quarantined),
            ignored=dict(self.ignored),
            warnings=dict(self.warnings),
            documents=documents,
        )
