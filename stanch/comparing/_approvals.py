"""Compares two versions of one approval: who must agree, to what, and what silence means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from stanch.comparing._model import Change, other, risk, safer
from stanch.graph import span
from stanch.plan import Approve


def approvals_compared(step: str, old: Approve, new: Approve) -> Iterator[Change]:
    yield from _needs(step, old, new)
    yield from _names(step, "not_by", old.not_by, new.not_by)
    yield from _names(step, "binds", old.binds, new.binds)
    if old.on_timeout != new.on_timeout:
        weight = safer if new.on_timeout == "reject" else risk
        yield weight("approval.silence", f"silence means {new.on_timeout} instead of {old.on_timeout}", step)
    if old.options != new.options:
        told = f"offers {', '.join(new.options) or 'no options'} instead of {', '.join(old.options) or 'none'}"
        yield risk("approval.options", told, step)
    yield from _expiry(step, old, new)
    if old.escalate != new.escalate and len(new.escalate) < len(old.escalate):
        yield risk("approval.escalation", "asks fewer people when nobody answers", step)


def _needs(step: str, old: Approve, new: Approve) -> Iterator[Change]:
    before, after = sum(need.count for need in old.need), sum(need.count for need in new.need)
    if after < before:
        yield risk("approval.fewer", f"asks fewer people: {after} instead of {before} must agree", step)
    elif after > before:
        yield safer("approval.more", f"asks more people: {after} instead of {before} must agree", step)
    lines = [Counter({frozenset(need.from_): need.count for need in each.need}) for each in (old, new)]
    if lines[0] == lines[1] or (after != before and set(lines[0]) == set(lines[1])):
        return
    was, now = (_told(each) for each in (old, new))
    if len(old.need) == len(new.need) == 1 and set(new.need[0].from_) < set(old.need[0].from_):
        yield safer("approval.approvers", f"fewer may approve: {now}; it was {was}", step)
    else:
        yield risk("approval.approvers", f"others may approve: {now}; it was {was}", step)


def _told(words: Approve) -> str:
    return " and ".join(f"{need.count} of {', '.join(need.from_)}" for need in words.need)


def _names(step: str, word: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    told = {
        "not_by": ("may approve now", "may no longer approve"),
        "binds": ("no longer needs this consent", "needs this consent"),
    }[word]
    for name in sorted(set(old) - set(new)):
        yield risk(f"approval.{word}", f"{name} {told[0]}", step)
    for name in sorted(set(new) - set(old)):
        yield safer(f"approval.{word}", f"{name} {told[1]}", step)


def _expiry(step: str, old: Approve, new: Approve) -> Iterator[Change]:
    if old.expires == new.expires:
        return
    message = f"may be answered within {span(new.expires)} instead of {span(old.expires)}"
    yield other("approval.expires", message, step)
