"""nginx with ModSecurity as an enforcement point: leases become rules in an included file that only Stanch writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from activities._edge.gateway import EdgeSection, Gateway
from activities._edge.point import EdgePoint
from activities._envoy.paths import DECODED_TEXT
from activities._envoy.policy import Dialect
from activities._nginx import doctor as _nginx_doctor
from activities._nginx.file import NginxRules
from activities._nginx.log import read_requests
from activities._nginx.rules import compile_block
from activities._section import read_section
from stanch.ports import Check, Connector


class NginxConfig(EdgeSection):
    """Section of an `nginx` connector.

    Args:
        file: the rules file, included by `modsecurity_rules_file`; Stanch must be able to write in its directory.
        error_log: nginx's error log, where ModSecurity says which rule denied a request.
        test: command that checks the configuration.
        reload: command that loads it; empty sends SIGHUP to the process in `pid_file`.
        first_id: first of the rule ids that are Stanch's.
        settle: how long nginx may take to load the file, seconds.
        calm: for how long every new connection must meet the new rules before they count as loaded, seconds.
    """

    file: Path
    error_log: Path
    test: tuple[str, ...] = Field(default=("nginx", "-t"), min_length=1)
    reload: tuple[str, ...] = ()
    pid_file: Path | None = None
    first_id: int = Field(default=9_000_000, ge=1, le=2_000_000_000)
    settle: float = Field(default=10.0, gt=0, le=40)
    calm: float = Field(default=0.5, ge=0.2, le=10)

    @model_validator(mode="after")
    def _can_reload(self) -> NginxConfig:
        if not self.reload and self.pid_file is None:
            raise ValueError("give reload or pid_file")
        return self

    @property
    def probe(self) -> tuple[str, str]:
        return self.base_url, self.hosts[0].replace("*", "stanch-probe")


def build(name: str, section: Mapping[str, Any]) -> EdgePoint:
    """The point from its section of stanch.toml."""
    config = read_section(NginxConfig, name, section)
    rules = NginxRules(
        config.file,
        first_id=config.first_id,
        secret=config.secret,
        test=config.test,
        reload=config.reload,
        pid_file=config.pid_file,
        probe=config.probe,
        settle=config.settle,
        calm=config.calm,
    )

    def checks() -> Sequence[Check]:
        return _nginx_doctor.examine(rules, probe=config.probe, error_log=config.error_log)

    gateway = Gateway(
        title="nginx",
        rules=rules,
        compile_block=partial(compile_block, token_header=config.token_header, ignore_case=config.ignore_case),
        read=lambda since: read_requests(config.access_log, config.error_log, secret=config.secret, since=since),
        checks=checks,
        dialect=Dialect(ignore_case=config.ignore_case, spelling=DECODED_TEXT),
    )
    return EdgePoint(name, config, gateway)


CONNECTOR = Connector(port="point", kind="nginx", build=build)
