"""What the log of a web ACL proves: evidence, what got through beside a block, and whose block denied a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from activities._access_log import Redactor
from activities._waf import sees
from activities._waf.acl import Acl
from activities._waf.entry import Dialect
from activities._waf.logged import SKEW, Logged, WafLog
from activities._waf.ours import Ours
from activities._waf.record import STOPPED, Record
from stanch.errors import AuthBlocked, Rejected, RetrySafe
from stanch.estimating import Truth, judge
from stanch.leases import BlockSpec, target_of
from stanch.ports import Excerpt

LOG_SECONDS = 15.0  # how long a proof waits for each of its requests to be logged, within an attempt of a minute
_CAUGHT_UP_SECONDS = 8.0
_PAUSE_SECONDS = 2.0
NO_LOG = "set `log_group` of the connector, or prove it with `probe.expect_blocked`"


class Told:
    """Answers from the log; each raises Rejected (V075) where there is none."""

    def __init__(
        self,
        log: WafLog | None,
        *,
        acl: Callable[[str], Acl],
        hosts: Sequence[str],
        dialect: Dialect,
        redactor: Redactor,
    ) -> None:
        self._log, self._acl, self._hosts = log, acl, hosts
        self._dialect, self._redactor = dialect, redactor

    def samples(self, spec: BlockSpec, window: timedelta, limit: int) -> Excerpt:
        """Lines of an endpoint, redacted, newest first."""
        log = self._needed("no log of this web ACL is read", "ask the gateway behind it, with `at`, or set `log_group`")
        logged = log.since(self._acl(spec.host), datetime.now(UTC) - window)
        there = sees.hits(spec, self._dialect)
        lines = (one for one in logged.records if judge(there, one.request) is not Truth.NO)
        return Excerpt.of(map(self._evidence, lines), limit=limit, coverage=logged.coverage)

    def passed(
        self, spec: BlockSpec, since: datetime, ours: Callable[[], Ours], *, until: datetime | None = None
    ) -> tuple[int, int | None]:
        """Requests since a time: (denied by us, let through all the same); None where the log cannot tell.

        None let through is only said once something that happened after `until` (default: now) is logged.
        """
        log = self._needed("no log of this web ACL is read, so nobody knows what got through", NO_LOG)
        acl = self._acl(spec.host)
        log.refuse_filtered(acl)
        return passed(spec, self._caught_up(log, acl, since, until or datetime.now(UTC)), ours(), self._dialect)

    def decided(self, agent: str, since: datetime, ours: Callable[[], Ours]) -> str | None:
        """Whose block denied the request with this user agent: "" for none of ours, None while the log lacks it."""
        if self._log is None:
            return None
        try:
            lines = self._log.of_agent(agent, since=since)
            acls = set(self._arns()) if lines else ()
            found = [one for one in lines if one.acl in acls]
            whose = ours() if any(one.action == "BLOCK" for one in found) else None
        except (Rejected, RetrySafe):
            return None
        by = [whose.target(one.ended, one.request.client) for one in found if whose and one.action == "BLOCK"]
        return next(filter(None, by), "") if found else None

    def _arns(self) -> Iterator[str]:
        """Of the web ACLs that can be read: one that cannot be hides no others."""
        for host in self._hosts:
            with suppress(Rejected, AuthBlocked, RetrySafe):
                yield self._acl(host).ref.arn

    def _evidence(self, record: Record) -> dict[str, str]:
        """How the API answered what was let through is not in the log."""
        shown = self._redactor.sample(record.line())
        return {**shown, "status": str(record.status or ""), "action": record.action[:16]}

    def _needed(self, reason: str, hint: str) -> WafLog:
        if self._log is None:
            raise Rejected(reason, code="V075", hint=hint)
        return self._log

    def _caught_up(self, log: WafLog, acl: Acl, since: datetime, until: datetime) -> Logged:
        """What is logged since a time; not whole where nothing newer than another one is, after a wait.

        Raises:
            RetrySafe: nothing of that time is in the log yet, which is not nothing that got through.
        """
        end = time.monotonic() + _CAUGHT_UP_SECONDS
        while True:
            logged = log.since(acl, since - SKEW)
            newer = bool(logged.records) and logged.records[0].at >= until + logged.clock
            if newer or time.monotonic() > end:
                break
            time.sleep(_PAUSE_SECONDS)
        records = tuple(one for one in logged.records if one.at >= since + logged.clock)
        if not records:
            raise RetrySafe(f"nothing since {since:%H:%M:%S} UTC is in the WAF log yet", retry_after=15.0)
        sure = logged.whole and newer and abs(logged.clock) <= SKEW
        return replace(logged, records=records, whole=sure)


def passed(spec: BlockSpec, logged: Logged, ours: Ours, dialect: Dialect) -> tuple[int, int | None]:
    """What the log says of a block: requests that our rules denied, and those that the web ACL let through."""
    meant, target = sees.hits(spec, dialect), target_of(spec)
    denied = through = unknown = 0
    for record in logged.records:
        verdict = judge(meant, record.request)
        by = ours.target(record.ended, record.request.client) if record.action == "BLOCK" else ""
        if by:
            # an address that the block does not have was another lease's, whoever has the rule alone now
            denied += verdict is Truth.YES or (by == target and verdict is Truth.UNKNOWN)
        elif record.action not in STOPPED:
            through += verdict is Truth.YES
            unknown += verdict is Truth.UNKNOWN
    return denied, through if through or (logged.whole and not unknown) else None
