"""Compares conditions by their top-level parts: more parts are true less often."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.comparing._model import Change, Weight
from stanch.playbooks.conditions import conjuncts


def parts(source: str | None) -> frozenset[str]:
    """The parts that must each be true, without regard to spaces."""
    return frozenset("".join(part.split()) for part in conjuncts(source or "") if part)


def compared(old: str | None, new: str | None, *, what: str, subject: str, step: str = "") -> Iterator[Change]:
    """Whether a condition got wider, narrower or different; what cannot be compared counts as a risk."""
    before, after = parts(old), parts(new)
    if before == after:
        return
    if after < before:
        yield Change(Weight.RISK, f"{what}.wider", f"{subject} more cases: no longer asks {_told(old, after)}", step)
    elif after > before:
        yield Change(Weight.SAFER, f"{what}.narrower", f"{subject} fewer cases: also asks {_told(new, before)}", step)
    else:
        message = f"{subject} other cases: when {new or 'always'}, it was {old or 'always'}"
        yield Change(Weight.RISK, f"{what}.changed", message, step)


def _told(source: str | None, without: frozenset[str]) -> str:
    left = (part for part in conjuncts(source or "") if "".join(part.split()) not in without)
    return " && ".join(left)
