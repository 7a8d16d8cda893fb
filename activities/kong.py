"""Kong as an enforcement point: leases become routes of its expressions router that end the request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import Field, SecretStr, field_validator

from activities._access_log import Line, read_log
from activities._addresses import https_address
from activities._edge.gateway import EdgeSection, Gateway
from activities._edge.point import EdgePoint
from activities._envoy.policy import PREFIX, Dialect
from activities._kong_admin import KongRoutes
from activities._kong_expression import compile_block
from activities._rest import Rest
from activities._section import read_section
from stanch.errors import ConnectorError
from stanch.ports import Check, Connector

_SLASHES = re.compile(r"(?:[/\\]|%2f|%5c)+", re.IGNORECASE)  # all that the rules take for one


class KongConfig(EdgeSection):
    """Section of a `kong` connector.

    Args:
        admin_url: the Admin API; plain http only on this machine.
        admin_token: sent as `Kong-Admin-Token` (RBAC), where the Admin API asks for one.
        timeout, connect_timeout: seconds to wait for an answer, for a connection.
    """

    admin_url: str
    admin_token: SecretStr = SecretStr("")
    timeout: float = Field(default=10.0, gt=0, le=30)
    connect_timeout: float = Field(default=3.0, gt=0, le=30)

    @field_validator("admin_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return https_address(value, "https://kong-admin.example.com")


def build(name: str, section: Mapping[str, Any]) -> EdgePoint:
    """The point from its section of stanch.toml."""
    config = read_section(KongConfig, name, section)
    token = config.admin_token.get_secret_value()
    headers = {"Kong-Admin-Token": token} if token else {}
    waits = (config.connect_timeout, config.timeout)
    routes = KongRoutes(Rest("Kong", config.admin_url, headers=lambda _: headers, timeout=waits))
    gateway = Gateway(
        title="Kong",
        rules=routes,
        compile_block=partial(compile_block, token_header=config.token_header, ignore_case=config.ignore_case),
        read=lambda since: read_log(config.access_log, since=since, parse=parse_line),
        checks=lambda: _checks(routes),
        dialect=Dialect(ignore_case=config.ignore_case),
    )
    return EdgePoint(name, config, gateway)


def parse_line(raw: bytes) -> Line | None:
    """One line of Kong's file-log plugin; None where it is not one."""
    try:
        body = json.loads(raw)
        request, headers = body["request"], body["request"]["headers"]
        route = str((body.get("route") or {}).get("name") or "")
        return Line(
            at=datetime.fromtimestamp(float(body["started_at"]) / 1000, tz=UTC),
            method=str(request["method"]),
            host=str(headers["host"]),
            path=_SLASHES.sub("/", str(request["uri"]).split("?", 1)[0]),
            status=int(body["response"]["status"]),
            client=str(body.get("client_ip") or ""),
            claims={},
            policy=route if route.startswith(PREFIX) else "",
            agent=str(headers.get("user-agent") or ""),
            duration_ms=float((body.get("latencies") or {}).get("request") or 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return None


def _checks(routes: KongRoutes) -> Sequence[Check]:
    try:
        version = routes.fit()
        return [Check("admin API", ok=True, detail=f"Kong {version}, {len(routes.read())} routes of ours")]
    except ConnectorError as error:
        return [Check("admin API", ok=False, detail=error.message, fix=error.hint)]


CONNECTOR = Connector(port="point", kind="kong", build=build)
