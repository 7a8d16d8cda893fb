"""Judges blocks from the outside: what the vendor saw come and go, who asked for what, and what was written down.

It knows nothing of the product's state: only the vendor's own history, the requests as they were sent, and the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

MOST_LATE = timedelta(seconds=60)
UP, DOWN = ("hold", "restore"), ("lift", "reap")


@dataclass(frozen=True)
class Change:
    """A target came to stand at the vendor, or ceased to."""

    at: datetime
    target: str
    up: bool


@dataclass(frozen=True)
class Claim:
    """One holder's request.

    Args:
        held: when it was told that the block stands.
        released: when it gave it back.
        kept: until when a freeze kept the block where it was, whatever its end.
    """

    target: str
    expires: datetime
    held: datetime | None = None
    released: datetime | None = None
    kept: datetime | None = None

    @property
    def end(self) -> datetime:
        wanted = min(self.expires, self.released or self.expires)
        return max(wanted, self.kept or wanted)


@dataclass(frozen=True)
class Intent:
    """A line of the ledger that announces a write; it is written only where the guards have let it pass."""

    at: datetime
    target: str
    verb: str


@dataclass(frozen=True)
class Figures:
    """What must be nought, each; `worst` is how late the latest lift was, in seconds."""

    overrun: int
    orphaned: int
    lifted_while_held: int
    foreign_changed: int
    unguarded: int
    worst: float = 0.0

    @property
    def clean(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self) if field.name != "worst")


@dataclass(frozen=True)
class _Stay:
    """A time in which a target stood; `down` is None where it still does."""

    target: str
    up: datetime
    down: datetime | None


def judge(
    changes: Sequence[Change],
    claims: Sequence[Claim],
    intents: Sequence[Intent],
    *,
    foreign: tuple[Mapping[str, object], Mapping[str, object]],
    now: datetime,
    slow: float = 1.0,
) -> Figures:
    """The figures.

    Args:
        changes: the vendor's history.
        claims: all that was asked for.
        intents: from the ledger.
        foreign: entries of others, as they must be and as they are.
        now: when the vendor was last looked at.
        slow: how many times later than MOST_LATE a lift may come.
    """
    stays = list(_stays(changes))
    late = [(stay.down or now) - _end(stay, claims, now) for stay in stays]
    wanted, found = foreign
    return Figures(
        overrun=sum(each > slow * MOST_LATE for each in late),
        orphaned=sum(stay.down is None and _end(stay, claims, now) < now for stay in stays),
        lifted_while_held=sum(_was_held(stay, claims) for stay in stays),
        foreign_changed=sum(wanted.get(name) != found.get(name) for name in wanted.keys() | found.keys()),
        unguarded=sum(not _announced(change, intents) for change in changes),
        worst=max((each.total_seconds() for each in late), default=0.0),
    )


def _stays(changes: Iterable[Change]) -> Iterator[_Stay]:
    begun: dict[str, datetime] = {}
    for change in sorted(changes, key=lambda one: one.at):
        if change.up:
            begun.setdefault(change.target, change.at)
        elif change.target in begun:
            yield _Stay(change.target, begun.pop(change.target), change.at)
    yield from (_Stay(target, up, None) for target, up in begun.items())


def _end(stay: _Stay, claims: Sequence[Claim], now: datetime) -> datetime:
    """When the last claim on it ended, if that is over; a block that nobody claimed should have ended as it began."""
    ends = [claim.end for claim in claims if claim.target == stay.target and claim.end >= stay.up]
    return min(max(ends, default=stay.up), stay.down or now)


def _was_held(stay: _Stay, claims: Sequence[Claim]) -> bool:
    if stay.down is None:
        return False
    own = [claim for claim in claims if claim.target == stay.target and claim.held is not None]
    return any(claim.held is not None and claim.held <= stay.down < claim.end for claim in own)


def _announced(change: Change, intents: Sequence[Intent]) -> bool:
    verbs = UP if change.up else DOWN
    return any(one.target == change.target and one.verb in verbs and one.at <= change.at for one in intents)
