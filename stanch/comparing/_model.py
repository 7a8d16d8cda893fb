"""One difference in meaning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """Which way a difference goes for production and for the people who are asked."""

    RISK = "risk"
    SAFER = "safer"
    OTHER = "other"


@dataclass(frozen=True)
class Change:
    """A difference in words for a reviewer.

    Args:
        what: kind of the difference, stable for scripts: such as approval.removed.
        step: where; empty for the playbook as a whole.
    """

    weight: Weight
    what: str
    message: str
    step: str = ""


def risk(what: str, message: str, step: str = "") -> Change:
    return Change(Weight.RISK, what, message, step)


def safer(what: str, message: str, step: str = "") -> Change:
    return Change(Weight.SAFER, what, message, step)


def other(what: str, message: str, step: str = "") -> Change:
    return Change(Weight.OTHER, what, message, step)
