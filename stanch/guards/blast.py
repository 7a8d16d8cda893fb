"""What recorded traffic says against a block: too many people behind it, or too much that nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.guards.model import Attempt, GuardPolicy, Refusal
from stanch.guards.touch import Touch


def blast_refusals(touch: Touch, attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    """Refusals by the blast radius; none where traffic was not looked at, as when a finding is explained."""
    blast = attempt.blast
    if blast is None or not touch.denies:
        return
    if touch.addresses and not touch.by_principal:
        yield from _address(attempt, policy)
    unknown = policy.limits.unknown.approved if attempt.approved else policy.limits.unknown.automatic
    if not blast.unknown <= unknown:
        message = f"the access log cannot tell for {blast.unknown:.0%} of the requests whom it would hit"
        hint = f"{blast.why}; a person may approve it" if blast.why else "a person may approve it"
        yield Refusal(code="G139", message=message, hint=hint)


def _address(attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    """An address is nobody in particular: how many people are behind it is what counts."""
    blast = attempt.blast
    most = policy.limits.principals.approved if attempt.approved else policy.limits.principals.automatic
    if blast is not None and blast.principals > most:
        message = f"{blast.principals} principals were seen behind the address, {most} may be"
        yield Refusal(code="G138", message=message, hint=_narrower(blast.narrower))
    if blast is not None and blast.narrower and not attempt.approved:
        message = f"the finding names a {blast.narrower}, which is narrower than an address"
        yield Refusal(code="G140", message=message, hint=_narrower(blast.narrower))


def _narrower(handle: str) -> str:
    return f"block the {handle} of the finding instead" if handle else "name a principal, not an address alone"
