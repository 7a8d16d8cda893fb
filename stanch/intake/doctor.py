"""Whether each source could take a delivery: its secrets are there, and of the form that its scheme needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stanch.errors import StanchError
from stanch.findings import Assurance
from stanch.intake.auth import Auth
from stanch.intake.config import Sources, SourceState
from stanch.intake.proofs import CHECKS, Scheme
from stanch.ports import Check

_FIX = "correct the secret, or set `state: disabled` in policy/sources.yaml"


def examine_sources(sources: Sources, resolve: Callable[[str], str]) -> Iterator[Check]:
    """One line for each active source; a secret itself is never shown."""
    for name, source in sources.by_name.items():
        if source.state is SourceState.ACTIVE:
            flaws = list(_flaws(source.auth, resolve))
            detail = "; ".join(flaws) or _description(source.auth)
            yield Check(f"source {name}", ok=not flaws, detail=detail, fix=_FIX)


def _flaws(auth: Auth, resolve: Callable[[str], str]) -> Iterator[str]:
    for reference in auth.secrets:
        try:
            flaw = CHECKS[auth.scheme].flaw(resolve(reference))
        except StanchError as error:
            yield error.message
            continue
        if flaw:
            yield f"{reference} does not fit '{auth.scheme}': {flaw}"


def _description(auth: Auth) -> str:
    if auth.scheme is Scheme.SNS and not auth.confirm:
        return "subscriptions must be confirmed in AWS (confirm: true does it here)"
    if CHECKS[auth.scheme].assurance is Assurance.C:
        return f"'{auth.scheme}' proves little: its findings open tickets only"
    return f"proven by '{auth.scheme}'"
