"""OCSF enumerations that a finding carries, and how their numbers meet our words."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from stanch.views import Severity


class FindingClass(IntEnum):
    """OCSF class of the finding."""

    VULNERABILITY = 2002
    COMPLIANCE = 2003
    DETECTION = 2004
    DATA_SECURITY = 2006
    POSTURE = 2007


class SeverityId(IntEnum):
    UNKNOWN = 0
    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    FATAL = 6
    OTHER = 99


class ConfidenceId(IntEnum):
    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    OTHER = 99


class StatusId(IntEnum):
    UNKNOWN = 0
    NEW = 1
    IN_PROGRESS = 2
    SUPPRESSED = 3
    RESOLVED = 4
    ARCHIVED = 5
    DELETED = 6
    OTHER = 99


class ActivityId(IntEnum):
    UNKNOWN = 0
    CREATE = 1
    UPDATE = 2
    CLOSE = 3
    OTHER = 99


class DispositionId(IntEnum):
    UNKNOWN = 0
    ALLOWED = 1
    BLOCKED = 2
    DETECTED = 15
    LOGGED = 17
    ACCESS_REVOKED = 24
    OTHER = 99


class FindingStatus(StrEnum):
    """What a report asks for: work, closing, or nothing at all."""

    OPEN = "open"
    RESOLVED = "resolved"
    TEST = "test"
    ARCHIVED = "archived"


class Assurance(StrEnum):
    """How well the sender is known: A signed and fresh, B static secret, C a token in the URL or nothing."""

    A = "A"
    B = "B"
    C = "C"


SEVERITY_IDS: dict[Severity, SeverityId] = {
    "info": SeverityId.INFO,
    "low": SeverityId.LOW,
    "medium": SeverityId.MEDIUM,
    "high": SeverityId.HIGH,
    "critical": SeverityId.CRITICAL,
}

_WORDS: dict[int, Severity] = {6: "critical"}
_WORDS.update((int(number), word) for word, number in SEVERITY_IDS.items())


def severity_word(severity_id: int) -> Severity:
    """The word rules compare; what a tool did not rate is worked as medium."""
    return _WORDS.get(severity_id, "medium")


def confidence_id_of(score: float) -> ConfidenceId:
    """The OCSF class of a confidence between 0.0 and 1.0."""
    if score <= 0:
        return ConfidenceId.UNKNOWN
    if score < 0.5:
        return ConfidenceId.LOW
    return ConfidenceId.MEDIUM if score < 0.8 else ConfidenceId.HIGH
