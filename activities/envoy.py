"""Envoy as an enforcement point: leases become RBAC policies in a watched file, and the access log tells the effect."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from activities._access_log import LogView, Redactor, read_log
from activities._envoy import doctor as _envoy_doctor
from activities._envoy import traffic as _envoy_traffic
from activities._envoy.admin import EnvoyAdmin
from activities._envoy.crowd import Crowd
from activities._envoy.file import Entry, RulesFile
from activities._envoy.join import compile_member
from activities._envoy.policy import (
    CANARY_HEADER,
    Dialect,
    Hops,
    Policy,
    canary_value,
    compile_policy,
    parse_name,
    policy_name,
)
from activities._envoy.publish import Publisher
from activities._envoy.results import added, removed, taken_out, target_in, targets_of
from activities._section import read_section
from stanch.errors import Rejected
from stanch.estimating import Truth
from stanch.fitting import Need
from stanch.leases import COUNT, Applied, BlockSpec, Lease, MemberSpec, target_of
from stanch.ports import Check, Connector, Estimate, Mismatch, Owned, Reconciled, Usage
from stanch.ports_traffic import Exposure

Compile = Callable[..., Policy]


class EnvoyConfig(BaseModel):
    """Section of an `envoy` connector.

    Args:
        directory: where the watched rules file is; Stanch must be able to write there.
        file: its name. An LDS or ECDS discovery answer in JSON that holds an RBAC filter with action DENY.
        hosts: patterns of the hosts this Envoy serves (`*.example.com`); blocks for others are refused.
        access_log: JSON access log with the fields of docs/connectors.
        admin_url: admin endpoint, for what Envoy accepted and counted.
        base_url: where probes send their requests.
        hops: `direct` matches the TCP peer; `trusted` the address Envoy derives through its trusted hops.
        canary_secret: key of the probe headers and of the digests in samples.
        settle: how long Envoy may take to load a file, seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path
    file: str = Field(default="rbac.json", pattern=r"^[\w][\w.-]*$")
    hosts: tuple[str, ...] = Field(min_length=1)
    access_log: Path
    admin_url: str
    base_url: str
    hops: Hops = Hops.DIRECT
    canary_secret: SecretStr = Field(min_length=16)
    jwt_payload: str = "jwt_payload"
    ignore_case: bool = False
    max_entries: int = Field(default=500, ge=1, le=5000)
    settle: float = Field(default=10.0, gt=0, le=50)


