"""AWS WAF as an enforcement point: leases become rules and pooled addresses in rule groups of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from activities._aws import make_client
from activities._envoy.policy import PREFIX, parse_name
from activities._section import read_section
from activities._waf import sight as _waf_sight
from activities._waf.acl import AclRef, WebAcls, protecting
from activities._waf.attach import Closed, attach
from activities._waf.config import WafPointConfig, WebAclTarget
from activities._waf.effect import idle
from activities._waf.entry import Dialect, Entry, compile_lease
from activities._waf.log_check import examine_log
from activities._waf.match import Claims, Reading, no_claims
from activities._waf.ours import Ours
from activities._waf.results import owned, results, taken_out
from activities._waf.shelf import Limits
from activities._waf.standing import Standing
from activities._waf.store import WafStore
from activities._waf.told import LOG_SECONDS
from activities._waf.view import View, arns_of
from activities._waf.write import Made, Writer
from stanch.errors import AuthBlocked, Rejected
from stanch.fitting import Need
from stanch.leases import Applied, BlockSpec, Lease
from stanch.ports import Check, Connector, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage
from stanch.ports_traffic import Exposure, Trace


class WafPoint:
    """Implements PointPort. In the customer's web ACL stands one reference to our groups, and nothing else of ours."""

    expresses = frozenset({Need.REQUEST, Need.LIMIT, Need.COUNT})

    def __init__(self, name: str, config: WafPointConfig, *, claims: Claims = no_claims) -> None:
        self.name = name
        self.base_url = config.base_url
        self._config = config
        self._prefix = config.group or PREFIX + re.sub(r"[^\w-]", "-", name, flags=re.ASCII)[:50]
        client = make_client("wafv2", config)
        self._acls = WebAcls(client, scope=config.scope, attempts=config.lock_attempts)
        self._dialect = Dialect(
            reading=Reading(ignore_case=config.ignore_case, base_paths=config.base_paths, claims=claims),
            addresses=config.addresses,
            header=config.forwarded_header,
            secret=config.canary_secret.get_secret_value().encode() if config.canary_secret else b"",
        )
        self._view = View(client, config, self._acls, self._dialect)
        self._writer = Writer(
            WafStore(client, scope=config.scope, prefix=self._prefix, pace=config.pace),
            prefix=self._prefix,
            limits=Limits(groups=config.max_groups),
            capacity=config.capacity,
            attach=self._attach,
            attempts=config.lock_attempts,
        )

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """See PointPort.

        Where there is no room, what is of least risk makes room or waits: its result says so with code L018.

        Raises:
            Mismatch: our entries are not what `expected` says and the full set was not given.
            RetrySafe, Uncertain, AuthBlocked, Rejected: as AWS answered; what was done is found again by the next read.
        """

        def check(standing: Standing) -> None:
            if wanted is None and standing.digest() != expected:
                raise Mismatch

        goal = {lease.target: lease for lease in (*adds, *(wanted or ()))}
        entries, refused = self._compiled(goal.values())
        gone = set(removes) - goal.keys()  # what else stands may be a lease not yet told, or somebody else's
        if not gone:
            made, after = self._put(entries, refused, check)
        else:
            made, after = self._writer.change([], lambda tag: tag.target in gone, check)
            try:  # what cannot be put in holds up no lift
                made, after = self._put(entries, refused, lambda _: None) if entries else (made, after)
            except (Rejected, AuthBlocked) as error:
                refused |= {entry.tag.target: error.message for entry in entries}
        return Reconciled(digest=after.digest(), results=tuple(results(goal, gone, refused, made, after)))

    def _put(self, entries: list[Entry], refused: dict[str, str], check: Callable[[Standing], None]) -> Made:
        """In they go, without those whose web ACL lets none of ours work: it must not keep other hosts' blocks out."""
        while True:
            try:
                return self._writer.change(entries, lambda _: False, check)
            except Closed as closed:
                shut = [entry for entry in entries if self._config.target(entry.host) in closed.targets]
                if len(shut) == len(entries):
                    raise closed.why from None
                refused |= {entry.tag.target: f"{closed.message}; {closed.hint}" for entry in shut}
                entries = [entry for entry in entries if entry not in shut]

    def list_owned(self) -> Sequence[Owned]:
        """Our entries, from AWS alone; what bears our name and cannot be read has no end."""
        standing = self._writer.read()
        tags = {tag.name: owned(tag) for shelf in standing.shelves() for tag in shelf.tags()}
        rules = (str(rule["Name"]) for group in standing.groups for rule in group.rules)
        unread = (found for name in rules if name not in tags and (found := parse_name(name)) is not None)
        return [*tags.values(), *unread]

    def without_effect(self, leases: Sequence[Lease]) -> frozenset[str]:
        """See TellsEffect: an address is not in its set any more, or a web ACL does not ask our group."""
        seen = self._writer.seen()
        arns = {name: group.arn for name, group in seen.groups.items()}
        return idle(seen.standing(self._prefix, withheld={}), arns, leases, acls=self._acls, config=self._config)

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """See PointPort; an entry that was renewed has another name, and stays."""
        names = {entry.name for entry in entries}
        _, after = self._writer.change([], lambda tag: tag.name in names, lambda _: None)
        standing = {tag.name: tag.target for shelf in after.shelves() for tag in shelf.tags()}
        return [taken_out(entry, standing) for entry in entries]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """What the block would have hit, from the log, or from the requests that WAF sampled."""
        return self._view.estimate(spec, window)

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        """See SeesTraffic; log or samples are read once for all that is asked within a few seconds."""
        return self._view.exposure(spec, window)

    def observed(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        """See Counts: logged or sampled requests that WAF itself says the rule of this target matched."""
        return self._view.observed(spec, self._writer.seen(), self._prefix, window)

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        """Who uses an endpoint; no method means all. WAF knows no answers of the API, so `errors` says nothing."""
        spec = BlockSpec(host=host, path=path, methods=(method,) if method else ())
        return self._view.usage(spec, window)

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        """Logged requests of an endpoint, redacted, newest first; what WAF sampled is too little to be evidence.

        Raises:
            Rejected: there is no log; nothing kept must not pass for nothing that happened.
        """
        return self._view.told.samples(BlockSpec(host=host, path=path), window, limit)

    def passed(self, spec: BlockSpec, *, since: datetime, until: datetime | None = None) -> tuple[int, int | None]:
        """Requests since a time, by the log: (denied by us, let through); None where the log cannot tell.

        See LogsLate.

        Raises:
            Rejected: there is no log, or one that leaves requests out, so that none would be a claim.
            RetrySafe: nothing of that time is in the log yet.
        """
        return self._view.told.passed(spec, since, self._ours, until=until)

    def canary(self, target: str) -> Mapping[str, str]:
        """Headers that make a probe match the block of this target, without anybody's credential."""
        return _waf_sight.canary(self._writer.read(), target, self._dialect)

    def trace(self, spec: BlockSpec) -> Trace:
        """See SharesRules."""
        return _waf_sight.trace(self._writer.read(), spec, self._dialect)

    def deciding_target(self, agent: str, *, since: datetime) -> str | None:
        """Whose block denied the request with this user agent: "" for none of ours, None while the log lacks it.

        A rule that leases share is named itself where no address says which of them it was.
        """
        return self._view.told.decided(agent, since, self._ours)

    @property
    def log_seconds(self) -> float:
        """How long a proof may wait for the log to name who denied it."""
        return LOG_SECONDS if self._config.log_group else 0.0

    def serves(self, host: str) -> bool:
        """The host has a web ACL of ours."""
        return any(fnmatchcase(host.lower().rstrip("."), pattern.lower()) for pattern in self._config.web_acls)

    def doctor(self) -> Sequence[Check]:
        """Every link between Stanch, its rule groups and the web ACLs they stand in."""
        checks = _waf_sight.examine(self.name, self._config, self._acls, self._writer, self._prefix)
        return [*checks, *examine_log(self.name, self._config, self._acls, self._view.log)]

    def _ours(self) -> Ours:
        seen = self._writer.seen()
        return Ours(seen.standing(self._prefix, withheld={}), arns_of(seen))

    def _attach(self, groups: Mapping[str, str], goal: Collection[Entry]) -> None:
        """Everywhere; where that does not go, it is told if one of the goal needs it, else by `doctor`."""
        needed = {self._config.target(entry.host) for entry in goal}
        closed: dict[WebAclTarget, Rejected | AuthBlocked] = {}
        done: set[str] = set()
        for target in dict.fromkeys(self._config.web_acls.values()):
            try:
                ref = protecting(self._acls, target)
                if ref.arn not in done:
                    self._attach_to(ref, groups)
                done.add(ref.arn)
            except (Rejected, AuthBlocked) as error:
                closed[target] = error
        if closed.keys() & needed:
            raise Closed(frozenset(closed), next(closed[target] for target in closed if target in needed))

    def _attach_to(self, ref: AclRef, groups: Mapping[str, str]) -> None:
        room = (self._config.capacity, self._config.wcu_limit)
        attach(self._acls, ref, groups, behind=self._config.behind, room=room)

    def _compiled(self, leases: Iterable[Lease]) -> tuple[list[Entry], dict[str, str]]:
        """Entries, and the reason for each target that cannot become one."""
        ready: list[Entry] = []
        refused: dict[str, str] = {}
        now = datetime.now(UTC)
        for lease in leases:
            try:
                entry = compile_lease(lease, self._dialect, now=now)
                if not self.serves(str(getattr(lease.spec, "host", ""))):
                    raise Rejected("no web ACL is configured for this host", hint="add it to `web_acls`")
                ready.append(entry)
            except Rejected as error:
                refused[lease.target] = f"{error.message}; {error.hint}" if error.hint else error.message
        return ready, refused


def build(name: str, section: Mapping[str, Any]) -> WafPoint:
    """The point from its section of stanch.toml."""
    return WafPoint(name, read_section(WafPointConfig, name, section))


CONNECTOR = Connector(port="point", kind="aws_waf", build=build)
