"""Messages of enforcement points: what their single writer is told, asks of its activities, and answers."""

from __future__ import annotations

from typing import Any

from stanch.leases import Lease, LeaseOutcome, Wire


class Release(Wire):
    """Give a lease back, named in full so that a writer that has lost its memory can still lift it.

    Args:
        by: a person, for a lift by hand.
    """

    lease: Lease
    by: str = ""
    reason: str = ""


class Reconcile(Wire):
    """One bounded attempt to bring a point to its wanted set."""

    point: str
    adds: tuple[Lease, ...] = ()
    removes: tuple[str, ...] = ()
    wanted: tuple[Lease, ...] | None = None
    expected: str = ""
    holders: tuple[Lease, ...] = ()  # leases of removed targets, for the ledger
    outcomes: tuple[LeaseOutcome, ...] = ()  # to be told when it went well


class ReconcileReply(Wire):
    """`mismatch` asks for the full set; `results` are (target, ok, code, reason)."""

    digest: str = ""
    mismatch: bool = False
    results: tuple[tuple[str, bool, str, str], ...] = ()


class Announce(Wire):
    """Tell cases what became of their leases."""

    point: str
    outcomes: tuple[LeaseOutcome, ...]


class EnforcementInput(Wire):
    """Start of a point's single writer."""

    point: str
    shard: str = ""
    carried: dict[str, Any] | None = None