class EnvoyPoint:
    """Implements PointPort. Only policies named `stanch-*` are ever changed; everything else is carried over."""

    expresses = frozenset({Need.COUNT, Need.CLAIMS, Need.LIST})

    def __init__(self, name: str, config: EnvoyConfig, *, compile_block: Compile = compile_policy) -> None:
        self.name = name
        self.base_url = config.base_url
        self._config = config
        self._compile = compile_block
        self._dialect = Dialect(hops=config.hops, jwt_payload=config.jwt_payload, ignore_case=config.ignore_case)
        self._secret = config.canary_secret.get_secret_value().encode()
        self._redactor = Redactor(hashlib.sha256(b"redact:" + self._secret).digest())
        self._crowd = Crowd(config.access_log, self._dialect)
        self._file = RulesFile(config.directory / config.file)
        self._admin = EnvoyAdmin(config.admin_url)
        self._publisher = Publisher(self._file, self._admin, settle=config.settle)

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """Bring the file and Envoy to the wanted set; removals are published first and alone.

        Raises:
            Mismatch: our entries are not what `expected` says and the full set was not given.
            Rejected: the rules file is not one that Stanch can keep.
            RetrySafe: Envoy or the lock cannot be reached; nothing was changed.
            Uncertain: the file was written and Envoy did not say whether it took it.
        """
        started = time.monotonic()
        with self._file.locked():
            document = self._file.read()
            if wanted is None and document.digest() != expected:
                raise Mismatch
            goal = {lease.target: lease for lease in (*adds, *(wanted or ()))}
            gone = set(removes) - goal.keys()  # what else stands may be a lease not yet told, or somebody else's
            kept = {name: entry for name, entry in document.owned().items() if target_in(name) not in gone}
            document = self._publisher.publish(document, kept)
            ready, refused = self._compiled(goal.values(), others=len(targets_of(document) - goal.keys()))
            document, bad = self._publisher.publish_each(document, ready)
        refused |= dict.fromkeys(bad, "Envoy refused the rule; the ones before it stay in force")
        proof = {"version": document.version, "took_ms": str(round((time.monotonic() - started) * 1000))}
        results = [*removed(gone, document, proof), *added(goal, document, refused, proof)]
        return Reconciled(digest=document.digest(), results=tuple(results))

    def list_owned(self) -> Sequence[Owned]:
        """Our entries, from the file alone."""
        return [owned for name in self._file.read().owned() if (owned := parse_name(name))]

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; an entry that was renewed has another name, and stays."""
        with self._file.locked():
            document = self._file.read()
            kept, gone = document.owned(), {entry.name for entry in entries}
            if kept.keys() & gone:
                document = self._publisher.publish(document, {n: kept[n] for n in kept if n not in gone})
        return [taken_out(entry, document) for entry in entries]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """What the block would have hit in the window, from the access log."""
        return _envoy_traffic.estimate(
            spec, log=self._log(window), window=window, dialect=self._dialect, redactor=self._redactor
        )

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        """See SeesTraffic; the log is read once for all that is asked within a few seconds."""
        return self._crowd.exposure(spec, window=window)

    def observed(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """See Counts: lines to which Envoy itself has written that a counted policy of this target meets them."""
        return _envoy_traffic.observed(
            spec, log=self._log(window), window=window, dialect=self._dialect, redactor=self._redactor
        )

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        """Who uses an endpoint; no method means all."""
        spec = BlockSpec(host=host, path=path, methods=(method,) if method else ())
        return _envoy_traffic.usage(spec, log=self._log(window), window=window, dialect=self._dialect)

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Sequence[Mapping[str, str]]:
        """Recent requests of an endpoint, redacted, newest first."""
        spec = BlockSpec(host=host, path=path)
        lines = _envoy_traffic.endpoint_lines(spec, log=self._log(window).asked(), dialect=self._dialect)
        return [self._redactor.sample(line) for line in islice(lines, limit)]

    def doctor(self) -> Sequence[Check]:
        """Every link between Stanch, the file, Envoy and its log."""
        return _envoy_doctor.examine(
            self._file, self._admin, access_log=self._config.access_log, base_url=self._config.base_url
        )

    def shadowed(self) -> Mapping[str, int]:
        """How often each counted-only block would have denied since Envoy started, by target."""
        counts = self._admin.policy_counts()
        return {target_in(name): counted.get("shadow_denied", 0) for name, counted in counts.items()}

    def serves(self, host: str) -> bool:
        """The host is one of this Envoy's."""
        name = host.lower().rstrip(".")
        return any(fnmatchcase(name, pattern.lower()) for pattern in self._config.hosts)

    def canary(self, target: str) -> Mapping[str, str]:
        """Headers that make a probe match the block of this target, without anybody's credential."""
        return {CANARY_HEADER: canary_value(self._secret, target)}

    def deciding_target(self, agent: str, *, since: datetime) -> str | None:
        """Which target's block denied the request with this user agent: "" for none, None while the log lacks it."""
        for line in read_log(self._config.access_log, since=since).lines:
            if line.agent == agent:
                return target_in(line.policy)
        return None

    def passed(self, spec: BlockSpec, *, since: datetime) -> tuple[int, int]:
        """Requests that match the specification since a time, by the log: (denied by us, let through)."""
        judge = _envoy_traffic.Judge(spec, dialect=self._dialect)
        lines = read_log(self._config.access_log, since=since).asked().lines
        hits = [line for line in lines if judge.hits(line) is Truth.YES]
        denied = sum(1 for line in hits if parse_name(line.policy))
        return denied, len(hits) - denied

    def _compiled(self, leases: Iterable[Lease], *, others: int) -> tuple[dict[str, Entry], dict[str, str]]:
        """Entries by name, and the reason for each target that cannot become one."""
        ready: dict[str, Entry] = {}
        refused: dict[str, str] = {}
        for lease in leases:
            try:
                name, entry = self._entry(lease)
            except Rejected as error:
                refused[lease.target] = error.message
                continue
            if len(ready) + others >= self._config.max_entries:
                refused[lease.target] = "this Envoy holds as many blocks as it may"
            else:
                ready[name] = entry
        return ready, refused

    def _entry(self, lease: Lease) -> tuple[str, Entry]:
        spec = lease.spec
        if not isinstance(spec, BlockSpec | MemberSpec):
            raise Rejected("Envoy can only block requests")
        if lease.target != target_of(spec):
            raise Rejected("the lease's target does not belong to its specification")
        if lease.expires_at <= datetime.now(UTC):
            raise Rejected("the lease has already expired")
        if not self.serves(spec.host) and (spec.host or isinstance(spec, BlockSpec)):
            raise Rejected("this Envoy does not serve that host", hint="see `hosts` of the connector")
        policy = self._policy(spec, lease.target)
        name = policy_name(case_id=lease.case_id, expires_at=lease.expires_at, target=lease.target)
        return name, Entry("count" if isinstance(spec, BlockSpec) and spec.effect == COUNT else "block", policy)

    def _policy(self, spec: BlockSpec | MemberSpec, target: str) -> Policy:
        if isinstance(spec, MemberSpec):
            return compile_member(spec, dialect=self._dialect)
        return self._compile(spec, canary=canary_value(self._secret, target), dialect=self._dialect)

    def _log(self, window: timedelta) -> LogView:
        return read_log(self._config.access_log, since=datetime.now(UTC) - window)


def build(name: str, section: Mapping[str, Any]) -> EnvoyPoint:
    """The point from its section of stanch.toml."""
    return EnvoyPoint(name, read_section(EnvoyConfig, name, section))


CONNECTOR = Connector(port="point", kind="envoy", build=build)
