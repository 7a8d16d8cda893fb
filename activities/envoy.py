"""Envoy as an enforcement point: leases become RBAC policies in a watched file, and the access log tells the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from activities._access_log import read_log
from activities._edge.gateway import Block, Gateway, GatewaySection
from activities._edge.point import EdgePoint
from activities._edge.rules import Entry, target_in
from activities._envoy import doctor as _envoy_doctor
from activities._envoy import traffic as _envoy_traffic
from activities._envoy.admin import EnvoyAdmin
from activities._envoy.crowd import Crowd
from activities._envoy.file import RulesFile
from activities._envoy.join import compile_member
from activities._envoy.policy import Dialect, Hops, compile_policy, parse_name
from activities._envoy.publish import EnvoyRules
from activities._envoy.tokens import Policy
from activities._section import read_section
from stanch.estimating import Truth
from stanch.fitting import Need
from stanch.leases import BlockSpec, Lease, MemberSpec
from stanch.ports import Connector, Estimate, Usage
from stanch.ports_traffic import Exposure

Compile = Callable[..., Policy]


class EnvoyConfig(GatewaySection):
    """Section of an `envoy` connector.

    Args:
        directory: where the watched rules file is; Stanch must be able to write there.
        file: its name. An LDS or ECDS discovery answer in JSON that holds an RBAC filter with action DENY.
        admin_url: admin endpoint, for what Envoy accepted and counted.
        hops: `direct` matches the TCP peer; `trusted` the address Envoy derives through its trusted hops.
        jwt_payload: key under which jwt_authn puts the verified claims.
        settle: how long Envoy may take to load a file, seconds.
    """

    directory: Path
    file: str = Field(default="rbac.json", pattern=r"^[\w][\w.-]*$")
    admin_url: str
    hops: Hops = Hops.DIRECT
    jwt_payload: str = "jwt_payload"
    max_entries: int = Field(default=500, ge=1, le=5000)
    settle: float = Field(default=10.0, gt=0, le=50)


class EnvoyPoint(EdgePoint):
    """Implements PointPort. Its log names people, so that it shows more than other gateways; and it joins lists."""

    expresses = frozenset({Need.COUNT, Need.CLAIMS, Need.LIST})

    def __init__(self, name: str, config: EnvoyConfig, *, compile_block: Compile = compile_policy) -> None:
        file, admin = RulesFile(config.directory / config.file), EnvoyAdmin(config.admin_url)
        dialect = Dialect(hops=config.hops, jwt_payload=config.jwt_payload, ignore_case=config.ignore_case)

        def entry(block: Block) -> Entry:
            policy = compile_block(block.spec, canary=block.canary, dialect=dialect)
            return {"mode": "count" if block.count else "block", "policy": policy}

        gateway = Gateway(
            title="Envoy",
            rules=EnvoyRules(file, admin, settle=config.settle),
            compile_block=entry,
            read=lambda since: read_log(config.access_log, since=since),
            checks=lambda: _envoy_doctor.examine(file, admin, base_url=config.base_url),
            dialect=dialect,
        )
        super().__init__(name, config, gateway)
        self._config, self._admin = config, admin
        self._crowd = Crowd(config.access_log, dialect)

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

    def shadowed(self) -> Mapping[str, int]:
        """How often each counted-only block would have denied since Envoy started, by target."""
        counts = self._admin.policy_counts()
        return {target_in(name): counted.get("shadow_denied", 0) for name, counted in counts.items()}

    def passed(self, spec: BlockSpec, *, since: datetime) -> tuple[int, int]:
        """Requests that match the specification since a time, by the log: (denied by us, let through)."""
        judge = _envoy_traffic.Judge(spec, dialect=self._dialect)
        lines = read_log(self._config.access_log, since=since).asked().lines
        hits = [line for line in lines if judge.hits(line) is Truth.YES]
        denied = sum(1 for line in hits if parse_name(line.policy))
        return denied, len(hits) - denied

    def _entry(self, lease: Lease) -> tuple[str, Entry]:
        if not isinstance(lease.spec, MemberSpec):
            return super()._entry(lease)
        member = compile_member(lease.spec, dialect=self._dialect)
        return self._name(lease, host=lease.spec.host), {"mode": "block", "policy": member}


def build(name: str, section: Mapping[str, Any]) -> EnvoyPoint:
    """The point from its section of stanch.toml."""
    return EnvoyPoint(name, read_section(EnvoyConfig, name, section))


CONNECTOR = Connector(port="point", kind="envoy", build=build)
