"""The never-block list: which of its entries an effect would hit, by any overlap in either direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stanch.guards import targets
from stanch.guards.model import GuardPolicy, GuardState, ProtectedPath, Refusal
from stanch.guards.touch import Touch

HINT = "it is on the never-block list: `never_block` in guards.yaml, or an addition at run time"
KINDS = frozenset({"ip", "user", "client", "token", "host", "path"})


def protected_hits(touch: Touch, policy: GuardPolicy, state: GuardState) -> Iterator[Refusal]:
    """One refusal for each kind of entry that is hit; an entry that cannot be read refuses too."""
    never = policy.never_block
    try:
        yield from _addresses(touch, [*never.ips, *_added(state, "ip")])
        users = (*touch.users, *touch.behind, *touch.claims)
        yield from _names(users, [*never.users, *_added(state, "user")], code="G121", what="user")
        yield from _names(
            (*touch.clients, *touch.claims), [*never.clients, *_added(state, "client")], code="G122", what="client"
        )
        yield from _names(
            (*touch.tokens, *touch.claims), [*never.tokens, *_added(state, "token")], code="G123", what="token"
        )
        yield from _hosts(touch, [*never.hosts, *_added(state, "host")])
        yield from _paths(touch, [*never.paths, *(ProtectedPath(path=text) for text in _added(state, "path"))])
    except ValueError:
        yield Refusal(
            code="G107", message="an entry of the never-block list cannot be read", hint="remove and re-add it"
        )
    if any(kind not in KINDS for kind, _ in state.protected):
        yield Refusal(code="G107", message="an entry of the never-block list has an unknown kind", hint="see its list")


def _added(state: GuardState, kind: str) -> list[str]:
    return [value for found, value in state.protected if found == kind]


def _addresses(touch: Touch, entries: Iterable[str]) -> Iterator[Refusal]:
    for text in entries:
        protected = targets.addresses(text)
        if any(protected.overlaps(item) for item in touch.addresses):
            yield Refusal(code="G120", message=f"it would block the protected address {text}", hint=HINT)
            return


def _names(given: tuple[str, ...], entries: Iterable[str], *, code: str, what: str) -> Iterator[Refusal]:
    for text in entries:
        protected = targets.name(text)
        if any(targets.names_overlap(protected, item) for item in given):
            yield Refusal(code=code, message=f"it would block the protected {what} {text}", hint=HINT)
            return


def _hosts(touch: Touch, entries: Iterable[str]) -> Iterator[Refusal]:
    for text in entries:
        protected = targets.host_name(text)
        if any(targets.hosts_overlap(protected, host) for host in touch.hosts):
            yield Refusal(code="G125", message=f"it would touch the protected host {text}", hint=HINT)
            return


def _paths(touch: Touch, entries: Iterable[ProtectedPath]) -> Iterator[Refusal]:
    if touch.path is None:
        return
    for entry in entries:
        excused = ("principal" in entry.unless and touch.by_principal) or ("ip" in entry.unless and touch.addresses)
        protected, host = targets.path_pattern(entry.path), targets.host_name(entry.host)
        here = any(targets.hosts_overlap(host, ours) for ours in touch.hosts) or not touch.hosts
        if not excused and here and protected.overlaps(touch.path):
            yield Refusal(code="G124", message=f"it would block the protected path {entry.path}", hint=HINT)
            return
