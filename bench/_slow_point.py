"""A vendor that takes one update a second, replaces everything with each, and is edited by others at the same time."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stanch.errors import RetrySafe
from stanch.leases import Applied, BlockSpec, Lease
from stanch.ports import Mismatch, Owned, Reconciled
from stanch.ports_traffic import Exposure

OURS = "stanch-"


@dataclass
class Vendor:
    """The vendor's side: whole sets under a lock token, and never more than one update in `pause` seconds."""

    pause: float = 1.0
    entries: dict[str, bytes] = field(default_factory=dict[str, bytes])
    updates: list[float] = field(default_factory=list[float])
    throttled: int = 0
    conflicts: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._token = 0

    def read(self) -> tuple[dict[str, bytes], int]:
        with self._lock:
            return dict(self.entries), self._token

    def update(self, entries: Mapping[str, bytes], token: int) -> bool:
        """Replace everything; False where the token is old."""
        with self._lock:
            if self.updates and time.monotonic() - self.updates[-1] < self.pause:
                self.throttled += 1
                raise RetrySafe("one update a second", retry_after=self.pause)
            if token != self._token:
                self.conflicts += 1
                return False
            self.entries, self._token = dict(entries), self._token + 1
            self.updates.append(time.monotonic())
            return True

    def edit(self, name: str, body: bytes) -> bool:
        """What a person does at the vendor's console."""
        with self._lock:
            self.entries[name] = body
            self._token += 1
        return True


class SlowPoint:
    """Our side of it, as any connector with full-replace updates does it."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        for _ in range(8):
            standing, token = self._vendor.read()
            ours = {name: body for name, body in standing.items() if name.startswith(OURS)}
            if wanted is None and _digest(ours) != expected:
                raise Mismatch
            goal = {name: body for name, body in ours.items() if name.rpartition("-")[2] not in removes}
            goal |= dict(_entry(lease) for lease in (*(wanted or ()), *adds))
            foreign = {name: body for name, body in standing.items() if name not in ours}
            if goal == ours or self._vendor.update(foreign | goal, token):
                results = [Applied(target=target, ok=True) for target in (*removes, *(lease.target for lease in adds))]
                return Reconciled(digest=_digest(goal), results=tuple(results))
        raise RetrySafe("others kept writing")

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        return Exposure(unknown=0.0)

    def list_owned(self) -> Sequence[Owned]:
        found = [(name, json.loads(body)) for name, body in self._vendor.read()[0].items() if name.startswith(OURS)]
        ends = ((name, body, datetime.fromtimestamp(body["until"], UTC)) for name, body in found)
        return [Owned(name, body["case"], end, name.rpartition("-")[2]) for name, body, end in ends]


def _entry(lease: Lease) -> tuple[str, bytes]:
    ips = lease.spec.ips if isinstance(lease.spec, BlockSpec) else ()
    body = {"ips": ips, "case": lease.case_id, "until": int(lease.expires_at.timestamp())}
    return f"{OURS}{lease.target}", json.dumps(body, sort_keys=True).encode()


def _digest(ours: Mapping[str, bytes]) -> str:
    return hashlib.sha256(repr(sorted(ours.items())).encode()).hexdigest() if ours else ""
