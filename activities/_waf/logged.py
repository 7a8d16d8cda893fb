"""The WAF log of web ACLs: its lines as requests, and in words what it does not show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities._aws import NotThere
from activities._waf.acl import Acl
from activities._waf.log_setup import Setup, read_setup
from activities._waf.logs import Lines, LogGroup
from activities._waf.record import Record, read_record
from activities._waf.sampled import Naming, Samples, protected, veiled
from stanch.errors import AuthBlocked, Rejected

_FRESH_SECONDS = 20.0
_PACE_SECONDS = 2.0  # AWS takes five of these calls a second, for all that run in the account
SKEW = timedelta(seconds=30)  # between our clock and Amazon's
_LATE_START = 0.05  # of the window, without a line in it
_FEW = 64


@dataclass(frozen=True)
class Logged:
    """What the log has of one web ACL.

    Args:
        records: newest first.
        notes: what it lacks.
        late: how late lines come.
        hides: fields that are redacted.
        clock: how far the clock of its times is ahead of ours.
    """

    records: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()
    late: timedelta = timedelta()
    whole: bool = True
    hides: tuple[str, ...] = ()
    clock: timedelta = timedelta()

    @property
    def coverage(self) -> str:
        """Never wholly complete: what has just happened is not in the log yet."""
        lag = f"up to {max(1, round(self.late.total_seconds()))} s" if self.records else "seconds to minutes"
        words = [f"the WAF log has {len(self.records)} requests", *self.notes, f"lines reach it {lag} late"]
        return ("complete but for the newest: " if self.whole else "partial: ") + "; ".join(words)

    def samples(self, requests: Sequence[Record] | None = None) -> Samples:
        """As the estimator takes samples; each stands for itself."""
        found = self.records if requests is None else requests
        return Samples(tuple(record.request for record in found), self.whole, self.coverage)


class WafLog:
    """Reads a log group, and keeps what it read for a few seconds, since every block of a burst asks the same."""

    def __init__(self, group: LogGroup, waf: Any, *, naming: Naming) -> None:
        self.group = group
        self._waf, self._naming = waf, naming
        self._lock, self._pace = threading.Lock(), threading.Lock()
        self._reading: dict[tuple[str, timedelta], threading.Lock] = {}
        self._setups: dict[str, tuple[float, Setup]] = {}
        self._kept: dict[tuple[str, timedelta], tuple[float, Logged]] = {}
        self._next: dict[str, float] = {}

    def everything(self, acl: Acl, window: timedelta) -> Logged:
        """Requests that reached a web ACL.

        Raises:
            Rejected: V075, the log is not one that has them all.
            RetrySafe: throttled, or no answer.
        """
        self.refuse_filtered(acl)
        key = (acl.ref.arn, window)
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:  # the same is read once, and others meanwhile
            until, kept = self._kept.get(key, (0.0, Logged()))
            return kept if time.monotonic() <= until else self._keep(key, self.since(acl, datetime.now(UTC) - window))

    def _keep(self, key: tuple[str, timedelta], logged: Logged) -> Logged:
        now = time.monotonic()
        with self._lock:
            kept = {one: (end, had) for one, (end, had) in self._kept.items() if end > now}
            self._kept = {**kept, key: (now + _FRESH_SECONDS, logged)}
        return logged

    def refuse_filtered(self, acl: Acl) -> None:
        """Raises Rejected where the log leaves requests out, so that nothing counted in it is a count."""
        drops = self.setup(acl).drops
        if drops:
            raise _none(f"the logging filter of web ACL {acl.ref.name} drops requests ({drops})")

    def since(self, acl: Acl, since: datetime) -> Logged:
        """The same, read anew, and also where a filter leaves some out.

        Raises:
            Rejected: V075, there is no log of this web ACL to be read. RetrySafe: throttled, or no answer.
        """
        setup = self.setup(acl)
        lines = self._lines(since=since, pattern=f'{{ $.webaclId = "{acl.ref.arn}" }}')
        found = [read_record(event.text) for event in lines.events]
        hidden = list(protected(acl.body))
        known = [record for record in found if record is not None]
        records = [self._named(one, hidden) for one in known if one.acl == acl.ref.arn and one.at >= since]
        notes = _notes(records, lines, setup, since=since, broken=len(found) - len(known))
        whole = not lines.cut and len(found) == len(known) and not setup.drops
        return Logged(tuple(records), tuple(notes), lines.late, whole, setup.redacted, lines.clock)

    def of_agent(self, agent: str, *, since: datetime) -> Sequence[Record]:
        """Lines of the requests with a user agent; asked again at once it has none, since AWS takes few calls.

        Raises:
            Rejected: V075, there is no log to be read. RetrySafe: throttled, or no answer.
        """
        now = time.monotonic()
        with self._pace:
            if now < self._next.get(agent, 0.0) or '"' in agent:
                return ()
            self._next = {one: end for one, end in list(self._next.items())[-_FEW:] if end > now}
            self._next[agent] = now + _PACE_SECONDS
        lines = self._lines(since=since - SKEW, pattern=f'"{agent}"')
        found = (read_record(event.text) for event in lines.events)
        return [self._named(one, ()) for one in found if one is not None and one.agent == agent]

    def setup(self, acl: Acl) -> Setup:
        """How the web ACL logs.

        Raises:
            Rejected: V075, not to this log group.
        """
        until, setup = self._setups.get(acl.ref.arn, (0.0, Setup()))
        if time.monotonic() > until:
            setup = read_setup(self._waf, acl, self.group.name)
            self._setups[acl.ref.arn] = (time.monotonic() + _FRESH_SECONDS, setup)
        if setup.problem:
            raise _none(setup.problem)
        return setup

    def _lines(self, *, since: datetime, pattern: str) -> Lines:
        try:
            return self.group.lines(since=since, pattern=pattern)
        except NotThere:
            raise _none(f"there is no log group {self.group.name}") from None
        except AuthBlocked:
            raise _none(f"log group {self.group.name} may not be read (logs:FilterLogEvents)") from None

    def _named(self, record: Record, hidden: Sequence[tuple[str, str]]) -> Record:
        return replace(record, request=self._naming.named(veiled(record.request, hidden)))


def _none(reason: str) -> Rejected:
    return Rejected(reason, code="V075", hint="see `stanch doctor`, and docs/waf.md, The log")


def _notes(records: Sequence[Record], lines: Lines, setup: Setup, *, since: datetime, broken: int) -> Iterator[str]:
    if lines.cut:
        span = f"only {_clock(records[-1].at)} to {_clock(records[0].at)}" if records else "nothing of this web ACL"
        yield f"{lines.cut}: {span}"
    elif records and records[-1].at - since > (datetime.now(UTC) - since) * _LATE_START:
        yield f"nothing before {_clock(records[-1].at)}"
    if broken:
        yield f"{broken} lines of it cannot be read"
    if setup.redacted:
        yield f"it hides {', '.join(setup.redacted)}"
    if setup.drops:
        yield f"a filter drops {setup.drops}"


def _clock(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
