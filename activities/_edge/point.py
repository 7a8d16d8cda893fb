"""An enforcement point over any gateway that can hold rules of ours: leases in, proof out, effect from its log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TypeVar

from activities._access_log import Line, LogView, Redactor
from activities._edge import traffic as _edge_traffic
from activities._edge.gateway import Block, Gateway, GatewaySection
from activities._edge.rules import (
    Changed,
    Entries,
    Entry,
    added,
    digest,
    publish_each,
    removed,
    seal,
    sealed_target,
    taken_out,
    target_in,
    targets_of,
)
from activities._envoy.policy import CANARY_HEADER, canary_value, parse_name, policy_name
from stanch.errors import Rejected, RetrySafe
from stanch.leases import COUNT, Applied, BlockSpec, Lease, target_of
from stanch.ports import Check, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage

_ATTEMPTS = 8
_Answer = TypeVar("_Answer")


class EdgePoint:
    """Implements PointPort. Only rules named `stanch-*` are ever changed; everything else is carried over."""

    def __init__(self, name: str, section: GatewaySection, gateway: Gateway) -> None:
        self.name = name
        self.base_url = section.base_url
        self._section = section
        self._gateway = gateway
        self._rules = gateway.rules
        self._secret = section.secret
        self._redactor = Redactor(hashlib.sha256(b"redact:" + self._secret).digest())
        self._dialect = gateway.dialect

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """Bring the gateway to the wanted set; removals are published first and alone.

        Raises:
            Mismatch: our entries are not what `expected` says and the full set was not given.
            Rejected: its configuration is not one that Stanch can keep.
            RetrySafe: it cannot be reached, or others keep changing it; nothing was changed.
            Uncertain: it was written and the gateway did not say whether it took it.
        """

        def attempt() -> Reconciled:
            started = time.monotonic()
            standing = self._rules.read()
            if wanted is None and digest(standing) != expected:
                raise Mismatch
            goal = {lease.target: lease for lease in (*adds, *(wanted or ()))}
            gone = set(removes) - goal.keys()  # what else stands may be a lease not yet told, or somebody else's
            standing = self._without(standing, gone)
            ready, refused = self._compiled(goal.values(), others=len(targets_of(standing) - goal.keys()))
            _, bad = publish_each(self._rules, standing, ready)
            refused |= dict.fromkeys(bad, f"{self._gateway.title} refused the rule; what stood before is in force")
            standing = self._rules.read()
            proof = {"gateway": self._gateway.title, "took_ms": str(round((time.monotonic() - started) * 1000))}
            results = [*removed(gone, standing, proof), *added(goal, standing, refused, proof)]
            return Reconciled(digest=digest(standing), results=tuple(results))

        return self._in_turn(attempt)

    def list_owned(self) -> Sequence[Owned]:
        """Our entries, from the gateway's own state alone."""
        return [owned for name in self._rules.read() if (owned := parse_name(name))]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; an entry that was renewed has another name, and stays."""
        gone = {entry.name for entry in entries}

        def attempt() -> Sequence[Applied]:
            standing = self._rules.read()
            if standing.keys() & gone:
                self._publish({name: entry for name, entry in standing.items() if name not in gone})
                standing = self._rules.read()
            return [taken_out(entry, standing) for entry in entries]

        return self._in_turn(attempt)

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """What the block would have hit in the window, from the access log, which names nobody."""
        return _edge_traffic.estimate(
            spec, log=self._log(window), window=window, dialect=self._dialect, redactor=self._redactor
        )

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        """Who uses an endpoint; no method means all."""
        spec = BlockSpec(host=host, path=path, methods=(method,) if method else ())
        return _edge_traffic.usage(spec, log=self._log(window), window=window, dialect=self._dialect)

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        """Recent requests of an endpoint, redacted, newest first."""
        log = self._log(window).asked()
        lines = _edge_traffic.endpoint_lines(BlockSpec(host=host, path=path), log=log, dialect=self._dialect)
        return Excerpt.of(map(self._redactor.sample, lines), limit=limit, coverage=log.coverage)

    def doctor(self) -> Sequence[Check]:
        """Every link between Stanch, the gateway and its log."""
        log = self._log(timedelta(days=1))
        fix = "" if log.readable else f"let {self._gateway.title} write its access log to {self._section.access_log}"
        return [*self._gateway.checks(), Check("access log", ok=log.readable, detail=log.coverage, fix=fix)]

    def serves(self, host: str) -> bool:
        """The host is one of this gateway's."""
        name = host.lower().rstrip(".")
        return any(fnmatchcase(name, pattern.lower()) for pattern in self._section.hosts)

    def canary(self, target: str) -> Mapping[str, str]:
        """Headers that make a probe match the block of this target, without anybody's credential."""
        return {CANARY_HEADER: canary_value(self._secret, target)}

    def deciding_target(self, agent: str, *, since: datetime) -> str | None:
        """Which target's block denied the request with this user agent: "" for none, None while the log lacks it."""
        line = next((line for line in self._gateway.read(since).lines if line.agent == agent), None)
        return self._target(line) if line is not None else None

    def passed(self, spec: BlockSpec, *, since: datetime) -> tuple[int, int | None]:
        """Requests since a time, by the log: (denied by the block, let through all the same).

        The log names nobody, so where the specification does, what got through is unknown (None).
        """
        log = self._gateway.read(since).asked()
        if spec.principal is not None:
            return sum(1 for line in log.lines if line.policy and self._target(line) == target_of(spec)), None
        lines = list(_edge_traffic.hit_lines(spec, log=log, dialect=self._dialect))
        denied = sum(1 for line in lines if line.policy)
        return denied, len(lines) - denied

    def _target(self, line: Line) -> str:
        return target_in(line.policy) or sealed_target(line.policy, self._secret)

    def _without(self, standing: Entries, targets: set[str]) -> Entries:
        self._publish({name: entry for name, entry in standing.items() if target_in(name) not in targets})
        return self._rules.read()

    def _publish(self, entries: Entries) -> None:
        """Make sure of what needs nothing new; what a writer that died has left half done is taken apart.

        Raises:
            RetrySafe: the gateway refuses its configuration even without our rules, or rules that stood, which are out
                now: with the full set it tells each of their leases.
        """
        if self._rules.publish(entries):
            return
        good, bad = publish_each(self._rules, {}, entries)
        if not good and not self._rules.publish({}):
            hint = "mend its configuration; it runs the last good one"
            raise RetrySafe(f"{self._gateway.title} refuses its configuration as it stands", hint=hint)
        if bad:
            raise RetrySafe(f"{self._gateway.title} refused {len(bad)} rule(s) that stood; the others stand")

    def _in_turn(self, attempt: Callable[[], _Answer]) -> _Answer:
        """Under the lock; again where somebody else changed the gateway meanwhile."""
        with self._rules.held():
            for _ in range(_ATTEMPTS):
                try:
                    return attempt()
                except Changed:
                    continue
        raise RetrySafe(f"others keep changing {self._gateway.title}", retry_after=2.0)

    def _compiled(self, leases: Iterable[Lease], *, others: int) -> tuple[dict[str, Entry], dict[str, str]]:
        """Entries by name, and the reason for each target that cannot become one."""
        ready: dict[str, Entry] = {}
        refused: dict[str, str] = {}
        for lease in leases:
            try:
                name, entry = self._entry(lease)
            except Rejected as error:
                refused[lease.target] = f"{error.message}; {error.hint}" if error.hint else error.message
                continue
            if len(ready) + others >= self._section.max_entries:
                refused[lease.target] = f"{self._gateway.title} holds as many blocks as it may"
            else:
                ready[name] = entry
        return ready, refused

    def _entry(self, lease: Lease) -> tuple[str, Entry]:
        spec, target = lease.spec, lease.target
        if not isinstance(spec, BlockSpec):
            raise Rejected(f"{self._gateway.title} can only block requests")
        name = self._name(lease, host=spec.host)
        block = Block(
            spec=spec,
            name=name,
            case_id=lease.case_id,
            canary=canary_value(self._secret, target),
            seal=seal(target, self._secret),
            count=spec.effect == COUNT,
        )
        return name, self._gateway.compile_block(block)

    def _name(self, lease: Lease, *, host: str) -> str:
        """Of the entry for a lease that may have one here; no host is every host of the gateway."""
        if lease.target != target_of(lease.spec):
            raise Rejected("the lease's target does not belong to its specification")
        if lease.expires_at <= datetime.now(UTC):
            raise Rejected("the lease has already expired")
        if host and not self.serves(host):
            raise Rejected(f"{self._gateway.title} does not serve that host", hint="see `hosts` of the connector")
        return policy_name(case_id=lease.case_id, expires_at=lease.expires_at, target=lease.target)

    def _log(self, window: timedelta) -> LogView:
        return self._gateway.read(datetime.now(UTC) - window)
