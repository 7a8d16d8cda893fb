"""What the writer of a point holds: leases, what stands for them, and what their cases must still be told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import Field

from stanch.interpreter.state import Mutable
from stanch.leases import EVICTED, Lease, LeaseOutcome, LeaseState

MAX_LEASES = 1000
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # written, perhaps, with an expiry nobody knows


class Held(Mutable):
    """A lease and whether its target stands at the point."""

    lease: Lease
    told: bool = False
    since: datetime | None = None


class PointState(Mutable):
    """Everything a point's writer carries over continue-as-new."""

    leases: dict[str, Held] = Field(default_factory=dict)
    applied: dict[str, datetime] = Field(default_factory=dict)  # target -> expiry as written
    leaving: dict[str, LeaseState] = Field(default_factory=dict)  # lease id -> why it goes
    pending: list[LeaseOutcome] = Field(default_factory=list[LeaseOutcome])
    ended: list[str] = Field(default_factory=list)  # a hold that arrives after its own end must not start again
    turned_away: list[str] = Field(default_factory=list)  # nor may one whose case has heard that it came to nothing
    digest: str = ""
    failures: int = 0

    def wanted(self) -> dict[str, Lease]:
        """The lease that stands for each target: of several holders, the one that lasts longest."""
        wanted: dict[str, Lease] = {}
        for lease_id, held in self.leases.items():
            lease = held.lease
            if lease_id in self.leaving:
                continue
            if lease.target not in wanted or lease.expires_at > wanted[lease.target].expires_at:
                wanted[lease.target] = lease
        return wanted

    def standing(self) -> dict[str, Lease]:
        """Whose block stands at each target, as far as cases know; who only waits for one is none of them."""
        found: dict[str, Lease] = {}
        for lease_id, held in self.leases.items():
            lease = held.lease
            stands = held.told and lease_id not in self.leaving and self.applied.get(lease.target, UNKNOWN) != UNKNOWN
            if stands and (lease.target not in found or lease.expires_at > found[lease.target].expires_at):
                found[lease.target] = lease
        return found

    def removes(self) -> list[str]:
        """Targets that stand, or may stand, and that nobody wants."""
        wanted = self.wanted()
        return sorted(target for target in self.applied if target not in wanted)

    def adds(self) -> list[Lease]:
        """What is wanted and does not stand until then."""
        applied = self.applied
        late = [lease for target, lease in self.wanted().items() if applied.get(target) != lease.expires_at]
        return sorted(late, key=lambda lease: lease.lease_id)

    def expire(self, now: datetime) -> None:
        """Whose time is over goes; who shares a block with somebody that stays, at once."""
        for lease_id, held in self.leases.items():
            if held.lease.expires_at <= now:
                self.leaving.setdefault(lease_id, LeaseState.EXPIRED)
        self._drop_shared(now)

    def _drop_shared(self, now: datetime) -> None:
        """A holder whose target somebody else still wants goes without a write."""
        wanted = self.wanted()
        for lease_id in list(self.leaving):
            lease = self.leases[lease_id].lease
            if lease.target in wanted or lease.target not in self.applied:
                self._end(lease_id, now, {"shared": "true"} if lease.target in wanted else {})

    def _end(self, lease_id: str, now: datetime, proof: dict[str, str]) -> None:
        lease = self.leases.pop(lease_id).lease
        state = self.leaving.pop(lease_id)
        self.pending.append(outcome_of(lease, state, now, proof=proof))

    def untold(self, targets: set[str]) -> list[Held]:
        """Who waits to hear that one of these stands."""
        return [
            held
            for name, held in self.leases.items()
            if held.lease.target in targets and not held.told and name not in self.leaving
        ]

    def refuse(self, waiting: Iterable[Lease], result: tuple[bool, str, str], now: datetime) -> None:
        """Turn these away."""
        _, code, reason = result
        for lease in waiting:
            self.turn_away(lease, code, reason, now)

    def turn_away(
        self, lease: Lease, code: str, reason: str, now: datetime, *, state: LeaseState = LeaseState.REFUSED
    ) -> None:
        """It is held no more, or never was; its case is told, and asking again with the same name changes nothing."""
        self.leases.pop(lease.lease_id, None)
        self.leaving.pop(lease.lease_id, None)
        self.turned_away = [*self.turned_away, lease.lease_id][-MAX_LEASES:]
        self.pending.append(outcome_of(lease, state, now, code=code, reason=reason))

    def evict(self, target: str, reason: str, now: datetime) -> None:
        """The point let go of it to make room; all who hold it are told, and it is not put back."""
        self.applied.pop(target, None)
        for lease in [held.lease for held in self.leases.values() if held.lease.target == target]:
            self.turn_away(lease, EVICTED, reason, now, state=LeaseState.LIFTED)

    def sharers(self) -> list[Held]:
        """Who asked for a block while it was being written for somebody else, for at least as long."""
        ends = self.applied
        return [held for held in self.untold(set(ends)) if ends[held.lease.target] >= held.lease.expires_at]

    def overlong(self, lease: Lease) -> bool:
        """It stands for this one, who was told so, and would stand longer."""
        held = self.leases.get(lease.lease_id)
        return held is not None and held.told and self.applied.get(lease.target, UNKNOWN) > lease.expires_at

    def share(self, held: Held, now: datetime) -> None:
        """Tell it that the block it wants stands already."""
        held.told = True
        self.pending.append(outcome_of(held.lease, LeaseState.HELD, now, proof={"shared": "true"}))


def outcome_of(
    lease: Lease,
    state: LeaseState,
    now: datetime,
    *,
    code: str = "",
    reason: str = "",
    proof: dict[str, str] | None = None,
) -> LeaseOutcome:
    """What the lease's case is told."""
    return LeaseOutcome(
        lease_id=lease.lease_id,
        case_id=lease.case_id,
        step=lease.step,
        state=state,
        at=now,
        code=code,
        reason=reason,
        proof=proof or {},
    )
