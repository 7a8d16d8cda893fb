"""A device as an enforcement point: each lease is an entry there, by a name that says case, end and target."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import model_validator

from activities._envoy.policy import PREFIX, parse_name, policy_name
from activities._outcomes import Call, unusable
from activities._waf.networks import networks_of
from activities._webhook.form import fill
from activities._webhook.send import Sender
from activities._webhook.settings import Ask, Device, Listing
from stanch.errors import ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.leases import Applied, BlockSpec, Lease, target_of
from stanch.ports import Check, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage

ROUND = 35.0  # seconds of an attempt that are used for changes; the writer asks for the rest in another
_NAMED = frozenset({"name", "target", "case", "expires"})
_SPEC = frozenset(
    {"host", "path", "methods", "ips", "user_id", "token_id", "client_id", "session_id", "token_hash", "expires_at"}
)


class PointConfig(Device):
    """Section `[points.NAME]` of kind `webhook_point`.

    Args:
        apply: adds one entry; `name` must be kept by the device.
        inverse: takes the entry of a name out.
        listed: lists the names that stand.
    """

    apply: Ask
    inverse: Ask
    listed: Listing

    @model_validator(mode="after")
    def _known(self) -> Self:
        for ask, known in ((self.apply, _NAMED | _SPEC), (self.inverse, _NAMED), (self.listed, frozenset[str]())):
            if unknown := ask.names() - known:
                raise ValueError(f"{min(unknown)} is not known there")
        if "name" not in self.apply.names() or "name" not in self.inverse.names():
            raise ValueError("apply and inverse must name the entry by `name`")
        return self


class WebhookPoint:
    """Implements PointPort. Only entries with our names are ever touched."""

    def __init__(self, name: str, config: PointConfig) -> None:
        self.name = name
        self.config = config
        self._sender = Sender(name, config)

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """See PointPort. What an answer leaves open is settled by the list that is read at the end."""
        end = time.monotonic() + ROUND
        before = self._names()
        if wanted is None and _digest(before) != expected:
            raise Mismatch
        goal = {lease.target: lease for lease in (*adds, *(wanted or ()))}
        gone = set(removes) - goal.keys()
        refused: dict[str, str] = {}
        silent: set[str] = set()
        self._drop_all((name for name in before if _target(name) in gone), end)
        for lease in goal.values():
            try:
                self._hold(lease, before, end)
            except Rejected as error:
                refused[lease.target] = error.message
            except Uncertain:
                silent.add(lease.target)
        after = self._names()
        standing = {_target(name) for name in after}
        results = [_result(target, target not in standing, "it still stands") for target in sorted(gone)]
        for target, lease in goal.items():
            stands = _name(lease) in after  # whatever was said of it
            if target in silent and not stands:
                raise RetrySafe(f"{self.name} gave no answer, and shows no block", retry_after=2.0)
            results.append(_result(target, stands, refused.get(target, "the device does not show it")))
        return Reconciled(digest=_digest(after), results=tuple(results))

    def list_owned(self) -> Sequence[Owned]:
        return [owned for name in sorted(self._names()) if (owned := parse_name(name))]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; an entry that was renewed has another name, and stays."""
        end = time.monotonic() + ROUND
        before = self._names()
        self._drop_all((entry.name for entry in entries if entry.name in before), end)
        after = self._names()
        return [_result(entry.name, entry.name not in after, "it still stands") for entry in entries]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        raise _no_traffic()

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        raise _no_traffic()

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        raise _no_traffic()

    def doctor(self) -> Sequence[Check]:
        try:
            found = len(self._names())
        except ConnectorError as error:
            return [Check("list of entries", ok=False, detail=error.message, fix=error.hint)]
        return [Check("list of entries", ok=True, detail=f"{found} of ours")]

    def _hold(self, lease: Lease, before: frozenset[str], end: float) -> None:
        name = _name(lease)
        older = [other for other in before if _target(other) == lease.target and other != name]
        if name not in before:
            self._ask(self.config.apply, self._values(lease, name), "apply the block", name, end)
        self._drop_all(older, end)  # after the new one, so that a renewal leaves no gap

    def _values(self, lease: Lease, name: str) -> dict[str, Any]:
        spec = lease.spec
        if not isinstance(spec, BlockSpec):
            raise Rejected("this device can only block requests")
        if lease.target != target_of(spec):
            raise Rejected("the lease's target does not belong to its specification")
        networks_of(spec.ips)  # refuses what is no address, and everybody
        who = spec.principal.model_dump(exclude_none=True) if spec.principal else {}
        given: dict[str, Any] = {"host": spec.host, "path": spec.path, **who}
        given |= {"methods": list(spec.methods)} if spec.methods else {}
        given |= {"ips": list(spec.ips)} if spec.ips else {}
        able = self.config.apply.names()
        silent = given.keys() - able - ({"path"} if spec.path == "/**" else set())
        if silent:
            raise Rejected(f"this device is not told of {min(silent)}, so it would block more", code="V040")
        empty: dict[str, Any] = {field: [] if field in ("methods", "ips") else None for field in able & _SPEC}
        return {**empty, **given, "expires_at": lease.expires_at.isoformat(), **_named(name)}

    def _drop_all(self, names: Iterable[str], end: float) -> None:
        """One that the device will not let go keeps nobody else's; the list tells in the end which they are."""
        for name in sorted(names):
            with contextlib.suppress(Rejected, Uncertain):
                self._ask(self.config.inverse, _named(name), "undo the block", name, end)

    def _ask(self, ask: Ask, values: Mapping[str, Any], action: str, key: str, end: float) -> None:
        if time.monotonic() > end:
            raise RetrySafe(f"{self.name} takes long; the rest follows", retry_after=1.0)
        self._sender.send(fill(ask, values), {}, action=action, key=key)

    def _names(self) -> frozenset[str]:
        call = Call(system=self.name, action="list the blocks", write=False)
        listed = self.config.listed
        answer = self._sender.send(fill(listed, {}), {}, action=call.action, key=self.name)
        try:
            found = jmespath.search(listed.entries, answer.data)
        except JMESPathError:
            raise unusable(call) from None
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise unusable(call)  # what was not seen must not pass for not there
        return frozenset(name for name in found if name.startswith(PREFIX))


def _name(lease: Lease) -> str:
    return policy_name(case_id=lease.case_id, expires_at=lease.expires_at, target=lease.target)


def _named(name: str) -> dict[str, Any]:
    owned = parse_name(name)
    if owned is None or owned.expires_at is None:
        return {"name": name}
    ends = int(owned.expires_at.timestamp())
    return {"name": name, "target": owned.target, "case": owned.case_id, "expires": ends}


def _target(name: str) -> str:
    owned = parse_name(name)
    return owned.target if owned else ""


def _result(target: str, ok: bool, reason: str) -> Applied:
    return Applied(target=target, ok=ok, code="" if ok else "V002", reason="" if ok else reason)


def _digest(names: Iterable[str]) -> str:
    lines = sorted(names)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def _no_traffic() -> Rejected:
    return Rejected("this device shows no traffic", hint="ask the gateway or WAF in front of the API")
